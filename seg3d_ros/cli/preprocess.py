"""`seg3d preprocess`: published data sets in the form that training and evaluation read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from seg3d_ros.cli.errors import one_line_errors

if TYPE_CHECKING:
    from seg3d_ros.datasets.chunks import ChunkSettings
    from seg3d_ros.datasets.raw_dataset import RawDataset

_SHOWN = 5  # names of failed scenes in the last line
_Command = TypeVar("_Command", bound=Callable[..., Any])


@click.group()
def preprocess() -> None:
    """Prepare a published data set for seg3d train and seg3d evaluate.

    Started again it goes on where it was stopped. A scene that is broken is named and left out.
    """


def _common(command: _Command) -> _Command:
    """Add the arguments that all data sets take."""
    options = (
        click.argument("raw", type=click.Path(path_type=Path, file_okay=False, exists=True)),
        click.option(
            "-o", "--output", type=click.Path(path_type=Path, file_okay=False), required=True,
            help="Folder of the prepared data set.",
        ),
        click.option(
            "--workers", type=click.IntRange(min=1), default=2, show_default=True,
            help="Processes that share the work, about 1 GB of memory each.",
        ),
    )  # fmt: skip
    for add in reversed(options):
        command = add(command)
    return command


@preprocess.command()
@_common
@click.option(
    "--axis-align", is_flag=True,
    help="Turn scans so that walls run along x and y (axisAlignment). Published models learned "
    "from scans that are not turned.",
)  # fmt: skip
@click.option(
    "--label-map", type=click.Path(path_type=Path, dir_okay=False),
    help="Table of raw labels; if not given: RAW/scannetv2-labels.combined.tsv.",
)  # fmt: skip
@click.option(
    "--frames", type=click.IntRange(min=1), metavar="N",
    help="Keep every N-th RGB-D frame of the .sens files; a scene is a recording for seg3d replay "
    "then.",
)  # fmt: skip
def scannet(
    raw: Path,
    output: Path,
    workers: int,
    axis_align: bool,
    label_map: Path | None,
    frames: int | None,
) -> None:
    """ScanNet v2, with the labels of ScanNet and of ScanNet200.

    RAW holds scans/ and scans_test/ with _vh_clean_2.ply, .segs.json, .aggregation.json and .txt
    of each scan. Evaluate with --label-set scannet20 or scannet200.
    """
    from seg3d_ros.datasets.scannet import ScanNet

    _prepare(ScanNet(raw, axis_align, label_map, frames), output, workers)


@preprocess.command()
@_common
@click.option(
    "--chunks/--no-chunks", default=True, show_default=True,
    help="Cut scenes to train with into squares of 6 m as well (train_chunks).",
)  # fmt: skip
def scannetpp(raw: Path, output: Path, workers: int, chunks: bool) -> None:
    """ScanNet++ v2, with the labels of its 84 instance and 100 semantic classes.

    RAW holds data/, metadata/ and splits/; of each scene scans/mesh_aligned_0.05.ply,
    segments.json and segments_anno.json.
    """
    from seg3d_ros.datasets.chunks import ChunkSettings
    from seg3d_ros.datasets.scannetpp import ScanNetPP

    _prepare(ScanNetPP(raw), output, workers, ChunkSettings() if chunks else None)


@preprocess.command()
@_common
def replica(raw: Path, output: Path, workers: int) -> None:
    """Replica, with 51 classes; "val" are the eight scenes that papers evaluate.

    RAW holds room_0/habitat/mesh_semantic.ply, info_semantic.json and so on.
    """
    from seg3d_ros.datasets.replica import Replica

    _prepare(Replica(raw), output, workers)


@preprocess.command()
@_common
@click.option(
    "--held-out", type=click.IntRange(1, 6), default=5, show_default=True,
    help='Area that becomes "val".',
)  # fmt: skip
@click.option(
    "--axis-align",
    is_flag=True,
    help="Turn rooms so that walls run along x and y; for the version that is not aligned.",
)
def s3dis(raw: Path, output: Path, workers: int, held_out: int, axis_align: bool) -> None:
    """S3DIS (Stanford3dDataset_v1.2), with 13 classes.

    RAW holds Area_1/office_1/Annotations/chair_1.txt and so on.
    """
    from seg3d_ros.datasets.s3dis import S3DIS

    _prepare(S3DIS(raw, held_out, axis_align), output, workers)


@preprocess.command()
@_common
@click.option(
    "--names", "count", type=click.IntRange(min=1), default=20, show_default=True,
    help="Most frequent names of the split train, which stay.",
)  # fmt: skip
def rooms(raw: Path, output: Path, workers: int, count: int) -> None:
    """Rooms of seg3d synthesize as a closed set, with superpoints.

    Things of other names get no label: seg3d train and seg3d evaluate look past them.
    """
    from seg3d_ros.datasets.made_rooms import MadeRooms

    with one_line_errors():
        found = MadeRooms.most_frequent(raw, count)
    _prepare(found, output, workers)


def _prepare(
    raw: RawDataset, output: Path, workers: int, chunks: ChunkSettings | None = None
) -> None:
    from seg3d_ros.datasets.prepare import PreparedDataset

    with one_line_errors():
        result = PreparedDataset(raw, output, chunks).prepare(workers=workers)
    for split, count in sorted(result.scenes.items()):
        published = result.published.get(split, count)
        missing = "" if count >= published else f" of {published}: the others are not in the data"
        click.echo(f"{output / split}: {count} scenes{missing}")
    if result.failures:
        names = list(result.failures)
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        raise click.ClickException(
            f"{len(names)} of {sum(result.scenes.values())} scenes could not be prepared: "
            f"{', '.join(names[:_SHOWN])}{more}; the reasons stand above"
        )
