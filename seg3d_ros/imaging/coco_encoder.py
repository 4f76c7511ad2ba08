"""EfficientDet-Lite0 as an image encoder: shares of the classes of COCO."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seg3d_ros.imaging.crops import Box, wide_crop
from seg3d_ros.packages import require_packages
from seg3d_ros.scene import Float32, UInt8
from seg3d_ros.text.known_words import COCO_SPACE

if TYPE_CHECKING:
    import torch

    from seg3d_ros.imaging.efficientdet import EfficientDetLite0

WEIGHTS = Path(__file__).parents[1] / "weights" / "efficientdet_lite0.pt"
_MEAN, _DEVIATION = 127.0, 128.0  # of 255
_UNKNOWN = 0.3  # share of what the detector does not know, beside squared scores


class CocoEncoder:
    """Encoder whose weights come with this package; loads on first use, threads may share it.

    A detector knows few classes, but saw them among other things, as a camera does: it is shown
    the object's surroundings, too, and asked for the box.

    Args:
        device: of PyTorch; "auto": a GPU if there is one.

    Raises:
        ImportError: torch is missing.
    """

    name = "efficientdet_lite0"
    space = COCO_SPACE

    def __init__(self, *, device: str = "auto") -> None:
        require_packages(self.name, ("torch",))
        self._device_name = device
        self._lock = threading.Lock()
        self._loaded: tuple[EfficientDetLite0, torch.device] | None = None

    def encode(self, pictures: Sequence[UInt8], boxes: Sequence[Box]) -> Float32:
        """Shares (B, 91) of the classes and of none of them, of unit length; see `ImageEncoder`.

        The score of a class is that of its best detection times its overlap with the box. It is
        squared: what a detector is half sure of is seldom there.
        """
        import torch

        from seg3d_ros.compute import loss_told
        from seg3d_ros.imaging.efficientdet import CROP_PX

        with self._lock:
            self._loaded = self._loaded or self._load()
        network, device = self._loaded
        cut = [wide_crop(color, box, CROP_PX) for color, box in zip(pictures, boxes, strict=True)]
        crops, inner = np.stack([crop for crop, _ in cut]), [box for _, box in cut]
        with loss_told(device), torch.inference_mode():
            images = torch.from_numpy(crops).to(device).float()
            # A permuted view keeps the channels last in memory, which CPUs like.
            found, scores = network(((images - _MEAN) / _DEVIATION).permute(0, 3, 1, 2))
            overlaps = _overlaps(found, torch.tensor(inner, device=device))
            best = (scores * overlaps[..., None]).amax(dim=1) ** 2
            shares = torch.nn.functional.pad(best, (0, 1), value=_UNKNOWN)
            unit: Float32 = torch.nn.functional.normalize(shares, dim=1).cpu().numpy()
        return unit

    def _load(self) -> tuple[EfficientDetLite0, torch.device]:
        from seg3d_ros.compute import pick_device
        from seg3d_ros.imaging.efficientdet import load_packaged

        device = pick_device(self._device_name)
        return load_packaged(WEIGHTS).to(device), device


def _overlaps(boxes: torch.Tensor, inner: torch.Tensor) -> torch.Tensor:
    """Intersection over union (B, A) of boxes (B, A, 4) with (B, 4)."""
    inner = inner[:, None]
    low = boxes[..., :2].maximum(inner[..., :2])
    high = boxes[..., 2:].minimum(inner[..., 2:])
    shared = (high - low).clamp(min=0).prod(dim=-1)
    areas = [(box[..., 2:] - box[..., :2]).prod(dim=-1) for box in (boxes, inner)]
    overlaps: torch.Tensor = shared / (areas[0] + areas[1] - shared)
    return overlaps
