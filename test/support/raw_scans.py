"""Tiny scans in the formats in which data sets are published."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

_VERTEX = [("xyz", "<f4", 3), ("rgb", "u1", 3), ("alpha", "u1")]


def write_ply(
    path: Path,
    points: Sequence[Sequence[float]],
    colors: Sequence[Sequence[int]],
    faces: Sequence[Sequence[int]],
    object_ids: Sequence[int] | None = None,
) -> None:
    """Binary mesh with vertices x y z red green blue alpha, and object_id of the faces."""
    vertices = np.zeros(len(points), _VERTEX)
    vertices["xyz"], vertices["rgb"], vertices["alpha"] = points, colors, 255
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(points)}"]
    header += [f"property float {name}" for name in "xyz"]
    header += [f"property uchar {name}" for name in ("red", "green", "blue", "alpha")]
    header += [f"element face {len(faces)}", "property list uchar int vertex_indices"]
    body = bytearray(vertices.tobytes())
    for i, face in enumerate(faces):
        body += bytes([len(face)]) + np.array(face, "<i4").tobytes()
        if object_ids is not None:
            body += np.array(object_ids[i], "<u2").tobytes()
    if object_ids is not None:
        header.append("property ushort object_id")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("\n".join([*header, "end_header", ""]).encode() + body)


def write_segments(path: Path, segment_of_vertex: Sequence[int]) -> None:
    """Segment of each vertex."""
    document = {"params": {"kThresh": "0.010000"}, "segIndices": list(segment_of_vertex)}
    path.write_text(json.dumps(document))


def write_groups(path: Path, groups: Mapping[int, tuple[str, Sequence[int]]]) -> None:
    """Label and segments of each object, by its id."""
    listed = [
        {"id": i, "objectId": i, "label": label, "segments": list(segments)}
        for i, (label, segments) in groups.items()
    ]
    path.write_text(json.dumps({"sceneId": "scannet.toy", "segGroups": listed}))


def sens_bytes(
    frames: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]],
    intrinsic: np.ndarray,
    *,
    shift: float = 1000.0,
    name: bytes = b"StructureSensor",
) -> bytes:
    """A .sens file of frames: pose (4, 4), RGB (H, W, 3) uint8, depth (H, W) uint16."""
    matrices = np.stack([intrinsic, np.eye(4), intrinsic, np.eye(4)]).astype("<f4")
    height, width = frames[0][2].shape
    sizes = struct.pack("<iiIIIIfQ", 2, 1, width, height, width, height, shift, len(frames))
    parts = [struct.pack("<IQ", 4, len(name)), name, matrices.tobytes(), sizes]
    for number, (pose, rgb, depth) in enumerate(frames):
        jpeg = io.BytesIO()
        Image.fromarray(rgb).save(jpeg, "JPEG")
        color, packed = jpeg.getvalue(), zlib.compress(depth.astype("<u2").tobytes())
        stamps = struct.pack("<QQQQ", number, number, len(color), len(packed))
        parts += [pose.astype("<f4").tobytes(), stamps, color, packed]
    return b"".join(parts)
