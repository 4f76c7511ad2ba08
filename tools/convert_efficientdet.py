"""Turn EfficientDet-Lite0 in TensorFlow Lite's form into the weights of this package.

    pip install tflite
    python tools/convert_efficientdet.py object_detector.tflite

The file is MediaPipe's int8 model of COCO (Apache-2.0), with one box and one score head a level.
Kernels keep their 8 bits; what TensorFlow Lite knows of activations is left out.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tflite
import torch
from torch import Tensor

from seg3d_ros.files import replacing
from seg3d_ros.imaging.coco_encoder import WEIGHTS
from seg3d_ros.imaging.efficientdet import load_packaged

_LEVELS = {40: 0, 20: 1, 10: 2, 5: 3, 3: 4}  # by edge, places
_LATERAL = {"1": "lateral.2", "2": "lateral.1", "3": "lateral.0", "4": "lateral_again.0",
            "5": "lateral_again.1"}  # by node of the first cell  # fmt: skip


class Convolution(NamedTuple):
    """A convolution of the file.

    Attributes:
        name: of its kernels.
        edge: of its output, places.
        depthwise: whether each channel has a kernel of its own.
        kernels: (O, I, K, K) int8.
        scale: (O,) of the kernels.
        bias: (O,).
    """

    name: str
    edge: int
    depthwise: bool
    kernels: Tensor
    scale: Tensor
    bias: Tensor


def main() -> None:
    """Write the weights, checked by loading them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file", type=Path)
    weights: dict[str, Tensor] = {}
    for layer in _convolutions(parser.parse_args().file.read_bytes()):
        name = _own_name(layer)
        # All levels share the last layers of the heads.
        weights.setdefault(f"{name}.weight", layer.kernels)
        weights.setdefault(f"{name}.scale", layer.scale)
        weights.setdefault(f"{name}.bias", layer.bias)
    with replacing(WEIGHTS) as partial:
        torch.save(weights, partial)
        load_packaged(partial)  # raises if the file is no good
    print(f"{WEIGHTS}: {WEIGHTS.stat().st_size / 1e6:.1f} MB")


def _convolutions(content: bytes) -> Iterator[Convolution]:
    model = tflite.Model.GetRootAsModel(content, 0)
    graph = model.Subgraphs(0)
    kinds = (tflite.BuiltinOperator.CONV_2D, tflite.BuiltinOperator.DEPTHWISE_CONV_2D)

    def read(number: int, kind: type) -> Any:
        tensor = graph.Tensors(number)
        raw = model.Buffers(tensor.Buffer()).DataAsNumpy().tobytes()
        return np.frombuffer(raw, kind).reshape(tensor.ShapeAsNumpy())

    for step in range(graph.OperatorsLength()):
        operator = graph.Operators(step)
        code = model.OperatorCodes(operator.OpcodeIndex())
        kind = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        if kind not in kinds:
            continue
        images, kernels, bias = operator.InputsAsNumpy()
        depthwise = kind == kinds[1]
        order = (3, 0, 1, 2) if depthwise else (0, 3, 1, 2)
        scale = graph.Tensors(kernels).Quantization().ScaleAsNumpy().astype(np.float32)
        of_images = graph.Tensors(images).Quantization().ScaleAsNumpy()[0]
        yield Convolution(
            graph.Tensors(kernels).Name().decode(),
            int(graph.Tensors(operator.OutputsAsNumpy()[0]).ShapeAsNumpy()[1]),
            depthwise,
            torch.from_numpy(read(kernels, np.int8).transpose(order).copy()),
            torch.from_numpy(scale),
            torch.from_numpy((read(bias, np.int32) * (of_images * scale)).astype(np.float32)),
        )


def _own_name(layer: Convolution) -> str:
    """Name of a layer in `EfficientDetLite0`."""
    part = "depthwise" if layer.depthwise else "pointwise"
    name = layer.name
    if "/stem/" in name:
        return "stem"
    if found := re.search(r"/blocks_(\d+)/", name):
        last = "conv2d_1" in name or found[1] == "0"  # the first block expands nothing
        part = "depthwise" if layer.depthwise else "project" if last else "expand"
        return f"blocks.{found[1]}.{part}"
    if "resample_p6" in name:
        return "coarser"
    if found := re.search(r"fnode(\d)/resample_0_", name):
        return _LATERAL[found[1]]
    if found := re.search(r"cell_(\d)/fnode(\d)/", name):
        way, step = ("down", "up")[int(found[2]) // 4], int(found[2]) % 4
        return f"cells.{found[1]}.{way}.{step}.{part}"
    head, step = re.search(r"(box|class)_net/\w+-(\w+)", name).groups()  # type: ignore[union-attr]
    head = {"box": "boxes", "class": "classes"}[head]
    if step == "predict":
        return f"{head}.predict.{part}"
    return f"{head}.levels.{_LEVELS[layer.edge]}.{step}.{part}"


if __name__ == "__main__":
    main()
