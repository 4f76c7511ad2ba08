"""`seg3d superpoints`: a scene from a file, cut into small pieces of surface."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from seg3d_ros.cli.errors import one_line_errors

if TYPE_CHECKING:
    from seg3d_ros.datasets.scanned_mesh import ScannedMesh
    from seg3d_ros.recordings.scene_file import PointCloud
    from seg3d_ros.scene import Int64

_PANEL = (800, 800)  # pixels


@click.command()
@click.argument("scene", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False), default="seg3d_output",
    show_default=True, help="Folder for the results; files of an earlier run are replaced.",
)  # fmt: skip
@click.option(
    "--voxel-size", type=click.FloatRange(0.001, 1.0), default=0.02, show_default=True,
    help="Of clouds, metres: points in a voxel share a superpoint. Meshes are taken as they are.",
)  # fmt: skip
@click.option(
    "--threshold", type=click.FloatRange(1e-6, 1e6), default=0.01, show_default=True,
    help="Scale of observation; larger values give larger superpoints.",
)  # fmt: skip
@click.option(
    "--smallest", type=click.IntRange(min=1), default=20, show_default=True,
    help="Points of a superpoint at least.",
)  # fmt: skip
def superpoints(
    scene: Path, output: Path, voxel_size: float, threshold: float, smallest: int
) -> None:
    """Cut SCENE into superpoints; write superpoints.ply, superpoint.npy and view.png.

    A PLY with faces and colours is cut along its mesh, as ScanNet's segments are; anything else is
    read as `seg3d segment` reads it, as points.
    """
    import numpy as np

    from seg3d_ros.files import replacing
    from seg3d_ros.pictures.export import write_points_ply
    from seg3d_ros.pictures.id_colors import colors_of_ids

    with one_line_errors():
        cloud, ids = _segmented(scene, voxel_size, threshold=threshold, smallest=smallest)
        output.mkdir(parents=True, exist_ok=True)
        colors = colors_of_ids(ids)
        write_points_ply(
            output / "superpoints.ply", cloud.points, colors, ids,
            id_name="superpoint", origin=cloud.origin,
        )  # fmt: skip
        with replacing(output / "superpoint.npy") as temporary, temporary.open("wb") as file:
            np.save(file, ids)
        _draw(output / "view.png", cloud, ids, voxel_size)
    click.echo(f"{len(cloud)} points, {ids.max() + 1} superpoints")
    click.echo(f"{output / 'superpoints.ply'}  the points in the colours of their superpoints")
    click.echo(f"{output / 'superpoint.npy'}  the superpoint of each point, by row")
    click.echo(f"{output / 'view.png'}  the scene, and beside it its superpoints")


def _segmented(
    path: Path, voxel_size: float, *, threshold: float, smallest: int
) -> tuple[PointCloud, Int64]:
    """Points of a file and their superpoints."""
    from seg3d_ros.recordings.scene_file import PointCloud, read_scene_file, voxelize_cloud
    from seg3d_ros.segmenters.superpoints import segment_cloud, segment_mesh

    mesh = _coloured_mesh(path, voxel_size)
    if mesh is not None:
        cloud = PointCloud(mesh.vertices, mesh.colors)
        faces = mesh.triangles.astype("int64")
        return cloud, segment_mesh(mesh.vertices, faces, threshold=threshold, smallest=smallest)
    cloud = read_scene_file(path, spacing=voxel_size / 2)
    voxels, rows = voxelize_cloud(cloud, voxel_size)
    return cloud, segment_cloud(voxels.points, threshold=threshold, smallest=smallest)[rows]


def _coloured_mesh(path: Path, voxel_size: float) -> ScannedMesh | None:
    """The mesh of a PLY whose vertices are as dense as voxels; None of any other file."""
    from seg3d_ros.datasets.scanned_mesh import read_scanned_mesh
    from seg3d_ros.errors import InputError
    from seg3d_ros.recordings.mesh import Mesh
    from seg3d_ros.recordings.mesh_points import vertices_cover

    if path.suffix.lower() != ".ply" or not path.is_file():
        return None
    try:
        mesh = read_scanned_mesh(path)
    except InputError:
        return None  # no mesh, or one whose reader for points says what is wrong
    plain = Mesh(mesh.vertices.astype("float64"), mesh.triangles.astype("int64"))
    return mesh if len(mesh.triangles) and vertices_cover(plain, 2 * voxel_size) else None


def _draw(path: Path, cloud: PointCloud, ids: Int64, voxel_size: float) -> None:
    """Write a PNG: left the points in their own colours, right in those of their superpoints."""
    import numpy as np
    from PIL import Image

    from seg3d_ros.files import replacing
    from seg3d_ros.pictures.id_colors import colors_of_ids
    from seg3d_ros.pictures.room_render import shoot

    everything = np.ones(len(cloud), np.bool_)
    shot = shoot(cloud.points, everything, voxel_size=voxel_size, size=_PANEL)
    picture = Image.new("RGB", (2 * _PANEL[0], _PANEL[1]))
    for place, colors in enumerate((cloud.colors, colors_of_ids(ids))):
        panel = shot.reduced(shot.paint((colors / 255).astype(np.float32)))
        picture.paste(panel, (place * _PANEL[0], 0))
    with replacing(path) as temporary:
        picture.save(temporary, format="PNG")
