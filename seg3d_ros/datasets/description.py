"""Description of a data set on disk: how it was made, and the names of its classes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seg3d_ros.errors import InputError
from seg3d_ros.files import replacing


def describe(
    folder: Path,
    description: Mapping[str, Any],
    names: Sequence[str] | None,
    *,
    scenes: str,
    options: str,
) -> None:
    """Write dataset.json and names.txt, or check that what is there was made in the same way.

    Args:
        folder: of the data set; made if it is missing.
        description: choices that it was made with, ready for JSON.
        names: of its classes, by number; None: no names of its own.
        scenes: word for its scenes in a message.
        options: words for the choices in a message.

    Raises:
        InputError: the folder holds scenes that were made otherwise, or its description is
            damaged.
    """
    path = folder / "dataset.json"
    if path.exists():
        found = _read(path)
        differing = [key for key, value in description.items() if found.get(key) != value]
        if differing:
            raise InputError(
                f"{folder} holds {scenes} made with another {' and '.join(differing)}; "
                f"choose an empty folder, or the same {options}"
            )
        return
    folder.mkdir(parents=True, exist_ok=True)
    if names is not None:
        _write(folder / "names.txt", "".join(f"{name}\n" for name in names))
    _write(path, json.dumps(description, indent=1) + "\n")  # last: it says that all is there


def _write(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except ValueError as error:
        raise InputError(f"{path} is no description of a data set ({error})") from error
    return found if isinstance(found, dict) else {}
