"""`seg3d evaluate`: scores of predictions on labelled scenes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seg3d_ros.cli.errors import one_line_errors
from seg3d_ros.cli.evaluation_request import EvaluationRequest, class_split, validation_splits
from seg3d_ros.cli.settings_options import SettingsCommand, chosen_settings

if TYPE_CHECKING:
    from seg3d_ros.text.class_splits import ClassSplit


@click.command(cls=SettingsCommand, offered=("model", "text"))
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
@click.option(
    "--semantic", is_flag=True,
    help="Score the label of each point: IoU by class. With --split b15n4, b12n7, b10n9, b170n30 "
    "or b150n50 of base and of novel classes, and hIoU.",
)  # fmt: skip
@click.option(
    "--as-published", is_flag=True,
    help="lassm on all points and with the superpoints of the mesh, as its results were "
    "published; not as it segments maps.",
)  # fmt: skip
@click.option(
    "--frames", is_flag=True,
    help="Score names with the frames of DATASET/recordings/<scene>: of the model alone, of "
    "pictures alone, of all witnesses, for found objects and for true masks.",
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
    semantic: bool,
    as_published: bool,
    frames: bool,
    objects_only: bool,
    min_points: int,
    density: float,
    limit: int | None,
    output: Path,
    settings: dict[str, Any],
) -> None:
    """Compare predictions with the labels of DATASET; write evaluation.json and index.html.

    DATASET holds <split>/<scene>/coord.npy and so on, as seg3d synthesize writes it. Instances are
    scored as by the ScanNet benchmark. Lower --min-score for the whole precision-recall curve.
    """
    if not models and not folders:
        raise click.UsageError("give --model or --predictions: whom to evaluate")
    if prompts and folders:
        raise click.UsageError("--predictions answer no clicks; give --model with --prompts")
    if prompts and semantic:
        raise click.UsageError("give --prompts or --semantic, not both")
    if as_published and set(models) != {"lassm"}:
        raise click.UsageError("--as-published is for --model lassm alone")
    with one_line_errors():
        from seg3d_ros.datasets.scene_dataset import ScanNetDataset  # it imports torch
        from seg3d_ros.engine.perception import PerceptionSettings
        from seg3d_ros.evaluation.scenes import load_classes

        partition, splits = class_split(splits) if semantic else (None, splits)
        label_set = label_set if partition is None else partition.label_set
        request = EvaluationRequest(
            classes=load_classes(dataset, label_set, objects_only=objects_only),
            splits=[
                ScanNetDataset(dataset, split, label_set=label_set, superpoints=as_published)
                for split in splits or validation_splits(dataset)
            ],
            models=models,
            as_published=as_published,
            folders=folders,
            vocabulary=vocabulary,
            settings=chosen_settings(PerceptionSettings(), settings, models),
            kept={"limit": limit, "density": density},
            min_points=min_points,
            output=output,
        )
        if prompts:
            _evaluate_prompts(request)
        elif frames:
            _evaluate_frames(request)
        elif semantic:
            _evaluate_semantic(request, partition)
        else:
            _evaluate_instances(request)


def _evaluate_instances(request: EvaluationRequest) -> None:
    from seg3d_ros.evaluation.evaluator import Protocol
    from seg3d_ros.evaluation.page import write_page
    from seg3d_ros.evaluation.report import text_table, write_json
    from seg3d_ros.evaluation.run import run_model

    classes, output = request.classes, request.output
    protocol = Protocol(classes, request.labels(classes.names), request.min_points)
    sources = request.sources()
    runs = [
        [run_model(split, source, protocol, **request.kept) for source in sources]
        for split in request.splits
    ]
    write_json(output / "evaluation.json", [run.evaluation for of in runs for run in of])
    write_page(output, runs)
    for of_split in runs:
        click.echo(text_table([run.evaluation for run in of_split]) + "\n")
    click.echo(f"{output / 'index.html'}  tables, best and worst scenes")
    click.echo(f"{output / 'evaluation.json'}  all numbers")


def _evaluate_semantic(request: EvaluationRequest, partition: ClassSplit | None) -> None:
    from seg3d_ros.evaluation.semantic_run import (
        evaluate_labels,
        point_labels,
        semantic_table,
        write_semantic_json,
    )
    from seg3d_ros.evaluation.semantic_scores import semantic_protocol

    protocol = semantic_protocol(request.classes, partition)
    labels = request.labels(protocol.names)
    sources = [
        point_labels(source, labels, protocol) for source in request.sources(protocol.names)
    ]
    evaluations = [
        [evaluate_labels(split, source, protocol, **request.kept) for source in sources]
        for split in request.splits
    ]
    path = request.output / "semantic.json"
    write_semantic_json(path, [item for of_split in evaluations for item in of_split])
    for of_split in evaluations:
        click.echo(semantic_table(of_split) + "\n")
    click.echo(f"{path}  all numbers")


def _evaluate_prompts(request: EvaluationRequest) -> None:
    from seg3d_ros.evaluation.prompt_run import evaluate_prompts, prompt_table, write_prompt_json
    from seg3d_ros.segmenters.registry import load_prompt_segmenter

    counted = {"min_points": request.min_points, "limit": request.kept["limit"]}
    segmenters = [load_prompt_segmenter(name, request.settings.model) for name in request.models]
    evaluations = [
        evaluate_prompts(split, segmenter, request.classes, **counted)
        for split in request.splits
        for segmenter in segmenters
    ]
    path = request.output / "prompts.json"
    write_prompt_json(path, evaluations)
    click.echo(prompt_table(evaluations))
    click.echo(f"\n{path}  all numbers")


def _evaluate_frames(request: EvaluationRequest) -> None:
    from seg3d_ros.evaluation.frame_names import evaluate_names, name_table
    from seg3d_ros.imaging.encoder import load_image_encoders
    from seg3d_ros.segmenters.registry import load_segmenter

    imaging, settings = request.settings.imaging, request.settings
    encoders = load_image_encoders(imaging.encoder, folder=imaging.folder, device=imaging.device)
    if not encoders:
        raise click.UsageError("--frames needs an image encoder")
    scores = []
    for name in request.models:
        segmenter = load_segmenter(name, settings.model, text=settings.text)
        vocabulary = request.labels(request.classes.names).with_knowledge(segmenter)
        scores += [
            evaluate_names(
                split,
                segmenter,
                encoders,
                vocabulary,
                request.classes,
                min_points=request.min_points,
                limit=request.kept["limit"],
            )
            for split in request.splits
        ]
    click.echo(name_table(scores))
