"""Request of `seg3d evaluate`: what is to be evaluated, and with what."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from seg3d_ros.datasets.scene_dataset import ScanNetDataset
    from seg3d_ros.engine.perception import PerceptionSettings
    from seg3d_ros.evaluation.naming import Labels
    from seg3d_ros.evaluation.predictions import PredictionSource
    from seg3d_ros.evaluation.scenes import Classes
    from seg3d_ros.text.class_splits import ClassSplit


@dataclass(frozen=True)
class EvaluationRequest:
    """Request to evaluate models and predictions.

    Attributes:
        classes: of the data set.
        splits: of the data set.
        models: names of segmenters.
        as_published: they run as their results were published.
        folders: of predictions.
        vocabulary: file or bundled list; None: the names of the classes.
        settings: of the models and of the text encoder.
        kept: "limit" of the scenes and "density" of their points.
        min_points: smaller instances are ignored.
        output: folder for the results.
    """

    classes: Classes
    splits: list[ScanNetDataset]
    models: tuple[str, ...]
    as_published: bool
    folders: tuple[Path, ...]
    vocabulary: str | None
    settings: PerceptionSettings
    kept: dict[str, Any]
    min_points: int
    output: Path

    def labels(self, class_names: tuple[str, ...]) -> Labels:
        """Labels of the vocabulary for classes."""
        from seg3d_ros.evaluation.naming import Labels
        from seg3d_ros.text.encoder import load_text_encoder
        from seg3d_ros.text.vocabulary_files import load_vocabulary_file

        entries = load_vocabulary_file(self.vocabulary) if self.vocabulary else class_names
        text = self.settings.text
        load = partial(load_text_encoder, folder=text.folder, device=text.device)
        return Labels(entries, class_names, load=load)

    def sources(self, names: tuple[str, ...] = ()) -> list[PredictionSource]:
        """Models, loaded, and folders of predictions.

        Args:
            names: of the classes, for models that label points; empty: their own ones.
        """
        from seg3d_ros.evaluation.predictions import FileSource, SegmenterSource

        folders = [FileSource(folder, self.classes.ids) for folder in self.folders]
        if self.as_published:
            from seg3d_ros.evaluation.published import load_published_lassm

            return [load_published_lassm(self.settings.model.lassm, self.classes.names), *folders]
        from seg3d_ros.segmenters.registry import load_segmenter

        settings = self.settings
        text = replace(settings.text, vocabulary=names or settings.text.vocabulary)
        loaded = [load_segmenter(m, settings.model, text=text) for m in self.models]
        return [*map(SegmenterSource, loaded), *folders]


def validation_splits(dataset: Path) -> list[str]:
    """Names of the folders for validation.

    Raises:
        FileNotFoundError: there are none.
    """
    found = sorted(path.name for path in dataset.glob("val*") if path.is_dir())
    if not found:
        raise FileNotFoundError(f"{dataset} has no folder val...: choose one with --split")
    return found


def class_split(splits: tuple[str, ...]) -> tuple[ClassSplit | None, tuple[str, ...]]:
    """Partition into base and novel classes that is among the splits, and the folders.

    Raises:
        click.UsageError: there are two of them.
    """
    from seg3d_ros.text.class_splits import class_splits

    named = [split for split in splits if split in class_splits()]
    if len(named) > 1:
        raise click.UsageError(f"give one of --split {', '.join(named)}")
    folders = tuple(split for split in splits if split not in named)
    return (class_splits()[named[0]] if named else None), folders
