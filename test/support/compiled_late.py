"""Program that prints the kernels which real frames compile after the warm-up.

    python -m support.compiled_late geometric

A process of its own, because kernels that other tests have compiled would hide what is missing.
"""

from __future__ import annotations

import array
import struct
import sys
from dataclasses import replace

import numpy as np
from numba.core.dispatcher import Dispatcher

from seg3d_ros.engine.engine import Engine
from seg3d_ros.engine.perception import PerceptionSettings
from seg3d_ros.recordings.recording import RecordedFrame, to_frame
from seg3d_ros.scene import Camera, Distortion
from seg3d_ros.sensing.cloud_decoder import Cloud, CloudField, CloudLayout, decode_cloud
from seg3d_ros.sensing.compressed_depth import decode_compressed_depth
from seg3d_ros.sensing.depth_image import DepthImage
from seg3d_ros.sensing.image_decoder import decode_color, decode_depth
from seg3d_ros.sensing.registration import register_color
from support import toy_room

CAMERA = toy_room.CAMERA
HEIGHT, WIDTH = CAMERA.height, CAMERA.width


def compiled_kernels() -> set[tuple[str, str, str]]:
    """(module, function, signature) of everything compiled or loaded so far."""
    modules = [module for name, module in sys.modules.items() if name.startswith("seg3d_ros")]
    kernels = [k for module in modules for k in vars(module).values() if isinstance(k, Dispatcher)]
    return {(k.__module__, k.__name__, str(s)) for k in kernels for s in k.signatures}


def as_image(
    depth: np.ndarray, color: np.ndarray, encoding: str, camera: Camera = CAMERA
) -> DepthImage:
    """Depth image whose bytes lie as in a message."""
    pixels = depth if encoding == "32FC1" else np.nan_to_num(depth * 1000).astype(np.uint16)
    data = array.array("B", pixels.tobytes())
    values, unit = decode_depth(encoding, HEIGHT, WIDTH, pixels.strides[0], data)
    return DepthImage(color, values, unit, camera)


def as_cloud(depth: np.ndarray, color: np.ndarray, height: int) -> Cloud:
    """Cloud of so many rows whose bytes lie as in a message."""
    v, u = np.mgrid[:HEIGHT, :WIDTH]
    rows = np.zeros(depth.size, [*((name, "<f4") for name in "xyz"), ("rgb", "<u4")])
    rows["x"] = ((u - CAMERA.cx) / CAMERA.fx * depth).ravel()
    rows["y"] = ((v - CAMERA.cy) / CAMERA.fy * depth).ravel()
    rows["z"] = depth.ravel()
    rows["rgb"] = np.pad(color, ((0, 0), (0, 0), (0, 1))).view("<u4").ravel()
    fields = tuple(CloudField(name, 4 * i, 7) for i, name in enumerate((*"xyz", "rgb")))
    width = depth.size // height
    layout = CloudLayout(height, width, 16, 16 * width, fields, False)
    return decode_cloud(layout, array.array("B", rows.tobytes()))


def main(model: str, prompt_model: str) -> None:
    """Warm up, then integrate each kind of frame, segment and click."""
    engine = Engine(
        PerceptionSettings.of({"segmentation.model": model, "prompt.model": prompt_model})
    )
    engine.models.warm_up()
    engine.models.warm_up_clicks()
    before = compiled_kernels()
    assert before, "no kernel was found"
    fisheye = replace(CAMERA, distortion=Distortion((0.01, 0.0, 0.0, 0.0), equidistant=True))
    for number, pose in enumerate(toy_room.views(6)):
        depth, color = toy_room.cast(pose)
        data = (
            as_image(depth, color, "16UC1"),
            as_image(depth, color, "32FC1"),
            as_image(depth, color, "16UC1", fisheye),
            register_color(as_image(depth, color, "16UC1"), color, fisheye, np.eye(4)),
            as_cloud(depth, color, HEIGHT),
            as_cloud(depth, color, 1),
        )[number]
        engine.integrate(to_frame(RecordedFrame(number + 1, pose, data)))
        if number % 2:
            engine.segment()
    for encoding, size in (("uyvy", 2), ("bayer_bggr8", 1), ("bayer_gbrg16", 2)):
        decode_color(encoding, 4, 6, 6 * size, array.array("B", bytes(24 * size)))
    rvl = struct.pack("<iffIII", 0, 1.0, 0.0, 3, 1, 0x30000000)  # a run of three zeros
    decode_compressed_depth("16UC1; compressedDepth rvl", array.array("B", rvl))
    low, high = np.array(toy_room.BOXES[0].low), toy_room.BOXES[0].high
    top = np.array([[*(low[:2] + high[:2]) / 2, high[2]]], np.float32)
    engine.segment_at(top, np.ones(1, bool))
    engine.segment()
    for kernel in sorted(compiled_kernels() - before):
        print(*kernel)  # noqa: T201 (the result)


if __name__ == "__main__":
    main(*sys.argv[1:])
