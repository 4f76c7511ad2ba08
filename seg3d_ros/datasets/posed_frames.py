"""RGB-D frames of a prepared scene, as ScanNet's SensReader exports them.

color/000020.jpg    depth/000020.png (16 bit, millimetres)    pose/000020.txt (4x4)
intrinsic/intrinsic_color.txt    intrinsic/intrinsic_depth.txt (4x4)
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from seg3d_ros.datasets.sens_file import SensFile
from seg3d_ros.scene import Float64


@dataclass(frozen=True, eq=False)
class PosedFrames:
    """Frames that a scene is written with.

    Attributes:
        source: recording.
        every: one in so many frames is kept.
        world_from_scan: (4, 4) rigid motion of the scene; None: none.
    """

    source: SensFile
    every: int
    world_from_scan: Float64 | None = None

    def write(self, folder: Path) -> None:
        """Write the frames.

        Args:
            folder: of the scene.

        Raises:
            InputError: a frame is damaged.
        """
        for name in ("color", "depth", "pose", "intrinsic"):
            (folder / name).mkdir()
        source, motion = self.source, np.eye(4)
        if self.world_from_scan is not None:
            motion = self.world_from_scan
        header = source.header
        np.savetxt(folder / "intrinsic" / "intrinsic_color.txt", header.intrinsic_color, "%.6f")
        np.savetxt(folder / "intrinsic" / "intrinsic_depth.txt", header.intrinsic_depth, "%.6f")
        for frame in source.read(self.every):
            name = f"{frame.number:06d}"
            (folder / "color" / f"{name}.jpg").write_bytes(frame.color)
            Image.fromarray(frame.depth).save(folder / "depth" / f"{name}.png")
            pose = motion @ frame.world_from_camera
            np.savetxt(folder / "pose" / f"{name}.txt", pose, "%.6f")
