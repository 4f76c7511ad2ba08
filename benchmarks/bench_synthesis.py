"""Made rooms: seen by the simulated camera and fused, without any furniture library."""

from __future__ import annotations

import numpy as np

from benchmarks.table import Row, measure, print_table
from seg3d_ros.mapping.voxel_map import VoxelMap
from seg3d_ros.recordings.recording import to_frame
from seg3d_ros.scene import Float64
from seg3d_ros.synthesis.capture import CAMERA
from seg3d_ros.synthesis.fusion import LabelledMap
from seg3d_ros.synthesis.mesh import Mesh, plain
from seg3d_ros.synthesis.rig import pixel_rays
from seg3d_ros.synthesis.room import Placed, Room
from seg3d_ros.synthesis.scan import Scan, scan_rooms
from seg3d_ros.synthesis.shell import build_shell

REPEATS = 3
THINGS = 30
SEGMENTS = 50  # of a ball both ways; which makes 5 000 triangles, as many as a good model has


def run() -> list[Row]:
    """A view and the map of all, beside ray caster and voxel map alone; needs Open3D."""
    try:
        import open3d  # noqa: F401
    except ImportError:
        return []
    room, ball = _room(), _ball()
    scan = scan_rooms([room], lambda _: ball, np.random.default_rng(0))
    return [_view_row(room, ball, scan), _fusion_row(scan)]


def _room() -> Room:
    rng = np.random.default_rng(0)
    places = rng.uniform((0.4, 0.4, 0.0), (4.6, 3.6, 1.8), (THINGS, 3))
    things = [Placed("ball", "ball", x, y, z, 0.0, 0.3) for x, y, z in places.tolist()]
    return Room((5.0, 4.0, 2.5), "benchmark", (), tuple(things))


def _ball() -> Mesh:
    """A ball of radius 1 on the ground."""
    around, up = np.meshgrid(np.arange(SEGMENTS + 1), np.arange(SEGMENTS + 1))
    longitude, latitude = 2 * np.pi * around / SEGMENTS, np.pi * up / SEGMENTS
    ring = np.sin(latitude)
    vertices = np.stack(
        [ring * np.cos(longitude), ring * np.sin(longitude), 1 + np.cos(latitude)], axis=-1
    )
    corner = (np.arange(SEGMENTS)[:, None] * (SEGMENTS + 1) + np.arange(SEGMENTS)).reshape(-1, 1)
    above = corner + SEGMENTS + 1
    faces = np.concatenate(
        [np.hstack([corner, above, corner + 1]), np.hstack([corner + 1, above, above + 1])]
    )
    return Mesh(
        vertices.reshape(-1, 3).astype(np.float32),
        faces.astype(np.int32),
        np.zeros((len(faces), 3, 2), np.float32),
        np.zeros(len(faces), np.int32),
        [plain(0.5, 0.3, 0.2)],
    )


def _view_row(room: Room, ball: Mesh, scan: Scan) -> Row:
    """Time the way from the room to its images, for each of them."""
    views = len(scan.frames)
    ours = measure(lambda: scan_rooms([room], lambda _: ball, np.random.default_rng(0)), repeats=1)
    theirs = _cast_alone(room, ball, [frame.map_from_sensor for frame in scan.frames])
    stage = f"view of a room, {CAMERA.width}x{CAMERA.height}"
    note = f"one of {views}; with its part of building the room"
    return Row(stage, ours / views, "Open3D cast_rays alone", theirs, note)


def _cast_alone(room: Room, ball: Mesh, poses: list[Float64]) -> float:
    """Milliseconds that Open3D needs for the rays of one view, on one thread."""
    import open3d

    caster = open3d.t.geometry.RaycastingScene(nthreads=1)
    things = [ball.moved(t.x, t.y, t.z, t.turn_deg, scale=t.scale) for t in room.placed]
    shell = build_shell(room, np.random.default_rng(0))
    for mesh in [*(part.mesh for part in shell.parts), *things]:
        caster.add_triangles(mesh.vertices, mesh.faces.astype(np.uint32))
    views = [np.concatenate(pixel_rays(CAMERA, pose), axis=1) for pose in poses[::4]]
    ms = measure(lambda: [caster.cast_rays(rays, nthreads=1) for rays in views], repeats=REPEATS)
    return ms / len(views)


def _fusion_row(scan: Scan) -> Row:
    frames = [to_frame(frame) for frame in scan.frames]

    def labelled() -> None:
        fused = LabelledMap()
        for frame, instances in zip(frames, scan.instances, strict=True):
            fused.add(frame, instances)
        fused.to_scene(min_voxels=1)

    def unlabelled() -> None:
        fused = VoxelMap()
        for frame in frames:
            fused.integrate(frame)

    ours, theirs = (measure(fuse, repeats=REPEATS) for fuse in (labelled, unlabelled))
    return Row(f"map with labels and normals of {len(frames)} views", ours, "VoxelMap", theirs)


if __name__ == "__main__":
    print_table(run())
