"""Saved maps whose objects commands name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seg3d_ros.cli.settings_options import chosen_settings

if TYPE_CHECKING:
    from seg3d_ros.engine.engine import Engine
    from seg3d_ros.objects.map_meta import MapMeta


def open_named_map(
    path: Path, words: Sequence[str], model: str, settings: dict[str, Any]
) -> tuple[Engine, MapMeta]:
    """Engine with the map of a file and a vocabulary, and what the file says of itself.

    Args:
        path: of the map.
        words: of the vocabulary; none: the household list.
        model: whose embeddings the map holds.
        settings: that were given on the command line.

    Raises:
        InputError: the file is no map, a setting or a word is wrong.
    """
    from seg3d_ros.engine.perception import PerceptionSettings
    from seg3d_ros.engine.saved_map import open_map

    chosen = chosen_settings(
        PerceptionSettings(), settings | {"segmentation.model": model}, [model]
    )
    engine, meta = open_map(path, chosen)
    engine.set_first_vocabulary(words)
    return engine, meta
