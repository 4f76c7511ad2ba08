"""Writer of folders in the style of the TUM RGB-D benchmark, which `read_tum` opens."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import numpy as np
from PIL import Image

from seg3d_ros.errors import InputError
from seg3d_ros.recordings.recording import RecordedFrame
from seg3d_ros.sensing.depth_image import DepthImage
from seg3d_ros.sensing.transforms import quaternion_from_matrix

_JPEG_QUALITY = 82
_POSES = "# stamp (s), tx ty tz (m), qx qy qz qw: camera optical frame in the map, z up\n"


def write_tum(folder: Path, frames: Iterable[RecordedFrame]) -> None:
    """Write colour images, depth images, poses and the camera, frame after frame.

    Args:
        folder: made if it is not there.
        frames: at least one, of one camera, with 16-bit depth, a microsecond apart or more.

    Raises:
        InputError: there is no frame, or a frame is not images with 16-bit depth.
    """
    for name in ("rgb", "depth"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    lists: dict[str, list[str]] = {"rgb": [], "depth": [], "groundtruth": []}
    image = None
    for frame in frames:
        image = _images_of(frame)
        stamp = f"{frame.stamp_ns // 10**9}.{frame.stamp_ns // 1000 % 10**6:06d}"
        rgb, depth = f"rgb/{stamp}.jpg", f"depth/{stamp}.png"
        Image.fromarray(image.color).save(folder / rgb, quality=_JPEG_QUALITY)
        Image.fromarray(image.depth).save(folder / depth, optimize=True)
        pose = frame.map_from_sensor
        numbers = [*pose[:3, 3], *quaternion_from_matrix(pose[:3, :3])]
        lists["rgb"].append(f"{stamp} {rgb}\n")
        lists["depth"].append(f"{stamp} {depth}\n")
        lists["groundtruth"].append(" ".join([stamp, *(f"{n:.6f}" for n in numbers)]) + "\n")
    if image is None:
        raise InputError(f"no frame to write to {folder}")
    for name, lines in lists.items():
        header = _POSES if name == "groundtruth" else "# stamp (s) file\n"
        (folder / f"{name}.txt").write_text(header + "".join(lines), encoding="utf-8")
    camera = {**asdict(image.camera), "depth_unit": image.depth_unit}
    (folder / "camera.json").write_text(json.dumps(camera, indent=2) + "\n", encoding="utf-8")


def _images_of(frame: RecordedFrame) -> DepthImage:
    if not isinstance(frame.data, DepthImage) or frame.data.depth.dtype != np.uint16:
        raise InputError(
            f"frame {frame.stamp_ns} has no 16-bit depth image; nothing else is written"
        )
    return frame.data
