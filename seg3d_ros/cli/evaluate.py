"""`seg3d evaluate`: scores of predictions on labelled scenes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seg3d_ros.cli.errors import one_line_errors
from seg3d_ros.cli.settings_options import SettingsCommand
from seg3d_ros.settings import SettingInfo

if TYPE_CHECKING:
    from seg3d_ros.datasets.scene_dataset import ScanNetDataset
    from seg3d_ros.evaluation.predictions import PredictionSource
    from seg3d_ros.evaluation.scenes import Classes


def _settings() -> Iterator[tuple[str, Any, SettingInfo]]:
    from seg3d_ros.segmenters.settings import NetworkSettings, PostprocessSettings
    from seg3d_ros.settings import settings_of

    yield from settings_of(NetworkSettings())
    yield from settings_of(PostprocessSettings())


@click.command(cls=SettingsCommand, offered=_settings)
@click.argument("dataset", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option(
    "--split", "splits", multiple=True, metavar="NAME",
    help="Folder of scenes; or several. If not given: all whose names begin with val.",
)  # fmt: skip
@click.option("--model", "models", multiple=True, metavar="NAME", help="Segmenter; or several.")
@click.option(
    "--predictions", "folders", multiple=True,
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder with <scene>.npz or <scene>.txt of some system; or several.",
)  # fmt: skip
@click.option(
    "--label-set", type=click.Choice(["names", "scannet20", "scannet200", "scannetpp"]),
    default="names", show_default=True,
    help="Classes: those of names.txt, or of a ScanNet benchmark.",
)  # fmt: skip
@click.option(
    "--vocabulary",
    help="File or bundled list of labels, synonyms joined by |; if not given: the class names.",
)
@click.option(
    "--prompts", is_flag=True,
    help="Models answer simulated clicks on each object; IoU after 1, 3, 5 and 10 of them.",
)  # fmt: skip
@click.option("--objects-only", is_flag=True, help="Ignore walls, floors and ceilings.")
@click.option(
    "--min-points", type=click.IntRange(min=1), default=100, show_default=True,
    help="Smaller instances are ignored, smaller predictions dropped.",
)  # fmt: skip
@click.option(
    "--density", type=click.FloatRange(0.01, 1.0), default=1.0, show_default=True,
    help="Share of the points of each scene that is kept: how models take sparse clouds.",
)  # fmt: skip
@click.option("--limit", type=click.IntRange(min=1), help="Scenes of each split; default: all.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False),
    default="seg3d_evaluation", show_default=True, help="Folder for the results.",
)  # fmt: skip
def evaluate(
    dataset: Path,
    splits: tuple[str, ...],
    models: tuple[str, ...],
    folders: tuple[Path, ...],
    label_set: Any,
    vocabulary: str | None,
    prompts: bool,
    objects_only: bool,
    min_points: int,
    density: float,
    limit: int | None,
    output: Path,
    **settings: Any,
) -> None:
    """Compare predictions with the labels of DATASET; write evaluation.json and index.html.

    DATASET holds <split>/<scene>/coord.npy and so on, as seg3d synthesize writes it. Instances are
    scored as by the ScanNet benchmark. Lower --min-score for the whole precision-recall curve.
    """
    from seg3d_ros.evaluation.evaluator import Protocol
    from seg3d_ros.evaluation.naming import Labels
    from seg3d_ros.evaluation.page import write_page
    from seg3d_ros.evaluation.report import text_table, write_json
    from seg3d_ros.evaluation.run import run_model
    from seg3d_ros.evaluation.scenes import load_classes
    from seg3d_ros.segmenters.settings import NetworkSettings
    from seg3d_ros.settings import replace_settings
    from seg3d_ros.text.encoder import load_text_encoder
    from seg3d_ros.text.vocabulary_files import load_vocabulary_file

    if not models and not folders:
        raise click.UsageError("give --model or --predictions: whom to evaluate")
    if prompts and folders:
        raise click.UsageError("--predictions answer no clicks; give --model with --prompts")
    with one_line_errors():
        from seg3d_ros.datasets.scene_dataset import ScanNetDataset  # it imports torch

        classes = load_classes(dataset, label_set, objects_only=objects_only)
        entries = load_vocabulary_file(vocabulary) if vocabulary else classes.names
        network = replace_settings(NetworkSettings(), settings)
        load = partial(load_text_encoder, folder=network.text_folder, device=network.device)
        protocol = Protocol(classes, Labels(entries, classes.names, load=load), min_points)
        scenes = [
            ScanNetDataset(dataset, split, label_set=label_set)
            for split in splits or _validation_splits(dataset)
        ]
        if prompts:
            counted = {"min_points": min_points, "limit": limit}
            _evaluate_prompts(scenes, models, classes, output, settings, **counted)
            return
        sources = list(_sources(models, folders, classes.ids, settings))
        runs = [
            [
                run_model(split, source, protocol, limit=limit, density=density)
                for source in sources
            ]
            for split in scenes
        ]
        write_json(output / "evaluation.json", [run.evaluation for of in runs for run in of])
        write_page(output, runs)
    for of_split in runs:
        click.echo(text_table([run.evaluation for run in of_split]) + "\n")
    click.echo(f"{output / 'index.html'}  tables, best and worst scenes")
    click.echo(f"{output / 'evaluation.json'}  all numbers")


def _validation_splits(dataset: Path) -> list[str]:
    found = sorted(path.name for path in dataset.glob("val*") if path.is_dir())
    if not found:
        raise FileNotFoundError(f"{dataset} has no folder val...: choose one with --split")
    return found


def _sources(
    models: tuple[str, ...],
    folders: tuple[Path, ...],
    class_ids: tuple[int, ...],
    settings: dict[str, Any],
) -> Iterator[PredictionSource]:
    from seg3d_ros.evaluation.predictions import FileSource, SegmenterSource
    from seg3d_ros.segmenters.registry import load_segmenter
    from seg3d_ros.segmenters.settings import NetworkSettings, PostprocessSettings
    from seg3d_ros.settings import replace_settings

    network = replace_settings(NetworkSettings(), settings)
    postprocess = replace_settings(PostprocessSettings(), settings)
    for name in models:
        yield SegmenterSource(load_segmenter(name, network=network, postprocess=postprocess))
    for folder in folders:
        yield FileSource(folder, class_ids)


def _evaluate_prompts(
    splits: list[ScanNetDataset],
    models: tuple[str, ...],
    classes: Classes,
    output: Path,
    settings: dict[str, Any],
    **counted: Any,
) -> None:
    from seg3d_ros.evaluation.prompt_run import evaluate_prompts, prompt_table, write_prompt_json
    from seg3d_ros.segmenters.registry import load_prompt_segmenter
    from seg3d_ros.segmenters.settings import NetworkSettings
    from seg3d_ros.settings import replace_settings

    network = replace_settings(NetworkSettings(), settings)
    segmenters = [load_prompt_segmenter(name, network=network) for name in models]
    evaluations = [
        evaluate_prompts(split, segmenter, classes, **counted)
        for split in splits
        for segmenter in segmenters
    ]
    write_prompt_json(output / "prompts.json", evaluations)
    click.echo(prompt_table(evaluations))
    click.echo(f"\n{output / 'prompts.json'}  all numbers")
