"""Transforms: a message of /tf into the built-in buffer, and lookups over a chain of frames."""

from __future__ import annotations

import numpy as np
from rclpy.serialization import deserialize_message, serialize_message
from tf2_msgs.msg import TFMessage

from benchmarks.table import Row, measure, print_table
from seg3d_ros.node.conversions import header_msg
from seg3d_ros.node.sensor_messages import transform_msg
from seg3d_ros.node.transform_source import store
from seg3d_ros.sensing.transform_buffer import TransformBuffer
from seg3d_ros.sensing.transforms import matrix_from_pose

CHAIN = 30  # frames; each hangs on the one before it
PERIOD_NS = 20_000_000  # /tf at 50 Hz
SAMPLES = 100
REPEATS = 200


def run() -> list[Row]:
    """Measure writing and reading."""
    buffer = TransformBuffer()
    messages = [_message(index) for index in range(SAMPLES)]
    for message in messages:
        store(buffer, message, static=False)
    newest = iter([_message(SAMPLES + index) for index in range(REPEATS + 1)])
    raw = serialize_message(messages[0])
    matrices = [np.eye(4) for _ in range(5)]
    between = SAMPLES * PERIOD_NS // 2 + 1  # each link has to be interpolated
    return [
        Row(
            f"store a /tf message of {CHAIN} transforms",
            measure(lambda: store(buffer, next(newest), static=False), repeats=REPEATS),
            "rclpy reads it",
            measure(lambda: deserialize_message(raw, TFMessage), repeats=REPEATS),
        ),
        *(
            Row(
                f"look up over {frames} frames, interpolated",
                measure(lambda: buffer.lookup("f0", f"f{frames}", between), repeats=500),  # noqa: B023
                "product of five 4x4 matrices",
                measure(lambda: np.linalg.multi_dot(matrices), repeats=500),
            )
            for frames in (5, CHAIN)
        ),
    ]


def _message(index: int) -> TFMessage:
    stamp, half = index * PERIOD_NS, 0.005 * index
    pose = matrix_from_pose((0.01 * index, 0, 1), (0, 0, np.sin(half), np.cos(half)))
    return TFMessage(
        transforms=[
            transform_msg(header_msg(f"f{i}", stamp), f"f{i + 1}", pose) for i in range(CHAIN)
        ]
    )


if __name__ == "__main__":
    print_table(run())
