"""What computes SpaCeFormer: this package's own network, or NVIDIA's where it is installed."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from seg3d_ros.networks.checkpoint import read_state_dict
from seg3d_ros.networks.spaceformer import CHECKPOINT_PREFIX, Spaceformer, load_spaceformer
from seg3d_ros.segmenters.postprocess import Queries
from seg3d_ros.segmenters.settings import NetworkSettings

logger = logging.getLogger(__name__)

# Windows and curves are drawn at random, the same ones in every call. This is the first seed that
# draws none of the curves called "random", whose patches differ between devices and engines.
ORDER_SEED = 11
_DTYPES = {"fp32": None, "fp16": torch.float16, "bf16": torch.bfloat16}


class Engine(Protocol):
    """Runs the network.

    Attributes:
        name: "torch" or "warpconvnet".
        device: where.
        precision: "fp32", "fp16" or "bf16".
    """

    name: str
    device: torch.device
    precision: str

    def __call__(self, points: Tensor, colors: Tensor) -> Queries:
        """Queries of (N, 3) points in metres with (N, 3) RGB in [-1, 1], on the device."""
        ...


class TorchEngine:
    """The network of this package."""

    name = "torch"

    def __init__(self, network: Spaceformer, *, device: torch.device, precision: str) -> None:
        self.device = device
        self.precision = precision
        self._network = network.to(device).eval()

    def __call__(self, points: Tensor, colors: Tensor) -> Queries:
        """See `Engine`."""
        with autocast(self.device, self.precision):
            raw = self._network(points, colors, order_seed=ORDER_SEED)
        return Queries(raw.logits[0], raw.masks[0], raw.clip_features[0])


class WarpConvNetEngine:
    """NVIDIA's network; the same weights, its own CUDA kernels. Version 1.8 is the one known.

    That version keeps attention windows in a cache that mixes up scenes with equally many voxels
    now and then; one scene at a time, as here, makes it rare but not impossible.
    """

    name = "warpconvnet"

    def __init__(self, checkpoint: Path, *, device: torch.device, precision: str) -> None:
        from warpconvnet.models.spaceformer import build_spaceformer

        self.device = device
        self.precision = precision
        self._network: Any = build_spaceformer(device=device)
        self._network.load_state_dict(read_state_dict(checkpoint, prefix=CHECKPOINT_PREFIX))
        self._network.eval()

    def __call__(self, points: Tensor, colors: Tensor) -> Queries:
        """See `Engine`."""
        scene = {"coord": points, "feat": colors, "offset": torch.tensor([0, len(points)])}
        with torch.random.fork_rng([self.device]), autocast(self.device, self.precision):
            torch.manual_seed(ORDER_SEED)
            raw = self._network(scene)
        return Queries(raw["logit"][0], raw["mask"][0], raw["clip_feat"][0])


def load_engine(checkpoint: Path, settings: NetworkSettings) -> Engine:
    """Put the weights of a released checkpoint on a device.

    Raises:
        ValueError: no such device, or it does not go with the engine.
        CheckpointError: the file holds other weights.
        ImportError: warpconvnet was asked for and is not installed.
    """
    device = pick_torch_device(settings.device)
    precision = settings.precision
    if precision == "auto":  # fp16 is what the weights were evaluated with on a GPU
        precision = "fp16" if device.type == "cuda" else "fp32"
    installed = find_spec("warpconvnet") is not None
    engine: Engine
    if settings.engine == "warpconvnet" and (device.type != "cuda" or not installed):
        raise ValueError(
            f"the engine warpconvnet needs a CUDA device (this is {device}) and the package "
            f"warpconvnet (it is {'' if installed else 'not '}installed); use engine torch"
        )
    if settings.engine != "torch" and device.type == "cuda" and installed:
        engine = WarpConvNetEngine(checkpoint, device=device, precision=precision)
    else:
        engine = TorchEngine(load_spaceformer(checkpoint), device=device, precision=precision)
    logger.info("spaceformer: engine %s, %s, %s", engine.name, device, precision)
    return engine


def pick_torch_device(name: str) -> torch.device:
    """The device of this name; "auto" is a GPU if there is one.

    Raises:
        ValueError: PyTorch knows no such device, or this machine has none.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"device is {name!r}; use auto, cpu, cuda or cuda:1") from error
    if device.type not in ("cpu", "cuda"):
        raise ValueError(f"device is {name!r}; use auto, cpu, cuda or cuda:1")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"device is {name!r}, but PyTorch sees {torch.cuda.device_count()} CUDA devices here; "
            "use cpu, or install a PyTorch for your driver"
        )
    return device


def autocast(device: torch.device, precision: str) -> AbstractContextManager[Any]:
    """Compute with the numbers that a precision of `NetworkSettings` stands for."""
    dtype = _DTYPES[precision]
    return torch.autocast(device.type, dtype=dtype, enabled=dtype is not None)
