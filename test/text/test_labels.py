"""Typed text: spaces and joiners of other scripts, commas, Latin or not."""

import pytest

from seg3d_ros.text.labels import check_text, fold, is_latin
from seg3d_ros.text.vocabulary import Vocabulary


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        ("coffee\u00a0table", "coffee table"),
        ("\u3000椅子\u3000", "椅子"),
        ("\ufeffsoft\u00adware", "software"),
        ("می\u200cز", "می\u200cز"),
        ("👩\u200d🍳", "👩\u200d🍳"),
        ("Mo\u0308bel", "Möbel"),
    ],
)
def test_what_copied_text_brings_along_is_normalised(typed: str, normal: str) -> None:
    assert check_text(typed, "label") == normal
    assert Vocabulary([typed]).labels == (normal,)


@pytest.mark.parametrize(
    "text", ["\u200c", "\u200d\u00a0", "\u00ad", "a\u202eb", "a\u2028b", "a\x00"]
)
def test_empty_and_control_characters_are_still_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"empty|control"):
        check_text(text, "label")


def test_the_same_word_composed_in_two_ways_is_one_word() -> None:
    assert fold("M\u00d6BEL") == fold(" mo\u0308bel\u00a0")
    with pytest.raises(ValueError, match="labels 1 and 2"):
        Vocabulary(["Mo\u0308bel", "m\u00f6bel"])


@pytest.mark.parametrize(
    "text", ["chair", "Bücherregal", "café", "5", "π meson", "TV-stand", "—", "chair ♿"]
)
def test_latin(text: str) -> None:
    assert is_latin(text)


@pytest.mark.parametrize(
    "text", ["椅子", "стул", "كرسي", "의자", "いす", "कुर्सी", "🪑", "σοφά", "می\u200cز"]
)
def test_not_latin(text: str) -> None:
    assert not is_latin(text)


def test_labels_that_are_probably_a_mistake_are_warned_of(encoder, caplog) -> None:
    foreign = Vocabulary(["椅子", "table|стол", "lamp"], encoder=encoder)
    assert len(foreign.warnings) == 1
    assert foreign.warnings[0].startswith("2 of 3 labels, such as '椅子'")
    commas = Vocabulary(["chair,table,sofa", "lamp"])
    assert commas.warnings == ("label 'chair,table,sofa' holds commas; one label a word?",)
    assert [record.getMessage() for record in caplog.records] == [
        *foreign.warnings,
        *commas.warnings,
    ]
    encoder.latin_only = False
    assert Vocabulary(["椅子"], encoder=encoder).warnings == ()
