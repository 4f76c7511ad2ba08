"""Text embeddings of a dataset's names, for training with an open vocabulary."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from seg3d_ros.synthesis.names import names as canonical_names
from seg3d_ros.text.encoder import TextEncoder, load_text_encoder
from seg3d_ros.text.ensemble import all_texts


class NameTexts:
    """Every name of a dataset in every synonym and template.

    Attributes:
        rows: (L,) int64, for each line of names.txt its row in what `draw` returns; -1 for names
            that the dataset calls unseen.
    """

    def __init__(self, root: Path, *, encoder: str = "all-MiniLM-L6-v2") -> None:
        """Embed all texts; some seconds.

        Args:
            root: dataset, with names.txt and dataset.json.
            encoder: of `seg3d_ros.text`.

        Raises:
            FileNotFoundError: it is not there, or has no names.
        """
        names = (root / "names.txt").read_text(encoding="utf-8").splitlines()
        unseen = set(json.loads((root / "dataset.json").read_text())["unseen_names"])
        seen = [name for name in names if name not in unseen]
        row = {name: number for number, name in enumerate(seen)}
        self.rows = torch.tensor([row.get(name, -1) for name in names])
        self._variants = _embed(seen, load_text_encoder(encoder))

    def draw(self) -> Tensor:
        """(S, D) unit vectors: for each seen name one of its texts, another at every call."""
        return torch.stack([v[torch.randint(len(v), ())] for v in self._variants])


def _embed(names: Sequence[str], encoder: TextEncoder) -> list[Tensor]:
    """For each name its (V, D) texts: itself and its synonyms in all templates."""
    known = canonical_names()
    words = [(name, *(known[name].synonyms if name in known else ())) for name in names]
    texts = [all_texts(group, encoder.templates) for group in words]
    vectors = torch.from_numpy(encoder.encode([text for group in texts for text in group]))
    return list(torch.split(vectors, [len(group) for group in texts]))
