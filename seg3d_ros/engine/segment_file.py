"""Segmentation of a file in one call."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from seg3d_ros.engine.perception import PerceptionSettings
from seg3d_ros.engine.segment_scene import SceneSegmentation
from seg3d_ros.pictures.results import Results
from seg3d_ros.recordings.scene_file import read_scene_file, voxelize_cloud
from seg3d_ros.sparse.scene_voxels import supported_voxel_size


def segment_file(
    path: str | Path, labels: Sequence[str] = (), *, settings: PerceptionSettings | None = None
) -> Results:
    """Find the objects in a point cloud or mesh, and name them.

    Args:
        path: PLY, PCD, XYZ, PTS, NPZ, GLB, OBJ, OFF or STL in metres; z is up (y in glTF).
        labels: words to name the objects with; empty: the household list.
        settings: None: the defaults, and voxels as large as the density of the points asks for.

    Returns:
        The voxels and the objects in them; `write_results` makes files of them.

    Raises:
        RecordingError: the file cannot be read.
        ValueError: a label or a setting cannot be one.
        FileNotFoundError: weights are not on this machine.
        ImportError: packages are missing; the message says what to install.
    """
    chosen = settings or PerceptionSettings()
    voxel_size = chosen.map.voxel_size
    cloud = read_scene_file(path, spacing=voxel_size / 2)
    if settings is None:
        voxel_size = supported_voxel_size(voxelize_cloud(cloud, voxel_size)[0])
    system = SceneSegmentation(chosen, list(labels))
    return system.run(cloud, name=Path(path).name, voxel_size=voxel_size)
