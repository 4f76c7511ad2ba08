"""Vocabulary: what is refused, what is embedded, how labels are ranked."""

import sys

import numpy as np
import pytest

from seg3d_ros.text.cache import EmbeddingCache
from seg3d_ros.text.labels import BACKGROUND, MAX_LABELS
from seg3d_ros.text.vocabulary import Vocabulary


def test_synonyms_make_one_label_with_the_first_word_shown() -> None:
    vocabulary = Vocabulary([" sofa | couch|settee", "lamp"], version=7)
    assert vocabulary.labels == ("sofa", "lamp")
    assert vocabulary.entries == ("sofa|couch|settee", "lamp")
    assert vocabulary.templates == ("{}",)
    assert (vocabulary.version, len(vocabulary)) == (7, 2)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([], "empty"),
        ([""], "label 1 is empty"),
        (["chair", "  "], "label 2 is empty"),
        (["chair", "Chair"], "labels 1 and 2"),
        (["sofa|couch", "couch"], "'couch' stands in labels 1 and 2"),
        (["sofa||couch"], "synonym of label 1 is empty"),
        (["a\tb"], "control characters"),
        (["bell\x07"], "control characters"),
        (["\ud800"], "control characters"),
        (["chair", "-"], "synonym of label 2 is empty"),
        (["-wall", "wall"], "'wall' stands in labels 1 and 2"),
        (["-wall", "-floor"], "all labels are background"),
        (["x" * 201], "201 characters"),
        ([str(i) for i in range(MAX_LABELS + 1)], "10001 labels"),
    ],
)
def test_absurd_labels_are_refused(labels: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Vocabulary(labels)


@pytest.mark.parametrize(
    ("templates", "message"),
    [
        (["a photo"], "0 places"),
        (["{} and {}"], "2 places"),
        ([" "], "template 1 is empty"),
        (["{}", "a\n{}"], "template 2"),
    ],
)
def test_absurd_templates_are_refused(templates: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Vocabulary(["chair"], templates=templates)


def test_a_vocabulary_that_would_take_hours_to_embed_is_refused(encoder) -> None:
    labels = [f"thing {i}" for i in range(MAX_LABELS)]
    with pytest.raises(ValueError, match="210000 texts"):
        Vocabulary(labels, templates=[f"{{}} {i}" for i in range(21)], encoder=encoder)
    assert encoder.encoded == []
    assert len(Vocabulary(labels)) == MAX_LABELS


def test_a_template_is_text_and_not_a_format(encoder) -> None:
    Vocabulary(["{0.__class__}"], templates=["a {} {x!r}"], encoder=encoder)
    assert encoder.encoded == ["a {0.__class__} {x!r}"]


def test_a_label_is_the_normalised_mean_over_synonyms_and_templates(encoder) -> None:
    templates = ["{}", "a photo of a {}"]
    vocabulary = Vocabulary(["lamp", "sofa|couch"], templates=templates, encoder=encoder)
    texts = ["sofa", "a photo of a sofa", "couch", "a photo of a couch"]
    mean = encoder.encode(texts).mean(axis=0)
    sofa = mean / np.linalg.norm(mean)
    lamp = encoder.encode(["lamp", "a photo of a lamp"]).sum(axis=0)
    lamp /= np.linalg.norm(lamp)
    (ranked,) = vocabulary.classify(sofa[None])
    assert [candidate.label for candidate in ranked] == ["sofa", "lamp"]
    odds = np.exp((1 - float(lamp @ sofa)) / encoder.temperature)
    assert ranked[0].probability == pytest.approx(odds / (1 + odds), rel=1e-4)


def test_embeddings_stand_in_the_order_of_the_things_then_of_the_background(encoder) -> None:
    embeddings = Vocabulary(["-wall", "chair", "lamp"], encoder=encoder).embeddings
    apart = [
        Vocabulary([word], encoder=encoder).embeddings[0] for word in ("chair", "lamp", "wall")
    ]
    np.testing.assert_array_equal(embeddings, apart)
    with pytest.raises(ValueError, match="no text encoder; it has no embeddings"):
        _ = Vocabulary(["chair"]).embeddings


def test_candidates_are_the_five_best_of_a_full_sort(encoder) -> None:
    words = [f"word{i}" for i in range(40)]
    vocabulary = Vocabulary(words, templates=["{}"], encoder=encoder)
    asked = encoder.encode([f"word{i} word{i + 1}" for i in range(20)])
    cosines = asked @ encoder.encode(words).T
    weights = np.exp(cosines.astype(np.float64) / encoder.temperature)
    for ranked, row in zip(vocabulary.classify(asked), weights, strict=True):
        best = np.argsort(-row)[:5]
        assert [label for label, _ in ranked] == [words[i] for i in best]
        np.testing.assert_allclose([p for _, p in ranked], row[best] / row.sum(), rtol=1e-3)


def test_a_sharp_temperature_does_not_overflow(encoder) -> None:
    encoder.temperature = 0.002
    vocabulary = Vocabulary(["lamp", "mug"], templates=["{}"], encoder=encoder)
    (ranked,) = vocabulary.classify(encoder.encode(["mug"]))
    assert ranked[0] == ("mug", pytest.approx(1.0))


def test_few_labels_and_no_objects(encoder) -> None:
    vocabulary = Vocabulary(["lamp"], encoder=encoder)
    assert vocabulary.classify(encoder.encode(["mug"])) == [(("lamp", 1.0),)]
    assert vocabulary.classify(np.empty((0, encoder.dimension), np.float32)) == []


def test_without_an_encoder_or_with_another_space_it_says_so(encoder) -> None:
    bare = Vocabulary(["lamp"])
    with pytest.raises(ValueError, match="no text encoder"):
        bare.classify(np.ones((1, 32), np.float32))
    with pytest.raises(ValueError, match="no text encoder"):
        bare.embed_text("lamp")
    with pytest.raises(ValueError, match="gives 32 numbers"):
        Vocabulary(["lamp"], encoder=encoder).classify(np.ones((1, 7), np.float32))
    assert not bare.can_classify(encoder.name)
    named = Vocabulary(["lamp"], encoder=encoder)
    assert named.can_classify(encoder.name) and not named.can_classify("other words")


def test_a_free_text_is_encoded_once(encoder) -> None:
    vocabulary = Vocabulary(["lamp"], templates=["{}"], encoder=encoder)
    first = vocabulary.embed_text("something warm")
    np.testing.assert_array_equal(first, vocabulary.embed_text("something warm"))
    assert encoder.encoded == ["lamp", "something warm"]
    for i in range(300):
        vocabulary.embed_text(f"query {i}")
        vocabulary.embed_text("something warm")
    assert len(vocabulary._queries) == 256
    assert encoder.encoded.count("something warm") == 1


def test_only_labels_that_the_cache_lacks_are_encoded(encoder, tmp_path) -> None:
    first = Vocabulary(["lamp", "sofa"], encoder=encoder, cache=EmbeddingCache(tmp_path))
    encoder.encoded.clear()
    second = Vocabulary(["sofa", "lamp", "mug"], encoder=encoder, cache=EmbeddingCache(tmp_path))
    assert encoder.encoded == ["mug", "a mug"]  # templates of the encoder
    np.testing.assert_array_equal(second._embeddings[[1, 0]], first._embeddings)
    encoder.encoded.clear()
    Vocabulary(["lamp|light", "sofa"], encoder=encoder, cache=EmbeddingCache(tmp_path))
    Vocabulary(["sofa"], templates=["a {}"], encoder=encoder, cache=EmbeddingCache(tmp_path))
    assert encoder.encoded[-1] == "a sofa"  # other templates are another vector
    assert len(encoder.encoded) == 2 * len(encoder.templates) + 1


def test_background_labels_are_one_shown_label_with_the_sum_of_their_shares(encoder) -> None:
    entries = ["-wall", "lamp", "- floor | ground", "mug", "sofa"]
    marked = Vocabulary(entries, encoder=encoder)
    assert marked.labels == ("lamp", "mug", "sofa", BACKGROUND)
    assert marked.entries == ("-wall", "lamp", "-floor|ground", "mug", "sofa")
    plain = Vocabulary([entry.lstrip("- ") for entry in entries], encoder=encoder)
    asked = encoder.encode(["wall", "floor wall lamp", "mug", "sofa wall"])
    for ranked, apart in zip(marked.classify(asked), plain.classify(asked), strict=True):
        assert [p for _, p in ranked] == sorted((p for _, p in ranked), reverse=True)
        shares, expected = dict(ranked), dict(apart)
        expected[BACKGROUND] = expected.pop("wall") + expected.pop("floor")
        assert shares == pytest.approx(expected, rel=1e-4)


def test_background_wins_by_what_its_labels_are_together(encoder) -> None:
    asked = encoder.encode(["wall floor lamp"])
    vocabulary = Vocabulary(["-wall", "-floor", "lamp"], templates=["{}"], encoder=encoder)
    assert vocabulary.classify(asked)[0][0].label == BACKGROUND


def test_the_word_background_needs_no_mark(encoder) -> None:
    vocabulary = Vocabulary(["Background|other", "lamp", "-wall"], encoder=encoder)
    assert vocabulary.labels == ("lamp", BACKGROUND)
    assert Vocabulary(["background", "lamp"]).labels == ("lamp", BACKGROUND)


def test_what_was_encoded_before_an_interruption_is_kept(encoder, tmp_path) -> None:
    class Interrupted(type(encoder)):
        def encode(self, texts):
            if "word70" in texts:
                raise KeyboardInterrupt
            return super().encode(texts)

    words = [f"word{i}" for i in range(100)]
    with pytest.raises(KeyboardInterrupt):
        Vocabulary(words, encoder=Interrupted(), cache=EmbeddingCache(tmp_path))
    Vocabulary(words, encoder=encoder, cache=EmbeddingCache(tmp_path))
    assert 0 < len(encoder.encoded) < len(words) * len(encoder.templates)
    assert "word0" not in encoder.encoded
    assert "word99" in encoder.encoded


def test_a_thousand_labels_show_a_progress_bar_on_a_terminal_only(encoder, monkeypatch) -> None:
    def output(count: int, *, terminal: bool) -> str:
        written: list[str] = []
        monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
        monkeypatch.setattr(sys.stderr, "write", written.append)
        Vocabulary([f"word{i}" for i in range(count)], encoder=encoder)
        monkeypatch.undo()
        return "".join(written)

    assert "1000/1000" in output(1000, terminal=True)
    assert output(1000, terminal=False) == ""
    assert output(20, terminal=True) == ""
