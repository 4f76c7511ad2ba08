"""The geometric segmenter on a furnished room of about 100 k voxels, stage by stage."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.table import Row, measure, print_table
from seg3d_ros.scene import Float64, Scene
from seg3d_ros.segmenters.geometric.convexity import find_contacts, join_convex
from seg3d_ros.segmenters.geometric.decomposition import MAX_PLANE_ANGLE, SUPERVOXEL_RADIUS
from seg3d_ros.segmenters.geometric.orientation import orient_normals
from seg3d_ros.segmenters.geometric.planes import find_planes
from seg3d_ros.segmenters.geometric.segmenter import GeometricSegmenter
from seg3d_ros.segmenters.geometric.supervoxels import cut_supervoxels
from seg3d_ros.segmenters.geometric.surface import build_surface
from seg3d_ros.sparse.voxel_keys import keys_of_points

REPEATS = 7
VOXEL_SIZE = 0.02
NOISE_M = 0.003


def run() -> list[Row]:
    """Time the whole and its stages beside Open3D doing the same kind of work."""
    scene = furnished_room()
    segmenter = GeometricSegmenter()
    settings = segmenter.settings
    surface = build_surface(scene)

    def planes_of() -> object:
        return find_planes(
            surface,
            min_area=settings.plane_area,
            thickness=settings.plane_thickness * VOXEL_SIZE,
            max_angle=MAX_PLANE_ANGLE,
        )

    planes = planes_of()
    normals, planes = orient_normals(surface, planes)

    def join_supervoxels() -> object:
        free, radius = planes.plane_of < 0, SUPERVOXEL_RADIUS * VOXEL_SIZE
        supervoxels = cut_supervoxels(surface, normals, free, radius=radius)
        contacts = find_contacts(surface, supervoxels.supervoxel_of)
        return join_convex(supervoxels, contacts, tolerance=np.radians(settings.concavity))

    yard = _open3d_yardsticks(scene)
    note = f"{len(scene)} voxels, {len(segmenter.segment(scene))} instances"
    return [
        Row("geometric: segment", _time(lambda: segmenter.segment(scene)), *yard["whole"], note),
        Row(
            "geometric: neighbours, normals", _time(lambda: build_surface(scene)), *yard["normals"]
        ),
        Row("geometric: planes", _time(planes_of), *yard["planes"]),
        Row("geometric: orientation", _time(lambda: orient_normals(surface, planes))),
        Row("geometric: supervoxels, convexity", _time(join_supervoxels), *yard["clusters"]),
    ]


def _time(function: Callable[[], object]) -> float:
    return measure(function, repeats=REPEATS)


def _open3d_yardsticks(scene: Scene) -> dict[str, tuple[str, float | None]]:
    """(name, milliseconds) of Open3D's counterpart of each stage; empty without Open3D."""
    try:
        import open3d
    except ImportError:
        return dict.fromkeys(("whole", "normals", "planes", "clusters"), ("", None))
    cloud = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(scene.points))
    search = open3d.geometry.KDTreeSearchParamHybrid(radius=2.5 * VOXEL_SIZE, max_nn=40)
    thickness = 1.5 * VOXEL_SIZE

    def one_plane() -> object:
        open3d.utility.random.seed(0)
        return cloud.segment_plane(thickness, 3, 1000)

    _, inliers = one_plane()
    rest = cloud.select_by_index(inliers, invert=True)
    normals = _time(lambda: cloud.estimate_normals(search))
    plane = _time(one_plane)
    clusters = _time(lambda: rest.cluster_dbscan(eps=2 * VOXEL_SIZE, min_points=5))
    return {
        "whole": ("Open3D normals + one plane + DBSCAN", normals + plane + clusters),
        "normals": ("Open3D estimate_normals", normals),
        "planes": ("Open3D segment_plane, one", plane),
        "clusters": ("Open3D cluster_dbscan of the rest", clusters),
    }


def furnished_room(side: float = 3.6) -> Scene:
    """Floor, two walls, three tables and twelve boxes on them, with noise.

    Args:
        side: of the floor, metres.
    """
    rng = np.random.default_rng(0)
    surfaces = [
        _rectangle(rng, (0, 0, 0), (side, 0, 0), (0, side, 0)),
        _rectangle(rng, (0, 0, 0), (side, 0, 0), (0, 0, 2.4)),
        _rectangle(rng, (0, 0, 0), (0, side, 0), (0, 0, 2.4)),
    ]
    for table in range(3):
        x, y = 0.8 + 1.0 * table, 1.0 + 0.8 * table
        surfaces.append(_rectangle(rng, (x, y, 0.71), (0.9, 0, 0), (0, 0.7, 0)))
        for thing in range(4):
            corner = (x + 0.1 + 0.4 * (thing % 2), y + 0.1 + 0.3 * (thing // 2), 0.71)
            surfaces.extend(_box(rng, corner, rng.uniform(0.1, 0.22, 3)))
    points = np.concatenate(surfaces)
    points += rng.normal(scale=NOISE_M, size=points.shape) + VOXEL_SIZE / 2  # off voxel borders
    keys, voxel, count = np.unique(
        keys_of_points(points, VOXEL_SIZE), return_inverse=True, return_counts=True
    )
    mean = [np.bincount(voxel, points[:, axis]) / count for axis in range(3)]
    positions = np.stack(mean, axis=1).astype(np.float32)
    return Scene(positions, np.full_like(positions, 0.5), keys, VOXEL_SIZE)


def _rectangle(rng: np.random.Generator, corner, side_a, side_b) -> Float64:  # type: ignore[no-untyped-def]
    corner, side_a, side_b = (np.asarray(v, float) for v in (corner, side_a, side_b))
    area = float(np.linalg.norm(np.cross(side_a, side_b)))
    a, b = rng.random((2, int(12 * area / VOXEL_SIZE**2), 1))
    points: Float64 = corner + a * side_a + b * side_b
    return points


def _box(rng: np.random.Generator, corner, size) -> list[Float64]:  # type: ignore[no-untyped-def]
    """All faces but the bottom."""
    corner, sides = np.asarray(corner, float), np.diag(size)
    return [
        _rectangle(rng, corner + sides[2], sides[0], sides[1]),
        *(
            _rectangle(rng, corner + shift, sides[side], sides[2])
            for side, other in ((0, 1), (1, 0))
            for shift in (0.0, sides[other])
        ),
    ]


if __name__ == "__main__":
    print_table(run())
