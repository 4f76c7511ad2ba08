"""Small frames that make the kernels compile before the first real one comes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from seg3d_ros.scene import Frame


def trial_frames() -> Iterator[Frame]:
    """A small wavy wall, in each memory layout that sensors give: compiled code differs by it."""
    height, width = 48, 64
    v, u = np.mgrid[:height, :width].astype(np.float32)
    z = 1.5 + 0.2 * np.sin(u / 5)
    points = np.stack([(u - width / 2) * z / 60, (v - height / 2) * z / 60, z], axis=-1)
    rows = np.zeros((height * width, 4), np.float32)
    rows[:, :3] = points.reshape(-1, 3)
    colors = np.zeros((height * width, 4), np.uint8)
    for grid in ((height, width), None):
        # A depth image (contiguous), then a cloud message (strided views, blue first).
        for strided in (False, True):
            xyz = rows[:, :3] if strided else np.ascontiguousarray(rows[:, :3])
            rgb = colors[:, 2::-1] if strided else np.ascontiguousarray(colors[:, :3])
            yield Frame(xyz, rgb, stamp_ns=1, map_from_sensor=np.eye(4), grid=grid)
