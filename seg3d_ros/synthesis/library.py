"""Furniture libraries of Sweet Home 3D: zips (.sh3f) of a catalogue, OBJ, MTL and images.

Debian packages five of them (sweethome3d-furniture); CC0 and CC BY models of known real size.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from seg3d_ros.errors import InputError

logger = logging.getLogger(__name__)

PACKAGE = "sweethome3d-furniture"
_CATALOGUE = "PluginFurnitureCatalog.properties"
_HOW_TO_GET_THEM = (
    f"get Debian's package with `apt-get download {PACKAGE} && dpkg -x {PACKAGE}_*.deb furniture` "
    "and give that folder"
)
_LICENCES = {
    "BlendSwap-CC-0": "CC0 1.0",
    "BlendSwap-CC-BY": "CC BY 3.0",
    "KatorLegaz": "CC BY 3.0 US",
    "Reallusion": "CC BY 3.0 US",
    "Scopia": "CC BY 3.0",
}


class LibraryError(InputError):
    """Furniture is missing or cannot be read; the text says what to do."""


@dataclass(frozen=True)
class FurnitureModel:
    """An entry of a catalogue; sizes in metres, in a frame with z up and the front towards -y.

    Attributes:
        key: folder of the model in its library, "scopia/armchair"; unique among all libraries.
        title: what its author calls it.
        path: its OBJ file in the library.
        library: the .sh3f file's stem.
        licence: short name of the library's licence.
        creator: who made it.
        width, depth, height: extents along x, y and z.
        elevation: height above the floor its author hangs it at; None for what stands.
        surface: height of the surface that carries things; None if nothing stays on it.
        rotation: row-major (3, 3) turn to apply in the file's frame (y up, front towards +z).
    """

    key: str
    title: str
    path: str
    library: str
    licence: str
    creator: str
    width: float
    depth: float
    height: float
    elevation: float | None
    surface: float | None
    rotation: tuple[float, ...]


def default_folder() -> Path:
    """`seg3d_ros/furniture` in the user's cache folder ($XDG_CACHE_HOME, else ~/.cache)."""
    root = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(root).expanduser() / "seg3d_ros" / "furniture"


def find_libraries(folder: Path) -> list[Path]:
    """The .sh3f files at or below a folder, by name.

    Raises:
        LibraryError: there are none.
    """
    found = sorted(folder.rglob("*.sh3f"), key=lambda path: path.name)
    if not found:
        raise LibraryError(f"no furniture library (.sh3f) in {folder}: {_HOW_TO_GET_THEM}")
    return found


def fetch_libraries(folder: Path) -> list[Path]:
    """The .sh3f files in a folder; if there are none, Debian's are downloaded to it first.

    Nothing is installed: apt-get downloads the package (120 MB) and dpkg unpacks it.

    Raises:
        LibraryError: the download failed, there is no apt-get, say.
    """
    if folder.is_dir() and any(folder.rglob("*.sh3f")):
        return find_libraries(folder)
    logger.info("downloading %s (120 MB) to %s", PACKAGE, folder)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as directory:
        _download(Path(directory))
        for library in find_libraries(Path(directory)):
            library.replace(folder / library.name)
    return find_libraries(folder)


def _download(directory: Path) -> None:
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        raise LibraryError(f"no apt-get here to download furniture: {_HOW_TO_GET_THEM}")
    try:
        _run("apt-get", "download", PACKAGE, directory=directory)
        for package in directory.glob("*.deb"):
            _run("dpkg", "-x", package.name, ".", directory=directory)
    except subprocess.CalledProcessError as error:
        reason = error.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise LibraryError(
            f"cannot download furniture ({reason[0]}): {_HOW_TO_GET_THEM}"
        ) from error


def _run(*command: str, directory: Path) -> None:
    subprocess.run(command, cwd=directory, check=True, capture_output=True, text=True)


def read_libraries(paths: Iterable[Path]) -> dict[str, FurnitureModel]:
    """The models of several libraries by their keys.

    Raises:
        LibraryError: a file is no furniture library.
    """
    return {model.key: model for path in paths for model in read_library(path)}


def read_library(path: Path) -> list[FurnitureModel]:
    """The models of one library, in the catalogue's order.

    Raises:
        LibraryError: the file is no furniture library.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            text = archive.read(_CATALOGUE).decode("latin-1")
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise LibraryError(f"{path} is no furniture library: {error}") from error
    entries = _entries(text).values()
    return [_model(entry, path.stem) for entry in entries if "model" in entry]


def _entries(text: str) -> dict[str, dict[str, str]]:
    """Values of `name#number=value` lines as number -> name -> value."""
    entries: dict[str, dict[str, str]] = {}
    for line in text.splitlines():
        key, _, value = line.partition("=")
        name, _, number = key.strip().partition("#")
        if number.isdigit():
            entries.setdefault(number, {})[name] = _unescaped(value.strip())
    return entries


def _unescaped(value: str) -> str:
    r"""Resolve the \uXXXX of a Java properties file and drop its other backslashes."""
    head, *rest = value.split("\\u")
    tail = (chr(int(part[:4], 16)) + part[4:] for part in rest)
    return (head + "".join(tail)).replace("\\", "")


def _model(entry: dict[str, str], library: str) -> FurnitureModel:
    metres = {
        name: round(float(entry[name]) / 100, 5)
        for name in ("width", "depth", "height", "elevation", "dropOnTopElevation")
        if name in entry
    }
    surface = metres.get("dropOnTopElevation", metres["height"])
    path = entry["model"].lstrip("/")
    return FurnitureModel(
        key=path.rpartition("/")[0],
        title=entry["name"],
        path=path,
        library=library,
        licence=_LICENCES.get(library, "see its library"),
        creator=entry.get("creator", ""),
        width=metres["width"],
        depth=metres["depth"],
        height=metres["height"],
        elevation=metres.get("elevation"),
        surface=surface if surface > 0 else None,
        rotation=tuple(map(float, entry.get("modelRotation", "1 0 0 0 1 0 0 0 1").split())),
    )
