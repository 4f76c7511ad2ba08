"""Messages: reading a 640x480 cloud, and writing the result, beside memcpy of the same bytes."""

from __future__ import annotations

import numpy as np
from std_msgs.msg import Header

from benchmarks.table import Row, measure, print_table
from seg3d_ros.node.conversions import cloud_from_msg, instance_cloud_msg
from seg3d_ros.node.publishers import colored_by_instance
from seg3d_ros.node.sensor_messages import measured_cloud_msg
from seg3d_ros.objects.box import Box
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.scene import Scene

SHAPE = (480, 640)
VOXELS = 100_000


def run() -> list[Row]:
    """Measure both directions."""
    random = np.random.default_rng(0)
    count = SHAPE[0] * SHAPE[1]
    points = random.uniform(-3, 3, (count, 3)).astype(np.float32)
    colors = random.integers(0, 256, (count, 3), np.uint8)
    msg = measured_cloud_msg(Header(), points, colors, grid=SHAPE)
    scene = points[:VOXELS], colors[:VOXELS] / np.float32(255)
    ids = random.integers(0, 50, VOXELS).astype(np.uint32)
    scores = np.ones(VOXELS, np.float32)
    result = instance_cloud_msg(Header(), *scene, ids, scores)
    return [
        Row(
            "decode 640x480 cloud",
            measure(lambda: cloud_from_msg(msg), repeats=100),
            "memcpy of the message",
            _copy_ms(msg.data),
            "views of the bytes: nothing is copied",
        ),
        Row(
            f"instance cloud of {VOXELS} voxels",
            measure(lambda: instance_cloud_msg(Header(), *scene, ids, scores), repeats=30),
            "memcpy of the message",
            _copy_ms(result.data),
            "24 bytes a voxel, colours packed",
        ),
        _painted_row(voxel_count=300_000, object_count=200),
    ]


def _painted_row(*, voxel_count: int, object_count: int) -> Row:
    """All objects change from state to state, so nothing can be kept."""
    random = np.random.default_rng(0)
    points, colors = random.random((2, voxel_count, 3), np.float32)
    ids = np.arange(voxel_count) * 3
    owner = ids // 21 % object_count  # runs of seven voxels, as of a surface in a sorted map
    owner[random.random(voxel_count) < 0.1] = -1
    box = Box(np.zeros(3), np.ones(3), 0.0)
    objects = tuple(
        MapObject(i + 1, ids[owner == i], points[owner == i], box, np.zeros(3), 0.9, 1, 1)
        for i in range(object_count)
    )
    scene = Scene(points, colors, ids, 0.02)
    msg = colored_by_instance(Header(), scene, objects)
    return Row(
        f"paint {object_count} objects, {voxel_count} voxels",
        measure(lambda: colored_by_instance(Header(), scene, objects), repeats=30),
        "memcpy of the message",
        _copy_ms(msg.data),
        "owners searched, colours, ids and scores packed, message made",
    )


def _copy_ms(data: object) -> float:
    source = np.frombuffer(data, np.uint8)  # type: ignore[call-overload]
    return measure(source.copy, repeats=50)


if __name__ == "__main__":
    print_table(run())
