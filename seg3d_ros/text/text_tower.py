"""Text towers of models for pictures and text, as the hub has them."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seg3d_ros.errors import InputError
from seg3d_ros.packages import require_packages
from seg3d_ros.scene import Float32, Int64
from seg3d_ros.text.hub import find_folder, load_tower

FILES = ("config.json", "tokenizer.json", "*.safetensors")  # of a repository
_BATCH = 64  # texts


class TextTower(ABC):
    """Base of encoders through transformers, which load on first use and work offline.

    A `TextEncoder` but for the attributes that subclasses set, and `_tokenize`.
    """

    name: str
    dimension: int
    repository: str
    _model_class: str
    _output: str  # attribute of the model's result that holds the vectors
    _half_on_gpu: bool

    def __init__(self, folder: Path | None = None, *, device: str = "auto") -> None:
        """Find the packages, load nothing.

        Args:
            folder: config.json, tokenizer.json and the weights as the hub has them; None: the
                hub's cache on this machine.
            device: of PyTorch; "auto": a GPU if there is one.

        Raises:
            ImportError: torch or transformers is missing.
        """
        require_packages(self.name, ("torch", "transformers"))
        self._folder = folder
        self._device = device
        self._lock = threading.Lock()  # two threads must not load gigabytes each
        self._tokenizer: Any = None
        self._model: Any = None

    def encode(self, texts: Sequence[str]) -> Float32:
        """Embed N texts into (N, D) float32 unit vectors.

        Raises:
            FileNotFoundError: the weights are not on this machine; the message says what to do.
            InputError: the files are those of another model.
        """
        with self._lock:
            if self._model is None:
                self._load()
        vectors = np.empty((len(texts), self.dimension), np.float32)
        for start in range(0, len(texts), _BATCH):
            batch = texts[start : start + _BATCH]
            vectors[start : start + len(batch)] = self._embed(self._tokenize(batch))
        return vectors

    @abstractmethod
    def _tokenize(self, texts: Sequence[str]) -> Int64:
        """(B, T) tokens as in training; long texts are cut."""

    def _tokens_of(self, texts: Sequence[str], limit: int) -> list[list[int]]:
        """Tokens of each text without its ends, at most so many."""
        encodings = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [encoding.ids[:limit] for encoding in encodings]

    def _special(self, *tokens: str) -> list[int]:
        """Numbers of special tokens.

        Raises:
            InputError: the tokenizer has no such token.
        """
        numbers = [self._tokenizer.token_to_id(token) for token in tokens]
        if None in numbers:
            raise InputError(
                f"the tokenizer has no {' or '.join(tokens)}; it is not that of {self.repository}"
            )
        return numbers

    def _load(self) -> None:
        import torch
        from tokenizers import Tokenizer

        from seg3d_ros.compute import pick_device

        folder = find_folder(self.name, self.repository, self._folder, files=FILES)
        # The file itself, as wrappers of it differ in case, special tokens and side of padding.
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        model = load_tower(
            folder, self._model_class, repository=self.repository, dimension=self.dimension
        )
        device = pick_device(self._device)
        half = self._half_on_gpu and device.type == "cuda"
        model = model.to(device, torch.float16 if half else torch.float32)
        self._tokenizer, self._model = tokenizer, model

    def _embed(self, tokens: Int64) -> Float32:
        """(B, T) tokens -> (B, D) unit vectors."""
        import torch

        from seg3d_ros.compute import loss_told

        device = self._model.device
        with loss_told(device), torch.inference_mode():
            # No mask: SigLIP 2 was trained without one, and a token of CLIP sees none behind it.
            read = self._model(input_ids=torch.from_numpy(tokens).to(device))
            vectors = getattr(read, self._output).float()
            unit: Float32 = torch.nn.functional.normalize(vectors, dim=1).cpu().numpy()
        return unit


def download_tower(repository: str) -> Path:
    """Fetch a model, both of its towers, into the hub's cache.

    Raises:
        OSError: the hub cannot be reached.
    """
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(repository, allow_patterns=list(FILES)))
