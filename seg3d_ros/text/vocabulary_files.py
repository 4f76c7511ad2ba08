"""Vocabularies as text files: one label a line.

    # things in a kitchen
    sofa|couch|settee      synonyms; the first is shown
    -wall                  background: competes, is shown as "background"

Lines that are empty or start with # say nothing. What a label may be, `Vocabulary` tells.
"""

from __future__ import annotations

from pathlib import Path

from seg3d_ros.errors import InputError
from seg3d_ros.text.labels import MAX_LABELS, MAX_LENGTH

_FOLDER = Path(__file__).parent / "vocabularies"
_MAX_BYTES = 4 * MAX_LABELS * MAX_LENGTH  # the longest UTF-8 of the largest vocabulary


def bundled_vocabularies() -> tuple[str, ...]:
    """Names of the vocabularies that come with the package."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.txt")))


def load_vocabulary_file(name_or_path: str | Path) -> list[str]:
    """Read the labels of a bundled vocabulary ("household") or of a file ("./mine.txt").

    Returns:
        Labels as `Vocabulary` takes them, in the file's order.

    Raises:
        FileNotFoundError: there is neither; the message lists the bundled ones.
        InputError: the file is too large, no text, or without labels.
    """
    path = Path(name_or_path)
    if str(name_or_path) in bundled_vocabularies():
        path = _FOLDER / f"{name_or_path}.txt"
    if not path.is_file():
        raise FileNotFoundError(
            f"no vocabulary {str(name_or_path)!r}: give the path of a file with one label a "
            f"line, or one of {', '.join(bundled_vocabularies())}"
        )
    lines = (line.strip() for line in _read(path).splitlines())
    labels = [line for line in lines if line and not line.startswith("#")]
    if not labels:
        raise InputError(f"{path} holds no labels; write one a line")
    return labels


def _read(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise InputError(f"{path} is larger than {_MAX_BYTES} bytes; it is no vocabulary")
    try:
        return data.decode("utf-8-sig")  # Windows editors put a mark in front
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no UTF-8 text ({error}); save it as UTF-8") from error
