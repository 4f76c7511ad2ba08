"""The toy room as a recording in the style of the TUM RGB-D benchmark."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
from PIL import Image

from seg3d_ros.sensing.transforms import quaternion_from_matrix
from support import toy_room

DEPTH_UNIT = 0.001
RATE_HZ = 10.0


def write_toy_recording(folder: Path, *, frames: int = 6) -> Path:
    """Write the views of the toy room; returns the folder."""
    (folder / "rgb").mkdir(parents=True)
    (folder / "depth").mkdir()
    lists: dict[str, list[str]] = {"rgb": [], "depth": [], "groundtruth": []}
    for number, pose in enumerate(toy_room.views(frames)):
        stamp = f"{1000 + number / RATE_HZ:.6f}"
        depth, color = toy_room.cast(pose)
        millimetres = np.nan_to_num(depth / DEPTH_UNIT).round().astype(np.uint16)
        for name, pixels in (("rgb", color), ("depth", millimetres)):
            Image.fromarray(pixels).save(folder / name / f"{stamp}.png")
            lists[name].append(f"{stamp} {name}/{stamp}.png")
        numbers = [*pose[:3, 3], *quaternion_from_matrix(pose[:3, :3])]
        lists["groundtruth"].append(f"{stamp} " + " ".join(f"{n:.9f}" for n in numbers))
    for name, lines in lists.items():
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")
    camera = {**asdict(toy_room.CAMERA), "depth_unit": DEPTH_UNIT}
    (folder / "camera.json").write_text(json.dumps(camera))
    return folder
