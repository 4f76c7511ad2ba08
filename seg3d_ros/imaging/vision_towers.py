"""Image towers of SigLIP 2 and CLIP, in the spaces of their text towers.

Tschannen et al., "SigLIP 2", 2025; Radford et al., "Learning Transferable Visual Models From
Natural Language Supervision", ICML 2021.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seg3d_ros.imaging.crops import Box, square_crop
from seg3d_ros.packages import require_packages
from seg3d_ros.scene import Float32, UInt8
from seg3d_ros.text.clip import CLIP_REPOSITORY, CLIP_SPACE
from seg3d_ros.text.hub import find_folder, load_tower
from seg3d_ros.text.known_words import OF_PICTURES
from seg3d_ros.text.siglip2 import SIGLIP2_REPOSITORY, SIGLIP2_SPACE


@dataclass(frozen=True)
class Tower:
    """Released image tower.

    Attributes:
        name: as users type it.
        text_space: space of its vectors, the name of the text encoder.
        repository: on the hub.
        model: class of transformers.
        output: attribute of its result that holds the vectors.
        crop_size: edge of its input, pixels.
        dimension: of its vectors.
        mean: of the colours, in [0, 1].
        deviation: the same.
    """

    name: str
    text_space: str
    repository: str
    model: str
    output: str
    crop_size: int
    dimension: int
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]


SIGLIP2 = Tower(
    "siglip2",
    SIGLIP2_SPACE,
    SIGLIP2_REPOSITORY,
    "SiglipVisionModel",
    "pooler_output",
    crop_size=224,
    dimension=1152,
    mean=(0.5, 0.5, 0.5),
    deviation=(0.5, 0.5, 0.5),
)
CLIP = Tower(
    "clip",
    CLIP_SPACE,
    CLIP_REPOSITORY,
    "CLIPVisionModelWithProjection",
    "image_embeds",
    crop_size=224,
    dimension=768,
    mean=(0.48145466, 0.4578275, 0.40821073),
    deviation=(0.26862954, 0.26130258, 0.27577711),
)


class VisionTower:
    """Image tower through transformers; loads on first use, never from the network.

    Args:
        tower: which one.
        folder: config.json and the weights as the hub has them; None: the hub's cache.
        device: of PyTorch; "auto": a GPU if there is one.

    Raises:
        ImportError: torch or transformers is missing.
    """

    def __init__(self, tower: Tower, folder: Path | None = None, *, device: str = "auto") -> None:
        require_packages(tower.name, ("torch", "transformers"))
        self.name = tower.name
        self.space = tower.text_space + OF_PICTURES
        self._tower = tower
        self._folder = folder
        self._device = device
        self._lock = threading.Lock()
        self._model: Any = None

    def encode(self, pictures: Sequence[UInt8], boxes: Sequence[Box]) -> Float32:
        """Embed tight squares around boxes into (B, D) float32 unit vectors; see `ImageEncoder`.

        Raises:
            FileNotFoundError: the weights are not on this machine; the message says what to do.
            InputError: the files are those of another model.
        """
        import torch

        from seg3d_ros.compute import loss_told

        with self._lock:
            if self._model is None:
                self._model = self._load()
        device, dtype = self._model.device, self._model.dtype
        mean, deviation = (
            torch.tensor(values, device=device)
            for values in (self._tower.mean, self._tower.deviation)
        )
        crops = [
            square_crop(color, box, self._tower.crop_size)
            for color, box in zip(pictures, boxes, strict=True)
        ]
        with loss_told(device), torch.inference_mode():
            colors = torch.from_numpy(np.stack(crops)).to(device).float() / 255
            images = ((colors - mean) / deviation).permute(0, 3, 1, 2).to(dtype)
            vectors = getattr(self._model(pixel_values=images), self._tower.output).float()
            unit: Float32 = torch.nn.functional.normalize(vectors, dim=1).cpu().numpy()
        return unit

    def _load(self) -> Any:
        import torch

        from seg3d_ros.compute import pick_device

        tower = self._tower
        model = load_tower(
            find_folder(self.name, tower.repository, self._folder),
            tower.model,
            repository=tower.repository,
            dimension=tower.dimension,
        )
        device = pick_device(self._device)
        return model.to(device, torch.float16 if device.type == "cuda" else torch.float32)
