"""Text tower of CLIP ViT-L/14, in whose space XMask3D's embeddings lie.

Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", ICML 2021.
The image tower stays on the disk.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seg3d_ros.errors import InputError
from seg3d_ros.packages import require_packages
from seg3d_ros.scene import Float32, Int64
from seg3d_ros.text.hub import cached_folder
from seg3d_ros.text.siglip2 import quiet_transformers

CLIP_SPACE = "clip-vit-large-patch14"
CLIP_REPOSITORY = "openai/clip-vit-large-patch14"
_FILES = ("config.json", "tokenizer.json", "model.safetensors")
_BEGIN, _END = "<|startoftext|>", "<|endoftext|>"
_TOKENS = 77  # of a text, both ends included
_BATCH = 64  # texts


class ClipText:
    """Text embeddings of CLIP ViT-L/14, 768-d; works offline, loads on first use."""

    name = CLIP_SPACE
    dimension = 768
    temperature = 0.01  # CLIP's cap
    templates: tuple[str, ...] = ("{}",)  # XMask3D was trained with bare labels
    latin_only = True

    def __init__(self, folder: Path | None = None, *, device: str = "auto") -> None:
        """Find the packages, load nothing.

        Args:
            folder: config.json, tokenizer.json and model.safetensors as the hub has them; None:
                the hub's cache on this machine.
            device: of PyTorch; "auto": a GPU if there is one.

        Raises:
            ImportError: torch or transformers is missing.
        """
        require_packages(self.name, ("torch", "transformers"))
        self._folder = folder
        self._device = device
        self._lock = threading.Lock()
        self._tokenizer: Any = None
        self._model: Any = None

    def encode(self, texts: Sequence[str]) -> Float32:
        """Embed N texts into (N, 768) float32 unit vectors.

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

    def _load(self) -> None:
        from tokenizers import Tokenizer

        from seg3d_ros.compute import pick_device

        folder = self._folder or cached_folder(self.name, CLIP_REPOSITORY)
        if not (folder / "tokenizer.json").is_file():
            raise FileNotFoundError(
                f"{folder} has no tokenizer.json; copy the whole folder of {CLIP_REPOSITORY}"
            )
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        model = load_text_tower(folder, self.dimension)
        self._tokenizer, self._model = tokenizer, model.to(pick_device(self._device))

    def _embed(self, tokens: Int64) -> Float32:
        """(B, 77) tokens -> (B, 768) unit vectors."""
        import torch

        from seg3d_ros.compute import loss_told

        device = self._model.device
        with loss_told(device), torch.inference_mode():
            # A token sees those before it, so that padding behind the end does not matter.
            vectors = self._model(input_ids=torch.from_numpy(tokens).to(device)).text_embeds
            unit: Float32 = torch.nn.functional.normalize(vectors, dim=1).cpu().numpy()
        return unit

    def _tokenize(self, texts: Sequence[str]) -> Int64:
        """(B, 77) tokens; long texts are cut."""
        begin, end = (self._tokenizer.token_to_id(token) for token in (_BEGIN, _END))
        if begin is None or end is None:
            raise InputError(f"the tokenizer has no {_BEGIN} or {_END}; it is not CLIP's")
        rows = np.full((len(texts), _TOKENS), end, np.int64)
        rows[:, 0] = begin
        encodings = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        for row, encoding in zip(rows, encodings, strict=True):
            tokens = encoding.ids[: _TOKENS - 2]
            row[1 : 1 + len(tokens)] = tokens
        return rows


def fetch_weights() -> Path:
    """Fetch the weights of both towers into the hub's cache, 1.7 GB.

    Raises:
        OSError: the hub cannot be reached.
    """
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(CLIP_REPOSITORY, allow_patterns=list(_FILES)))


def load_text_tower(folder: Path, dimension: int) -> Any:
    """`CLIPTextModelWithProjection` of transformers.

    Args:
        folder: as the hub has it.
        dimension: of its vectors.

    Raises:
        InputError: the files are damaged, or those of another model.
    """
    from safetensors import SafetensorError
    from transformers import CLIPTextModelWithProjection

    try:
        with quiet_transformers():
            model, report = CLIPTextModelWithProjection.from_pretrained(
                folder, local_files_only=True, output_loading_info=True
            )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{folder} cannot be read as {CLIP_REPOSITORY}: {reason}") from error
    width = model.config.projection_dim
    if report["missing_keys"] or width != dimension:
        raise InputError(
            f"{folder} holds no {CLIP_REPOSITORY}: it lacks {len(report['missing_keys'])} weights,"
            f" and its vectors have {width} numbers instead of {dimension}"
        )
    return model.eval()
