"""Three scans of six vertices in the format in which ScanNet is published."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seg3d_ros.datasets.scene_dataset import one_point_per_voxel
from support import toy_room
from support.raw_scans import sens_bytes, write_groups, write_ply, write_segments

LABELS = (
    "id\traw_category\tcategory\tcount\tnyu40id\tnyu40class\r\n"
    "2\tchair\tchair\t4646\t5\tchair\r\n"
    "22\toffice chair\tchair\t595\t5\tchair\r\n"  # a class of its own among the 200
    "1\twall\twall\t8277\t1\twall\r\n"
    "9999\tflag\tflag\t2\t40\totherprop\r\n"  # in neither benchmark
    "7\tchair\tagain\t1\t7\ttable\r\n"  # the first line of a label counts
)
POINTS = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1], [0, 1, 1]]
COLORS = [[10 * i, 20 * i, 255 - i] for i in range(6)]
FACES = [[0, 1, 2], [0, 2, 3], [0, 3, 5]]
TURN = "axisAlignment = 0 -1 0 5 1 0 0 6 0 0 1 7 0 0 0 1 \n"


def write_scannet(root: Path) -> Path:
    """A scan of each split: train (scene0000_00), val (scene0011_01), test (scene0707_00)."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "scannetv2-labels.combined.tsv").write_text(LABELS, newline="")
    for folder, name in [
        ("scans", "scene0000_00"), ("scans", "scene0011_01"), ("scans_test", "scene0707_00"),
    ]:  # fmt: skip
        scan = root / folder / name
        write_ply(scan / f"{name}_vh_clean_2.ply", POINTS, COLORS, FACES)
        (scan / f"{name}.txt").write_text(f"numDepthFrames = 7\n{TURN}sceneType = Office\n")
        if folder == "scans":
            write_segments(scan / f"{name}_vh_clean_2.0.010000.segs.json", [8, 8, 3, 3, 40, 41])
            groups = {
                0: ("chair", [8]),
                1: ("office chair", [3, 99]),  # no vertex has 99
                2: ("flag", [40]),
                5: ("wall", [3, 7]),  # of several objects of a vertex the last counts
            }
            write_groups(scan / f"{name}.aggregation.json", groups)
    return root


_ROOM_LABELS = "\n".join(
    [
        "id\traw_category\tcategory\tcount\tnyu40id\tnyu40class",
        "1\twall\twall\t1\t1\twall",
        "2\tfloor\tfloor\t1\t2\tfloor",
        "3\tcabinet\tcabinet\t1\t3\tcabinet",
        "4\tcouch\tsofa\t1\t6\tsofa",
        "5\tdesk\tdesk\t1\t14\tdesk\n",
    ]
)
_ROOM_OBJECTS = {
    toy_room.FLOOR.color: "floor",
    toy_room.WALL.color: "wall",
    **{
        box.color: label
        for box, label in zip(toy_room.BOXES, ("cabinet", "couch", "desk"), strict=True)
    },
}


def write_scanned_rooms(root: Path) -> Path:
    """The toy room as a scan to train with and one to validate with, with three frames each."""
    root.mkdir(parents=True)
    (root / "scannetv2-labels.combined.tsv").write_text(_ROOM_LABELS, newline="")
    points, colors = toy_room.cloud(3)
    rows = one_point_per_voxel(points, 0.04)
    points, colors = points[rows], colors[rows]
    faces = [[i, i + 1, i + 2] for i in range(0, len(points) - 2, 3)]
    objects = list(_ROOM_OBJECTS)
    segments = [objects.index(tuple(color)) for color in colors.tolist()]
    groups = {i: (label, [i]) for i, label in enumerate(_ROOM_OBJECTS.values())}
    camera, intrinsic = toy_room.CAMERA, np.eye(4)
    intrinsic[:2, :3] = [[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy]]
    for name in ("scene0000_00", "scene0011_00"):
        scan = root / "scans" / name
        write_ply(scan / f"{name}_vh_clean_2.ply", points.tolist(), colors.tolist(), faces)
        (scan / f"{name}.txt").write_text("numDepthFrames = 3\n")
        write_segments(scan / f"{name}_vh_clean_2.0.010000.segs.json", segments)
        write_groups(scan / f"{name}.aggregation.json", groups)
        frames = []
        for pose in toy_room.views(3):
            depth, rgb = toy_room.cast(pose)
            frames.append((pose, rgb, np.nan_to_num(1000 * depth).round().astype(np.uint16)))
        (scan / f"{name}.sens").write_bytes(sens_bytes(frames, intrinsic))
    return root
