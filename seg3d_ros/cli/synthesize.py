"""`seg3d synthesize`: furnished rooms as a data set to train and to test with."""

from __future__ import annotations

from pathlib import Path

import click

from seg3d_ros.cli.errors import one_line_errors

_SPLITS = ("train", "val_rooms", "val_models", "val_names")  # as in synthesis/splits.py


@click.command()
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False), required=True,
    help="Folder of the data set; rooms that are there already are kept.",
)  # fmt: skip
@click.option(
    "--rooms", type=click.IntRange(min=1), default=1000, show_default=True,
    help="Rooms that the split has in the end.",
)  # fmt: skip
@click.option(
    "--split", type=click.Choice(_SPLITS), default="train", show_default=True,
    help="val_rooms: new rooms with the furniture of training; val_models: with other models of "
    "the same names; val_names: with names that training never sees, too.",
)  # fmt: skip
@click.option(
    "--furniture", type=click.Path(path_type=Path, file_okay=False),
    help="Folder with .sh3f libraries; if not given: downloaded once from Debian (120 MB).",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "--workers", type=click.IntRange(min=1), default=2, show_default=True,
    help="Processes that share the work; the rooms are the same with any number.",
)  # fmt: skip
@click.option(
    "--tours", type=click.IntRange(min=1),
    help="Write so many tours in place of rooms: recordings of two rooms, each visited twice, "
    "with things carried elsewhere meanwhile, and ground truth for seg3d audit.",
)  # fmt: skip
@click.option(
    "--pose-noise", type=click.FloatRange(0.0, 1.0), default=0.0, show_default=True,
    help="Drift of the poses of tours: 0.02 is 2 %, 2 cm after the first metre.",
)  # fmt: skip
@click.option("--recording", is_flag=True, help="Keep the RGB-D frames too, for seg3d replay.")
def synthesize(
    output: Path,
    rooms: int,
    split: str,
    furniture: Path | None,
    seed: int,
    workers: int,
    tours: int | None,
    pose_noise: float,
    recording: bool,
) -> None:
    """Make furnished rooms, scan them with a simulated RGB-D camera and fuse the scans.

    Writes coord, color, normal, segment and instance .npy files a room, and names.txt. Started
    again it goes on where it was stopped.
    """
    from seg3d_ros.synthesis.dataset import DatasetWriter
    from seg3d_ros.synthesis.furnished_rooms import furnished_rooms
    from seg3d_ros.synthesis.library import default_folder, fetch_libraries, find_libraries
    from seg3d_ros.synthesis.tour_writer import TourWriter

    with one_line_errors():
        libraries = find_libraries(furniture) if furniture else fetch_libraries(default_folder())
        meshes = default_folder() / "meshes"
        maker = furnished_rooms(seed, libraries, meshes=meshes, workers=workers)
        if tours:
            TourWriter(output, maker, pose_noise).write(split, tours=tours, workers=workers)
        else:
            DatasetWriter(output, maker, recordings=recording).write(
                split, rooms=rooms, workers=workers
            )
    click.echo(f"{output / split}: {f'{tours} tours' if tours else f'{rooms} rooms'}")
