"""Engines for saved maps."""

from __future__ import annotations

from pathlib import Path

from seg3d_ros.engine.engine import Engine
from seg3d_ros.engine.perception import PerceptionSettings
from seg3d_ros.errors import InputError
from seg3d_ros.objects.map_meta import MapMeta
from seg3d_ros.objects.storage import MapFileError, read_meta
from seg3d_ros.settings import with_values


def engine_for_map(path: Path, settings: PerceptionSettings) -> tuple[Engine, MapMeta]:
    """Make an engine that can load a map file, and read what the file says of itself.

    Args:
        path: of the map.
        settings: of the engine; the map brings its own voxel size.

    Raises:
        MapFileError: the file cannot be read.
    """
    meta = read_meta(path)
    voxel_size = meta.voxel_size or settings.map.voxel_size  # old files do not say it
    return Engine(with_values(settings, {"map.voxel_size": voxel_size})), meta


def open_map(path: Path, settings: PerceptionSettings) -> tuple[Engine, MapMeta]:
    """Engine with the map of a file; see `engine_for_map`.

    Raises:
        InputError: the file is no map, or a damaged one.
    """
    try:
        engine, meta = engine_for_map(path, settings)
        engine.load(path)
    except MapFileError as error:
        raise InputError(str(error)) from error
    return engine, meta
