"""A square as a binary glTF file, written by hand: y is up, texture or vertex colours."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path

import numpy as np
from PIL import Image

_FLOAT, _UINT = 5126, 5125


def write_square_glb(path: Path, *, texture: np.ndarray | None = None) -> Path:
    """The square 0..1 in x and z at y = 2; red at x = 0, blue at x = 1 without a texture."""
    positions = np.array([(0, 2, 0), (1, 2, 0), (1, 2, 1), (0, 2, 1)], np.float32)
    triangles = np.array([0, 1, 2, 0, 2, 3], np.uint32)
    parts = [("SCALAR", _UINT, triangles), ("VEC3", _FLOAT, positions)]
    attributes = {"POSITION": 1}
    document: dict = {"asset": {"version": "2.0"}, "scene": 0}
    primitive: dict = {"attributes": attributes, "indices": 0}
    if texture is None:
        colors = np.array([(1, 0, 0), (0, 0, 1), (0, 0, 1), (1, 0, 0)], np.float32)
        parts.append(("VEC3", _FLOAT, colors))
        attributes["COLOR_0"] = 2
    else:
        parts.append(("VEC2", _FLOAT, np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float32)))
        attributes["TEXCOORD_0"] = 2
        primitive["material"] = 0
        document |= {
            "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
            "textures": [{"source": 0}],
            "images": [{"bufferView": 3, "mimeType": "image/png"}],
        }
    chunks = [array.tobytes() for _, _, array in parts]
    if texture is not None:
        encoded = io.BytesIO()
        Image.fromarray(texture).save(encoded, format="PNG")
        chunks.append(encoded.getvalue())
    views, binary = [], b""
    for chunk in chunks:
        views.append({"buffer": 0, "byteOffset": len(binary), "byteLength": len(chunk)})
        binary += chunk + b"\0" * (-len(chunk) % 4)
    accessors = [
        {"bufferView": i, "componentType": kind, "count": len(array), "type": shape}
        for i, (shape, kind, array) in enumerate(parts)
    ]
    accessors[1] |= {"min": positions.min(0).tolist(), "max": positions.max(0).tolist()}
    document |= {
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [primitive]}],
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": len(binary)}],
    }
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    size = 12 + 8 + len(text) + 8 + len(binary)
    header = struct.pack("<4sII", b"glTF", 2, size)
    path.write_bytes(
        header
        + struct.pack("<I4s", len(text), b"JSON") + text
        + struct.pack("<I4s", len(binary), b"BIN\0") + binary
    )  # fmt: skip
    return path
