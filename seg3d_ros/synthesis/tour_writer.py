"""Tours as recordings on disk: <split>/tour_00000/ and so on, with their ground truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from seg3d_ros.datasets.description import describe
from seg3d_ros.errors import InputError
from seg3d_ros.synthesis.furnished_rooms import FurnishedRooms
from seg3d_ros.synthesis.tour import write_tour
from seg3d_ros.worker_pool import run_tasks

FORMAT = 1


@dataclass(frozen=True)
class TourWriter:
    """Writer of tours; started again it goes on where it was stopped.

    Attributes:
        root: folder of all splits.
        maker: of the tours.
        pose_noise: see `with_odometry_drift`.
    """

    root: Path
    maker: FurnishedRooms
    pose_noise: float = 0.0

    def write(self, split: str, *, tours: int, workers: int) -> None:
        """Write tours 0 to `tours` - 1 of a split that are not there yet, with a progress bar.

        Raises:
            InputError: the folder holds other tours, or one cannot be made.
        """
        kind = {"format": FORMAT, "seed": self.maker.seed, "pose_noise": self.pose_noise}
        describe(self.root, kind, None, scenes="tours", options="--seed and --pose-noise")
        missing = [(self, split, n) for n in range(tours) if not self.folder(split, n).is_dir()]
        done = run_tasks(_write, missing, workers=workers)
        for (_, _, number), failure in tqdm(done, total=len(missing), desc=split, unit="tour"):
            if failure:
                raise InputError(f"tour {number} of {split}: {failure}")

    def folder(self, split: str, number: int) -> Path:
        """Folder of a tour."""
        return self.root / split / f"tour_{number:05d}"

    def write_one(self, split: str, number: int) -> None:
        """Write one tour; its folder appears when it is complete."""
        tour = self.maker.make_tour(split, number, pose_noise=self.pose_noise)
        write_tour(self.folder(split, number), tour, list(self.maker.names()))


def _write(task: tuple[TourWriter, str, int]) -> None:
    writer, split, number = task
    writer.write_one(split, number)
