"""Text tower of SigLIP 2, in whose space SpaCeFormer's embeddings lie.

Tschannen et al., "SigLIP 2: Multilingual Vision-Language Encoders with Improved Semantic
Understanding, Localization, and Dense Features", 2025. The vision tower stays on the disk.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from seg3d_ros.errors import InputError
from seg3d_ros.packages import require_packages
from seg3d_ros.scene import Float32, Int64

REPOSITORY = "google/siglip2-so400m-patch14-224"
_FILES = ("config.json", "tokenizer.json", "*.safetensors")
_TOKENS = 64  # trained with exactly so many, padding included and attended to
_BATCH = 64  # texts; 4096 tokens keep a GPU busy and take 80 MB in float32


class SigLIP2:
    """Text embeddings of siglip2-so400m-patch14-224, 1152-d; works offline, loads on first use.

    In float16 on CUDA (0.7 G parameters: 1.4 GB), in float32 elsewhere (2.8 GB). A text takes
    53 GFLOP, 0.6 s on one CPU core, however short it is; but a vocabulary whose labels are all
    in the cache needs neither time nor weights.
    """

    name = "siglip2-so400m-patch14-224"
    dimension = 1152
    # SigLIP 2's base models learned exp(logit_scale) of 113 to 115 for images and text, CLIP its
    # cap of 100. The rounder, softer one suits vectors that a network for points imitates.
    # (SigLIP's bias cancels in a softmax.)
    temperature = 0.01
    # The bare word, CLIP's sentence, the one transformers documents for SigLIP, and that of 3D
    # scenes (Peng et al., "OpenScene", CVPR 2023). Each costs one forward pass a word.
    templates: tuple[str, ...] = (
        "{}",
        "a photo of a {}",
        "this is a photo of {}",
        "a {} in a scene",
    )
    latin_only = False

    def __init__(self, folder: Path | None = None, *, device: str = "auto") -> None:
        """Find the packages, load nothing.

        Args:
            folder: where the weights lie (config.json, tokenizer.json and model.safetensors as
                the hub has them); None: the hub's cache on this machine.
            device: of PyTorch; "auto": a GPU if there is one.

        Raises:
            ImportError: torch or transformers is missing.
        """
        require_packages(self.name, ("torch", "transformers"))
        self._folder = folder
        self._device = device
        self._lock = threading.Lock()  # two threads must not load 3 GB each
        self._tokenizer: Any = None
        self._model: Any = None

    def encode(self, texts: Sequence[str]) -> Float32:
        """Embed N texts into (N, 1152) float32 unit vectors.

        Raises:
            FileNotFoundError: the weights are not on this machine; the message says what to do.
            InputError: the files are those of another model.
        """
        vectors = np.empty((len(texts), self.dimension), np.float32)
        with self._lock:
            self._load()
        for start in range(0, len(texts), _BATCH):
            batch = texts[start : start + _BATCH]
            vectors[start : start + len(batch)] = self._encode_batch(batch)
        return vectors

    def _load(self) -> None:
        if self._model is not None:
            return
        import torch
        from tokenizers import Tokenizer

        from seg3d_ros.compute import pick_device

        folder = find_weights(self._folder)
        _check_config(folder, self.dimension)
        # The file itself, as wrappers of it differ in case, special tokens and side of padding.
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        device = pick_device(self._device)
        precision = torch.float16 if device.type == "cuda" else torch.float32
        model = _load_text_tower(folder)
        self._tokenizer, self._model = tokenizer, model.to(device, precision)

    def _encode_batch(self, texts: Sequence[str]) -> Float32:
        import torch

        from seg3d_ros.compute import loss_told

        device = self._model.device
        with loss_told(device), torch.inference_mode():
            tokens = torch.from_numpy(self._tokenize(texts)).to(device)  # (B, 64)
            # The model pools its last position, mostly padding; a mask would take that from it.
            pooled = self._model(input_ids=tokens).pooler_output.float()  # (B, 1152)
            unit: Float32 = torch.nn.functional.normalize(pooled, dim=1).cpu().numpy()
        return unit

    def _tokenize(self, texts: Sequence[str]) -> Int64:
        """(B, 64) tokens as in training: lower case, the end marked, padded on the right."""
        end, padding = (self._tokenizer.token_to_id(token) for token in ("<eos>", "<pad>"))
        if end is None or padding is None:
            raise InputError("the tokenizer has no <eos> or <pad>; it is not SigLIP 2's")
        lowered = [text.lower() for text in texts]
        rows = np.full((len(texts), _TOKENS), padding, np.int64)
        encodings = self._tokenizer.encode_batch(lowered, add_special_tokens=False)
        for row, encoding in zip(rows, encodings, strict=True):
            tokens = [*encoding.ids[: _TOKENS - 1], end]
            row[: len(tokens)] = tokens
        return rows


def find_weights(folder: Path | None = None) -> Path:
    """The folder that holds the weights: the given one, else that of the hub's cache.

    Never uses the network.

    Raises:
        FileNotFoundError: files are missing; the message says how to get them.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        found = folder or Path(snapshot_download(REPOSITORY, local_files_only=True))
    except LocalEntryNotFoundError:
        raise _weights_missing("the hub's cache on this machine has no copy") from None
    missing = [pattern for pattern in _FILES if not any(found.glob(pattern))]
    if missing:
        raise _weights_missing(f"{found} has no {', '.join(missing)}")
    return found


def download_weights() -> Path:
    """Fetch the weights into the hub's cache, 4.6 GB (they come with the vision tower).

    Raises:
        OSError: the hub cannot be reached.
    """
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(REPOSITORY, allow_patterns=list(_FILES)))


def _weights_missing(what: str) -> FileNotFoundError:
    return FileNotFoundError(
        f"the weights of {SigLIP2.name} are not here: {what}. With a network, run "
        f"`hf download {REPOSITORY}`; without one, copy that folder from a machine that has it"
    )


def _check_config(folder: Path, dimension: int) -> None:
    """Refuse files of another model; transformers would fill what lacks with random numbers."""
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        text = config.get("text_config", config)
        found = (config["model_type"], text.get("projection_size", text["hidden_size"]))
    except (ValueError, KeyError, AttributeError) as error:
        raise InputError(f"{path} is damaged ({error!r}); fetch it again") from error
    if found not in (("siglip", dimension), ("siglip_text_model", dimension)):
        raise InputError(
            f"{folder} holds a {found[0]!r} model of width {found[1]}; needed are the files of "
            f"{REPOSITORY} (siglip, {dimension})"
        )


def _load_text_tower(folder: Path) -> Any:
    from safetensors import SafetensorError
    from transformers import SiglipTextModel

    try:
        with quiet_transformers():
            model, report = SiglipTextModel.from_pretrained(
                folder, local_files_only=True, output_loading_info=True
            )
    except SafetensorError as error:
        raise InputError(f"the weights in {folder} are damaged ({error})") from error
    lacking = sorted(report["missing_keys"])
    if lacking:
        raise InputError(f"{folder} lacks {len(lacking)} weights, such as {lacking[0]}")
    return model.eval()


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Without the progress bar and the report that the vision tower's weights are not used."""
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    logger = logging.getLogger("transformers")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
