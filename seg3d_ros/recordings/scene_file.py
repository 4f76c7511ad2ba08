"""A whole scene in one file: a point cloud, a mesh, or arrays."""

from __future__ import annotations

import logging
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seg3d_ros.recordings.recording import RecordingError
from seg3d_ros.recordings.up_axis import Up, map_from_world_for
from seg3d_ros.scene import Float32, Float64, Int64, Scene, UInt8
from seg3d_ros.sparse.voxel_keys import keys_of_points

logger = logging.getLogger(__name__)

CLOUDS = (".ply", ".pcd", ".xyzrgb", ".xyz", ".pts")
MESHES = (".glb", ".gltf", ".obj", ".off", ".stl")
ARRAYS = (".npz",)
_Y_UP = (".glb", ".gltf")  # the format says so
_XYZ = ("xyz", "points", "coord", "coords")
_RGB = ("rgb", "color", "colors")
_GREY = 128  # of points without a colour
_LARGEST_M = 1000.0


@dataclass(frozen=True, eq=False)
class PointCloud:
    """Points as a file has them.

    Attributes:
        points: (P, 3) float32, metres, z up, all finite.
        colors: (P, 3) uint8 RGB.
    """

    points: Float32
    colors: UInt8

    def __len__(self) -> int:
        return len(self.points)


def read_scene_file(
    path: str | Path, *, up: Up | None = None, scale: float = 1.0, spacing: float = 0.01
) -> PointCloud:
    """Read a point cloud (PLY, PCD, XYZRGB, PTS), arrays (NPZ) or a mesh (GLB, OBJ, OFF, STL).

    An NPZ holds "xyz" (P, 3) in metres and "rgb" (P, 3), 0 to 255 or 0 to 1. Points that are not
    finite are left out.

    Args:
        path: of the file.
        up: axis of the file that points up; None: z, but y in glTF, whose standard says so.
        scale: metres in one unit of the file.
        spacing: distance between points that are put on the surface of a mesh, metres.

    Raises:
        RecordingError: it is not there, not of these kinds, damaged or empty.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if not path.is_file():
        raise RecordingError(f"{path} does not exist, or is no file")
    if suffix in ARRAYS:
        points, colors = _read_arrays(path)
    elif suffix in CLOUDS:
        points, colors = _read_cloud(path)
    elif suffix in MESHES:
        from seg3d_ros.recordings.mesh_file import sample_mesh_file

        points, colors = sample_mesh_file(path, spacing=spacing / scale)
    else:
        known = ", ".join(CLOUDS + MESHES + ARRAYS)
        raise RecordingError(f"{path} is of no kind that can be read; use one of {known}")
    cloud = _cleaned(path, points, colors)
    placed = (cloud.points @ map_from_file(path, up=up, scale=scale).T).astype(np.float32)
    extent = float(np.ptp(placed, axis=0).max())
    if extent > _LARGEST_M:
        raise RecordingError(
            f"{path} is {extent:.0f} m long, at most {_LARGEST_M:.0f} m are read; "
            "if its unit is the millimetre, give --scale 0.001"
        )
    return PointCloud(placed, cloud.colors)


def map_from_file(path: Path, *, up: Up | None, scale: float) -> Float64:
    """(3, 3) turn and scale from the axes and the unit of a file; see `read_scene_file`."""
    axis = up or ("y" if path.suffix.lower() in _Y_UP else "z")
    turn: Float64 = scale * map_from_world_for(axis)[:3, :3]
    return turn


def voxelize_cloud(cloud: PointCloud, voxel_size: float) -> tuple[Scene, Int64]:
    """Scene with the mean position and colour of the points in each voxel.

    Args:
        cloud: at least one point.
        voxel_size: metres.

    Returns:
        The scene, and the (P,) row in it of each point.
    """
    keys, rows, counts = np.unique(
        keys_of_points(cloud.points, voxel_size), return_inverse=True, return_counts=True
    )

    def mean(values: npt.NDArray[Any]) -> Float32:
        sums = [np.bincount(rows, values[:, axis]) for axis in range(3)]
        return (np.stack(sums, axis=1) / counts[:, None]).astype(np.float32)

    scene = Scene(mean(cloud.points), mean(cloud.colors) / np.float32(255), keys, voxel_size)
    return scene, rows


def _read_arrays(path: Path) -> tuple[npt.NDArray[Any], npt.NDArray[Any] | None]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            points = _first(archive, _XYZ)
            colors = _first(archive, _RGB)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise RecordingError(f"{path} is no archive of arrays ({error})") from error
    if points is None:
        raise RecordingError(f"{path} holds no positions; name them {' or '.join(_XYZ)}")
    return points, colors


def _first(archive: Any, names: tuple[str, ...]) -> npt.NDArray[Any] | None:
    found = [name for name in names if name in archive]
    return archive[found[0]] if found else None


def _read_cloud(path: Path) -> tuple[npt.NDArray[Any], npt.NDArray[Any] | None]:
    try:
        import open3d
    except (ImportError, OSError) as error:
        raise RecordingError(
            f"{path.suffix} files are read with Open3D, which cannot be loaded ({error}): "
            "pip install 'seg3d_ros[clouds]', or use an .npz with xyz and rgb"
        ) from error
    with open3d.utility.VerbosityContextManager(open3d.utility.VerbosityLevel.Error):
        cloud = open3d.io.read_point_cloud(path, remove_nan_points=False)
    colors = np.asarray(cloud.colors) if cloud.has_colors() else None
    return np.asarray(cloud.points), colors


def _cleaned(path: Path, points: npt.NDArray[Any], colors: npt.NDArray[Any] | None) -> PointCloud:
    """Checked arrays of one type each, still in the axes and the unit of the file."""
    if points.ndim != 2 or points.shape[1] != 3 or points.dtype.kind not in "fiu":
        raise RecordingError(f"{path}: positions have shape {points.shape}, expected (P, 3)")
    if colors is None:
        logger.warning("%s has no colours; learned models need them", path)
        colors = np.full(points.shape, _GREY, np.uint8)
    if colors.shape != points.shape or colors.dtype.kind not in "fiu":
        raise RecordingError(
            f"{path}: colours have shape {colors.shape}, the positions {points.shape}"
        )
    finite = np.isfinite(points).all(axis=1) & np.isfinite(colors).all(axis=1)
    points, colors = points[finite], colors[finite]
    if not len(points):
        raise RecordingError(f"{path} holds no point; is it damaged?")
    return PointCloud(points.astype(np.float32), _as_bytes(colors))


def _as_bytes(colors: npt.NDArray[Any]) -> UInt8:
    """Colours from 0 to 255, or real numbers from 0 to 1, as bytes."""
    if colors.dtype.kind == "f" and colors.max() <= 1:
        colors = colors * 255
    return np.rint(np.clip(colors, 0, 255)).astype(np.uint8)
