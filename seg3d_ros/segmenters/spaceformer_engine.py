"""Engines that compute SpaCeFormer: the network of this package, or NVIDIA's WarpConvNet."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from seg3d_ros.compute import Compute
from seg3d_ros.errors import InputError
from seg3d_ros.networks.checkpoint import read_state_dict
from seg3d_ros.networks.spaceformer.network import CHECKPOINT_PREFIX, Spaceformer, load_spaceformer
from seg3d_ros.segmenters.masks.postprocess import Queries
from seg3d_ros.segmenters.settings import SpaceformerSettings

logger = logging.getLogger(__name__)

# Windows and curves are drawn at random, the same ones in every call. This is the first seed that
# draws none of the curves called "random", whose patches differ between devices and engines.
ORDER_SEED = 11
_TRIAL_POINTS = 2_000


class Engine(Protocol):
    """Network on a device. Call it without gradient, but not in `torch.inference_mode`.

    Attributes:
        name: "torch" or "warpconvnet".
        compute: device and precision.
    """

    name: str
    compute: Compute

    def __call__(self, points: Tensor, colors: Tensor) -> Queries:
        """Queries of (N, 3) points in metres with (N, 3) RGB in [-1, 1], on the device."""
        ...


class TorchEngine:
    """The network of this package."""

    name = "torch"

    def __init__(self, network: Spaceformer, compute: Compute) -> None:
        self.compute = compute
        self._network = network.to(compute.device).eval()

    def __call__(self, points: Tensor, colors: Tensor) -> Queries:
        """See `Engine`."""
        return self.compute.run(
            lambda: self._queries(points, colors), checked=_logits, name="spaceformer"
        )

    def _queries(self, points: Tensor, colors: Tensor) -> Queries:
        raw = self._network(points, colors, order_seed=ORDER_SEED)
        return Queries(raw.logits[0], raw.masks[0], raw.clip_features[0])


class WarpConvNetEngine:
    """NVIDIA's network; the same weights, its own CUDA kernels. Version 1.8 is the one known.

    Its attention computes in half precision whatever the precision is. In `torch.inference_mode`
    its convolutions would add up in half precision, too, which is faster than what the weights
    were trained with, but not the same.

    Raises:
        Exception: a part of it is missing or broken; each part has an error of its own.
    """

    name = "warpconvnet"

    def __init__(self, state: dict[str, Tensor], compute: Compute) -> None:
        """Build the network and try it.

        Args:
            state: weights of the released network, by name.
            compute: a CUDA device, and a precision.
        """
        from warpconvnet.models.spaceformer import build_spaceformer
        from warpconvnet.nn.functional.voxel_encode import clear_encode_cache

        self.compute = compute
        # It grows with each call, and its keys, addresses of tensors, come back for other scenes.
        self._clear_cache = clear_encode_cache
        with self._on_device():
            self._network: Any = build_spaceformer(device=compute.device)
            self._network.load_state_dict(state)
            self._network.eval()
        self._try_out()

    def __call__(self, points: Tensor, colors: Tensor) -> Queries:
        """See `Engine`."""
        with self._on_device():
            return self.compute.run(
                lambda: self._queries(points, colors), checked=_logits, name="spaceformer"
            )

    def _queries(self, points: Tensor, colors: Tensor) -> Queries:
        self._clear_cache()
        scene = {"coord": points, "feat": colors, "offset": torch.tensor([0, len(points)])}
        with torch.random.fork_rng(devices=[]):  # it draws on the CPU alone
            torch.default_generator.manual_seed(ORDER_SEED)
            raw = self._network(scene)
        return Queries(raw["logit"][0], raw["mask"][0], raw["clip_feat"][0])

    def _on_device(self) -> AbstractContextManager[Any]:
        """Its kernels run on the current device, whatever device their tensors are on."""
        device = self.compute.device
        return torch.cuda.device(device) if device.type == "cuda" else nullcontext()

    @torch.no_grad()
    def _try_out(self) -> None:
        """Run it once, on a floor of a square metre: some parts are imported only then."""
        points = torch.rand(_TRIAL_POINTS, 3, generator=torch.Generator().manual_seed(0))
        points[:, 2] *= 0.05
        points = points.to(self.compute.device)
        self(points, torch.zeros_like(points))


def load_engine(checkpoint: Path, settings: SpaceformerSettings) -> Engine:
    """Put the weights of a released checkpoint on a device.

    Raises:
        InputError: no such device, or it does not go with the engine.
        CheckpointError: the file holds other weights.
        ImportError: warpconvnet was asked for, and cannot run here.
    """
    compute = Compute.named(settings.device, settings.precision)
    engine = _warpconvnet(checkpoint, compute, settings.engine)
    engine = engine or TorchEngine(load_spaceformer(checkpoint), compute)
    logger.info("spaceformer: engine %s, %s, %s", engine.name, compute.device, compute.precision)
    return engine


def _warpconvnet(checkpoint: Path, compute: Compute, asked: str) -> Engine | None:
    """NVIDIA's engine; None where torch was asked for, or "auto" and it cannot run."""
    installed = find_spec("warpconvnet") is not None
    possible = compute.device.type == "cuda" and installed
    if asked == "warpconvnet" and not possible:
        raise InputError(
            f"the engine warpconvnet needs a CUDA device (this is {compute.device}) and the "
            f"package warpconvnet (it is {'' if installed else 'not '}installed); use engine torch"
        )
    if asked == "torch" or not possible:
        return None
    state = read_state_dict(checkpoint, prefix=CHECKPOINT_PREFIX)
    try:
        return WarpConvNetEngine(state, compute)
    except Exception as error:  # whatever a package does that lacks a part of its own
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    if asked == "warpconvnet":
        raise ImportError(f"warpconvnet is installed, but cannot run here ({reason})")
    logger.warning("warpconvnet cannot run here (%s); spaceformer runs on torch instead", reason)
    return None


def _logits(queries: Queries) -> Tensor:
    return queries.logits
