"""Map files: voxels, objects and keyframes in one file that is written whole or not at all.

The file is a zip: meta.json (see `map_meta`), plain .npy arrays of the voxels (submaps/0/), of
the objects (objects/) and of the keyframes (keyframes/), which may be missing. Other members are
left alone. Files of the formats 1 and 2, zips of arrays "voxels.keys", "objects.id", ... and a
version, are read as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from seg3d_ros.array_archive import (
    ARRAY_SUFFIX,
    DAMAGES,
    HEADER_BYTES,
    Members,
    member_names,
    read_members,
    write_members,
)
from seg3d_ros.errors import InputError
from seg3d_ros.files import replacing
from seg3d_ros.objects.map_meta import (
    FORMAT_VERSION,
    MAX_META_BYTES,
    READ_VERSIONS,
    MapMeta,
    MapVersionError,
    is_of_package,
    parse_meta,
    read_versions,
)
from seg3d_ros.objects.old_archive import upgrade_objects

Arrays = Mapping[str, npt.NDArray[Any]]

MAX_BYTES = 1 << 30  # 20 million voxels with position, color and weight
_META, _VOXELS, _OBJECTS, _KEYFRAMES = "meta.json", "submaps/0/", "objects/", "keyframes/"
_OLD_VERSION, _OLD_VOXELS, _OLD_OBJECTS = "seg3d_ros_map_version", "voxels.", "objects."
_OLD_VERSION_FILE = _OLD_VERSION + ARRAY_SUFFIX


class MapFileError(Exception):
    """A map file cannot be read or written; the message says which, why, and what to do."""


class MapFile(NamedTuple):
    """Content of a map file.

    Attributes:
        meta: its description.
        voxels: arrays of `VoxelMap.to_arrays`.
        objects: arrays of `ObjectMap.to_arrays`.
        keyframes: arrays of `pack_keyframes`; empty in older files.
    """

    meta: MapMeta
    voxels: Arrays
    objects: Arrays
    keyframes: Arrays = MappingProxyType({})


def save_map(
    path: str | Path,
    voxels: Arrays,
    objects: Arrays,
    keyframes: Arrays = MappingProxyType({}),
    *,
    fixed_frame: str = "",
    max_bytes: int = MAX_BYTES,
) -> Path:
    """Write a map file; a crash or a full disk leaves an older file as it was.

    Args:
        path: file to make, or map file to replace; "~" is the user's home, missing folders are
            made.
        voxels: arrays of the voxel map.
        objects: arrays of the object map.
        keyframes: arrays of the keyframes.
        fixed_frame: frame that the positions are in; empty: unknown.
        max_bytes: what `load_map` will accept.

    Returns:
        The path written, "~" resolved.

    Raises:
        MapFileError: the file cannot be written, is there and no map, or the map is too large.
    """
    target = _resolve(path, "write")
    _check_replaceable(target)
    parts = {_VOXELS: voxels, _OBJECTS: objects, _KEYFRAMES: keyframes}
    arrays = {prefix + name: part[name] for prefix, part in parts.items() for name in part}
    meta = MapMeta(
        fixed_frame=fixed_frame,
        voxel_size=float(voxels.get("voxel_size", 0.0)),
        spaces=tuple(np.unique(objects.get("embedding_space", [])).tolist()),
    ).to_json()
    size = sum(HEADER_BYTES + np.asarray(array).nbytes for array in arrays.values()) + len(meta)
    if size > max_bytes:
        raise MapFileError(
            f"cannot write the map {target}: it has {size} bytes, and only {max_bytes} could be "
            "loaded again; lower map.max_voxels or raise map.voxel_size"
        )
    try:
        with replacing(target) as temporary, temporary.open("wb") as file:
            write_members(file, arrays, {_META: meta})
    except OSError as error:
        raise MapFileError(
            f"cannot write the map {target}: {error}; give a path in a folder that can be written"
        ) from error
    return target


def load_map(path: str | Path, *, fixed_frame: str = "", max_bytes: int = MAX_BYTES) -> MapFile:
    """Read a map file.

    Args:
        path: file written by `save_map`; "~" is the user's home.
        fixed_frame: frame that the positions have to be in; empty: any.
        max_bytes: largest unpacked size that is accepted.

    Raises:
        MapFileError: there is no such file, it is not a map file of a version that is read, or
            its positions are in another frame.
    """
    source = _resolve(path, "read")
    found = _read(source, _is_part, _is_old_part, max_bytes=max_bytes)
    saved = found.meta.fixed_frame
    if fixed_frame and saved and fixed_frame != saved:
        raise MapFileError(
            f"cannot load the map {source}: its positions are in the frame {saved!r}, those here "
            f"in {fixed_frame!r}; set node.fixed_frame to {saved!r}, or load another map"
        )
    return found


def read_meta(path: str | Path) -> MapMeta:
    """Read the description in a map file, without its arrays, which tell the spaces of old files.

    Raises:
        MapFileError: there is no such file, or it is not a map file of a version that is read.
    """
    source = _resolve(path, "read")
    return _read(source, _META.__eq__, _OLD_VERSION_FILE.__eq__, max_bytes=MAX_META_BYTES).meta


def _read(
    source: Path,
    is_part: Callable[[str], bool],
    is_old_part: Callable[[str], bool],
    *,
    max_bytes: int,
) -> MapFile:
    """Those members of a map file that are asked for, of today's and of older files."""
    try:
        if not source.is_file():
            raise MapFileError(
                f"cannot read the map {source}: there is no such file; check the path"
            )
        is_old = _OLD_VERSION_FILE in member_names(source)
        members = read_members(source, is_old_part if is_old else is_part, max_bytes=max_bytes)
        return _old_map(members) if is_old else _map(members)
    except MapVersionError as error:
        raise MapFileError(
            f"cannot read the map {source}: {error}; read it with the program that wrote it"
        ) from error
    except DAMAGES as error:
        raise MapFileError(
            f"cannot read the map {source}: it is not a map file, or a damaged one "
            f"({error or type(error).__name__}); give a file that save_map has written"
        ) from error


def _is_part(name: str) -> bool:
    is_keyframes = name.startswith(_KEYFRAMES) and name.endswith(ARRAY_SUFFIX)
    return name == _META or name.startswith((_VOXELS, _OBJECTS)) or is_keyframes


def _is_old_part(name: str) -> bool:
    return name.startswith((_OLD_VERSION, _OLD_VOXELS, _OLD_OBJECTS))


def _map(members: Members) -> MapFile:
    if _META not in members.files:
        raise InputError("it has no version")
    if len(members.files[_META]) > MAX_META_BYTES:
        raise InputError(f"its {_META} is too long")
    meta = parse_meta(members.files[_META])
    return MapFile(meta, *(_part(members, part) for part in (_VOXELS, _OBJECTS, _KEYFRAMES)))


def _old_map(members: Members) -> MapFile:
    version = members.arrays[_OLD_VERSION]
    if version.shape != () or version not in READ_VERSIONS or version == FORMAT_VERSION:
        raise MapVersionError(f"its version is {version}, this program reads {read_versions()}")
    voxels, objects = _part(members, _OLD_VOXELS), _part(members, _OLD_OBJECTS)
    objects = upgrade_objects(objects) if objects else objects
    meta = MapMeta(
        spaces=tuple(np.unique(objects.get("embedding_space", [])).tolist()),
        format_version=int(version),
        package_version="",
    )
    return MapFile(meta, voxels, objects)


def _part(members: Members, prefix: str) -> dict[str, npt.NDArray[Any]]:
    return {
        name.removeprefix(prefix): array
        for name, array in members.arrays.items()
        if name.startswith(prefix)
    }


def _resolve(path: str | Path, verb: str) -> Path:
    if not str(path).strip() or "\0" in str(path):
        raise MapFileError(f"cannot {verb} the map {str(path)!r}: give the path of a file")
    try:
        resolved = Path(path).expanduser()
    except RuntimeError as error:
        raise MapFileError(f"cannot {verb} the map {path}: {error}; give a full path") from error
    try:
        is_folder = resolved.is_dir()
    except OSError as error:  # the name is too long, or a folder above it is closed to us
        raise MapFileError(f"cannot {verb} the map: {error}; give another path") from error
    if is_folder:
        raise MapFileError(f"cannot {verb} the map {resolved}: it is a folder; name a file in it")
    return resolved


def _check_replaceable(target: Path) -> None:
    """Refuse to overwrite what is no map file; an empty file may have been made for one."""
    try:
        if not target.exists() or (target.is_file() and not target.stat().st_size):
            return
    except OSError:
        pass
    if not is_map_file(target):
        raise MapFileError(
            f"cannot write the map {target}: there is something else that is no map file; "
            "remove it or give another path"
        )


def is_map_file(path: Path) -> bool:
    """Whether a path is a file that `save_map` has written, of any version."""
    try:
        if not path.is_file():
            return False
        if _OLD_VERSION_FILE in member_names(path):
            return True
        members = read_members(path, _META.__eq__, max_bytes=MAX_META_BYTES)
        return is_of_package(members.files[_META])
    except (KeyError, *DAMAGES):
        return False
