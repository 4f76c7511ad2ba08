"""Settings of the words that name objects."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seg3d_ros.settings import check_settings, setting


@dataclass(frozen=True)
class TextSettings:
    """Settings of the vocabulary and of the text encoder."""

    vocabulary: tuple[str, ...] = setting(
        (),
        "Labels at start, synonyms joined by a vertical bar; empty: the household list.",
        items=str,
    )
    weights: str = setting(
        "", "Folder with the weights of the text encoder; empty: where a download puts them."
    )
    student: str = setting(
        "",
        "Multilingual encoder that imitates the model's own text encoder: a folder, or a model in "
        "the hub's cache; empty: none.",
    )
    device: str = setting(
        "auto", "Where the text encoder runs: cpu, cuda or cuda:1; auto: a GPU if there is one."
    )

    def __post_init__(self) -> None:
        check_settings(self)

    @property
    def folder(self) -> Path | None:
        """Folder of the weights; None where a download puts them."""
        return Path(self.weights).expanduser() if self.weights else None
