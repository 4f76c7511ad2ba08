"""Sentence encoders of sentence-transformers: a transformer, the mean of its tokens, unit length.

Reimers and Gurevych, "Sentence-BERT", EMNLP 2019.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seg3d_ros.errors import InputError
from seg3d_ros.scene import Float32

_BATCH = 64  # short texts: larger batches bring nothing on a CPU
_MAX_TOKENS = 256  # length MiniLM was trained with; the rest of a longer text is not read


class SentenceEncoder:
    """Mean-pooled embeddings of a folder's weights; threads may share it.

    Args:
        folder: files of the hub: config.json, the weights, the tokenizer.
        device: of PyTorch; "auto": a GPU if there is one.

    Raises:
        InputError: the folder holds a model that pools otherwise, or cannot be read.
    """

    def __init__(self, folder: Path, device: str) -> None:
        _check_pooling(folder)
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging

        from seg3d_ros.compute import pick_device

        logging.disable_progress_bar()  # it would draw into the log of whoever loads a model
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            model = AutoModel.from_pretrained(folder, local_files_only=True).eval()
        except (OSError, ValueError) as error:
            raise InputError(
                f"{folder} cannot be read as a text encoder: {str(error).splitlines()[0]}"
            ) from error
        self.dimension = int(model.config.hidden_size)
        self._model = model.to(pick_device(device))
        # Guards the tokenizer, which is not reentrant; a query must not wait for a long list.
        self._lock = threading.Lock()
        self._most_tokens = min(_MAX_TOKENS, int(self._tokenizer.model_max_length))

    def encode(self, texts: Sequence[str]) -> Float32:
        """Embed N texts into (N, D) float32 unit vectors; threads take turns batch by batch."""
        vectors = np.empty((len(texts), self.dimension), np.float32)
        # Texts of similar length share a batch, so that little of it is padding.
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        for start in range(0, len(order), _BATCH):
            rows = order[start : start + _BATCH]
            vectors[rows] = self._encode_batch([texts[i] for i in rows])
        return vectors

    def _encode_batch(self, texts: list[str]) -> Float32:
        import torch

        from seg3d_ros.compute import loss_told

        with self._lock:
            tokens: Any = self._tokenizer(
                texts,
                padding=True,
                truncation=True,
                max_length=self._most_tokens,
                return_tensors="pt",
            )
        device = self._model.device
        with loss_told(device), torch.inference_mode():
            tokens = tokens.to(device)
            states = self._model(**tokens).last_hidden_state  # (B, T, D)
            mask = tokens["attention_mask"].unsqueeze(-1).to(states.dtype)
            mean = (states * mask).sum(1) / mask.sum(1)  # (B, D)
            unit: Float32 = torch.nn.functional.normalize(mean, dim=1).cpu().numpy()
        return unit


def _check_pooling(folder: Path) -> None:
    """Refuse the models of sentence-transformers that do more than take the mean.

    Raises:
        InputError: one of its files says so, or is damaged.
    """
    try:
        pooling = _json(folder / "1_Pooling" / "config.json") or {"pooling_mode": "mean"}
        modules = _json(folder / "modules.json") or []
        extra = [str(module["type"]) for module in modules if "Dense" in str(module["type"])]
        is_mean = pooling.get("pooling_mode_mean_tokens", pooling.get("pooling_mode") == "mean")
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(f"the files in {folder} are damaged ({error!r}); fetch them") from error
    if extra or not is_mean:
        raise InputError(
            f"{folder} is no encoder that takes the mean of its tokens; only those are understood"
        )


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
