"""Vocabulary files: the bundled ones are what they say, others are read or refused."""

import importlib.util

import pytest

from seg3d_ros.text.labels import BACKGROUND
from seg3d_ros.text.minilm import WEIGHTS_PACKAGE
from seg3d_ros.text.vocabulary import Vocabulary
from seg3d_ros.text.vocabulary_files import bundled_vocabularies, load_vocabulary_file

# Labels and those of them that are background, as the benchmarks publish them.
SIZES = {"household": (153, 0), "replica": (51, 3), "scannet20": (20, 2)}
SIZES |= {"scannet200": (200, 2), "scannetpp": (100, 16)}


@pytest.mark.parametrize("name", SIZES)
def test_the_bundled_vocabularies_have_their_size_and_no_label_twice(name: str) -> None:
    entries = load_vocabulary_file(name)
    background = [entry for entry in entries if entry.startswith("-")]
    assert (len(entries), len(background)) == SIZES[name]
    vocabulary = Vocabulary(entries)  # refuses a word that stands in two labels
    assert vocabulary.entries == tuple(entries)
    assert (vocabulary.labels[-1] == BACKGROUND) == bool(background)
    assert {"wall", "floor"} <= {entry.strip("-") for entry in entries}
    assert all(entry == entry.lower() for entry in entries)


def test_all_bundled_vocabularies_are_known() -> None:
    assert bundled_vocabularies() == tuple(SIZES)


def test_the_order_of_the_benchmarks_is_kept() -> None:
    assert load_vocabulary_file("scannet20")[-1] == "other furniture"
    scannet200 = load_vocabulary_file("scannet200")
    assert (scannet200[1], scannet200[99], scannet200[-1]) == ("chair", "ladder", "mattress")
    scannetpp = load_vocabulary_file("scannetpp")
    assert (scannetpp[3], scannetpp[50], scannetpp[-1]) == ("table", "poster", "marker")
    replica = load_vocabulary_file("replica")
    assert (replica[0], replica[30], replica[-1]) == ("basket", "pillow", "rug")


def test_a_file_of_ones_own(tmp_path) -> None:
    path = tmp_path / "mine.txt"
    path.write_bytes("\ufeff# things\r\n\r\n  sofa | couch\r\n-wall\r\n\tGrüße\r\n".encode())
    assert load_vocabulary_file(path) == ["sofa | couch", "-wall", "Grüße"]
    assert load_vocabulary_file(str(path)) == load_vocabulary_file(path)


def test_the_file_beside_me_is_not_taken_for_a_bundled_name(tmp_path, monkeypatch) -> None:
    (tmp_path / "replica").write_text("lamp")
    monkeypatch.chdir(tmp_path)
    assert len(load_vocabulary_file("replica")) == 51
    assert load_vocabulary_file("./replica") == ["lamp"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"# nothing\n\n", "holds no labels"),
        (b"lamp\n\xff\xfe\n", "no UTF-8"),
        (bytes(8_000_001), "larger than"),
    ],
    ids=["empty", "binary", "large"],
)
def test_what_is_no_vocabulary_is_refused(content, message, tmp_path) -> None:
    path = tmp_path / "mine.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load_vocabulary_file(path)


@pytest.mark.parametrize("name", ["houshold", "", "../vocabularies/household", "/"])
def test_an_unknown_name_is_answered_with_the_known_ones(name: str) -> None:
    with pytest.raises(FileNotFoundError, match="one of household, replica, scannet20"):
        load_vocabulary_file(name)


@pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("transformers", WEIGHTS_PACKAGE)),
    reason="the extra seg3d_ros[text] is not installed",
)
def test_the_household_words_find_what_people_say() -> None:
    from seg3d_ros.text.encoder import load_text_encoder

    encoder = load_text_encoder("all-MiniLM-L6-v2")
    vocabulary = Vocabulary(load_vocabulary_file("household"), encoder=encoder)
    said = {
        "loveseat": "sofa",
        "a place to sleep": "bed",
        "laundry machine": "washing machine",
        "machine that brews coffee": "coffee maker",
        "rucksack": "backpack",
        "gray swivel chair with wheels": "office chair",
        "computer display": "monitor",
        "white plaster wall": "wall",
        "wooden parquet floor": "floor",
    }
    ranked = vocabulary.classify(encoder.encode(list(said)))
    assert {text: best[0].label for text, best in zip(said, ranked, strict=True)} == said
