"""A whole scene in one file: a point cloud, a mesh, or arrays."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from seg3d_ros.recordings.array_file import read_arrays
from seg3d_ros.recordings.file_points import FilePoints
from seg3d_ros.recordings.pcd_file import read_pcd
from seg3d_ros.recordings.ply_points import read_ply_points
from seg3d_ros.recordings.point_colors import GREY, finite_rows
from seg3d_ros.recordings.recording import RecordingError
from seg3d_ros.recordings.stray_points import stray_rows
from seg3d_ros.recordings.text_points import read_text_points
from seg3d_ros.recordings.up_axis import Up, map_from_world_for
from seg3d_ros.scene import Float32, Float64, Int64, Scene, UInt8, origin_near
from seg3d_ros.sparse.scene_voxels import supported_voxel_size, voxelize_points

logger = logging.getLogger(__name__)

TEXTS = (".xyz", ".xyzrgb", ".pts", ".txt", ".asc", ".csv")
MESHES = (".glb", ".gltf", ".obj", ".off", ".stl")
_CLOUD_READERS: dict[str, Callable[[Path], FilePoints]] = {
    ".pcd": read_pcd,
    ".npz": read_arrays,
    **dict.fromkeys(TEXTS, read_text_points),
}
_Y_UP = (".glb", ".gltf")  # the format says so
_LARGEST_M = 1000.0


@dataclass(frozen=True, eq=False)
class PointCloud:
    """Points as a file has them.

    Attributes:
        points: (P, 3) float32, local coordinates, metres, z up, all finite.
        colors: (P, 3) uint8 RGB.
        origin: (3,) float64 origin of the local coordinates, metres; see `MapGrid`.
    """

    points: Float32
    colors: UInt8
    origin: Float64 = field(default_factory=lambda: np.zeros(3))

    def __len__(self) -> int:
        return len(self.points)


def read_scene_file(
    path: str | Path, *, up: Up | None = None, scale: float = 1.0, spacing: float = 0.01
) -> PointCloud:
    """Read a point cloud (PLY, PCD, XYZ, PTS), arrays (NPZ) or a mesh (PLY, GLB, OBJ, OFF, STL).

    An NPZ holds "xyz" (P, 3) in metres and "rgb" (P, 3), 0 to 255 or 0 to 1. Points that are not
    finite are left out, and the few that are far from all others. What is skipped or has to be
    guessed is logged as a warning.

    Args:
        path: of the file.
        up: axis of the file that points up; None: z, but y in glTF, whose standard says so.
        scale: metres in one unit of the file.
        spacing: distance between points that are put on the surface of a mesh, metres.

    Raises:
        RecordingError: it is not there, not of these kinds, damaged or empty.
    """
    path = Path(path)
    if not path.is_file():
        raise RecordingError(f"{path} does not exist, or is no file")
    content = _read(path, spacing / scale)
    for note in content.notes:
        logger.warning("%s: %s", path, note)
    return _placed(path, content, map_from_file(path, up=up, scale=scale))


def is_scene_file(path: Path) -> bool:
    """Whether the suffix of a file is one that `read_scene_file` knows."""
    return path.suffix.lower() in (".ply", *_CLOUD_READERS, *MESHES) and not path.is_dir()


def _read(path: Path, spacing: float) -> FilePoints:
    """Content of a file of any kind; `spacing` of points on meshes in the unit of the file."""
    suffix = path.suffix.lower()
    if suffix in _CLOUD_READERS:
        return _CLOUD_READERS[suffix](path)
    if suffix == ".ply":
        return read_ply_points(path, spacing=spacing)
    if suffix in MESHES:
        from seg3d_ros.recordings.mesh_file import sample_mesh_file

        return sample_mesh_file(path, spacing=spacing)
    known = ", ".join([".ply", *_CLOUD_READERS, *MESHES])
    raise RecordingError(f"{path} is of no kind that can be read; use one of {known}")


def _placed(path: Path, content: FilePoints, map_from_points: Float64) -> PointCloud:
    """Points of the scene, with colours; the one place where float64 ends."""
    rows = _finite(path, content.positions)
    positions = content.positions[rows] @ map_from_points.T
    stray = stray_rows(positions)
    if stray.any():
        x, y, z = content.positions[rows[stray.argmax()]]
        logger.warning(
            "%s: %d of %d points are far from all others, such as (%g, %g, %g), and are left out",
            path, np.count_nonzero(stray), len(content), x, y, z,
        )  # fmt: skip
        rows, positions = rows[~stray], positions[~stray]
    extent = float(np.ptp(positions, axis=0).max())
    if not extent <= _LARGEST_M:
        raise RecordingError(
            f"{path} is {extent:.0f} m long, at most {_LARGEST_M:.0f} m are read; "
            "if its unit is the millimetre, give --scale 0.001"
        )
    if content.colors is None:
        logger.warning(
            "%s has no colours that can be read (it has: %s); learned models need them",
            path, ", ".join(content.fields) or "positions",
        )  # fmt: skip
        colors = np.full(positions.shape, GREY, np.uint8)
    else:
        colors = content.colors[rows]
    origin = origin_near(positions.min(axis=0))
    positions -= origin
    return PointCloud(positions.astype(np.float32), colors, origin)


def _finite(path: Path, positions: Float64) -> Int64:
    """Rows of the finite (P, 3) positions, at least one."""
    rows = np.flatnonzero(finite_rows(positions))
    if not len(rows):
        raise RecordingError(f"{path} holds no point; is it damaged?")
    if len(rows) < len(positions):
        logger.warning(
            "%s: %d of %d points have no finite position and are left out",
            path, len(positions) - len(rows), len(positions),
        )  # fmt: skip
    return rows


def map_from_file(path: Path, *, up: Up | None, scale: float) -> Float64:
    """(3, 3) turn and scale from the axes and the unit of a file; see `read_scene_file`."""
    axis = up or ("y" if path.suffix.lower() in _Y_UP else "z")
    turn: Float64 = scale * map_from_world_for(axis)[:3, :3]
    return turn


def supported_by(cloud: PointCloud, voxel_size: float) -> float:
    """Voxel size, metres, that the density of a cloud supports: this one, or a larger one."""
    return supported_voxel_size(voxelize_cloud(cloud, voxel_size)[0])


def voxelize_cloud(cloud: PointCloud, voxel_size: float) -> tuple[Scene, Int64]:
    """Scene with the mean position and colour of the points in each voxel.

    Args:
        cloud: at least one point.
        voxel_size: metres.

    Returns:
        The scene, and the (P,) row in it of each point.
    """
    scene, rows = voxelize_points(cloud.points, cloud.colors, voxel_size)
    return replace(scene, colors=scene.colors / np.float32(255), origin=cloud.origin), rows
