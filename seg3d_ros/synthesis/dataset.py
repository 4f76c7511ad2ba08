"""Made rooms as a data set on disk, in the layout of preprocessed ScanNet.

Below the root of a data set lie

names.txt: one name a line; its number from 0 is the value in segment.npy.
dataset.json: how the rooms were made, and which names training sees.
<split>/<room>/: coord.npy (N, 3) float32, metres, z up; color.npy (N, 3) uint8;
    normal.npy (N, 3) float16, zero where there is no surface; segment.npy and instance.npy
    (N,) int32, -1: none; scene.json: the room, its furniture, and what was seen of it.
recordings/<split>/<room>/: the RGB-D frames in the style of TUM, if wanted.
"""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from tqdm import tqdm

from seg3d_ros.datasets.description import describe
from seg3d_ros.files import replacing, replacing_folder
from seg3d_ros.recordings.recording import to_frame
from seg3d_ros.recordings.tum_writer import write_tum
from seg3d_ros.synthesis.fusion import NONE, FusedScene, LabelledMap
from seg3d_ros.synthesis.room import Room
from seg3d_ros.synthesis.scan import Scan
from seg3d_ros.worker_pool import one_thread_each, start_worker

FORMAT = 2  # 1: rooms to train with were as neat as those to validate with
MIN_VOXELS = 20  # smaller instances are nobody's to recognise


class RoomMaker(Protocol):
    """Maker of rooms; is sent to worker processes, so it has to be picklable.

    Attributes:
        seed: of all its rooms.
    """

    seed: int

    def names(self) -> dict[str, bool]:
        """All names in the order of their numbers; True for those that training sees."""

    def make(self, split: str, number: int) -> tuple[tuple[Room, ...], Scan]:
        """Connected rooms; the same for the same seed, split and number in any process."""


@dataclass(frozen=True)
class DatasetWriter:
    """Writes rooms of a data set; one process or thread for each room at a time.

    Attributes:
        root: folder of the data set.
        maker: of its rooms.
        recordings: keep the frames as well.
    """

    root: Path
    maker: RoomMaker
    recordings: bool = False

    def write(self, split: str, *, rooms: int, workers: int) -> None:
        """Make rooms 0 to `rooms` - 1 of a split that are not there yet, with a progress bar.

        Raises:
            ValueError: the folder holds a data set that was made otherwise.
        """
        self._write_description()
        missing = [number for number in range(rooms) if not self._is_written(split, number)]
        bar = tqdm(total=rooms, initial=rooms - len(missing), desc=split, unit="room")
        context = multiprocessing.get_context("spawn")  # ray casters do not survive a fork
        pool = ProcessPoolExecutor(workers, context, initializer=_adopt, initargs=(self,))
        with bar, one_thread_each(), pool:
            jobs = [pool.submit(_write_room, split, number) for number in missing]
            try:
                for job in as_completed(jobs):
                    job.result()
                    bar.update()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def write_room(self, split: str, number: int) -> None:
        """Make one room; its folder appears when it is complete."""
        rooms, scan = self.maker.make(split, number)
        labelled_map = LabelledMap()
        for recorded, instances in zip(scan.frames, scan.instances, strict=True):
            labelled_map.add(to_frame(recorded), instances)
        labelled = labelled_map.to_scene(min_voxels=MIN_VOXELS)
        if self.recordings:
            with replacing_folder(self._recording(split, number)) as folder:
                write_tum(folder, scan.frames)
        with replacing_folder(self._scene(split, number)) as folder:
            for name, array in self._arrays(labelled, scan.names).items():
                np.save(folder / f"{name}.npy", array)
            _write_json(folder / "scene.json", _facts(rooms, scan, labelled))

    def _scene(self, split: str, number: int) -> Path:
        return self.root / split / f"room_{number:05d}"

    def _recording(self, split: str, number: int) -> Path:
        return self.root / "recordings" / split / f"room_{number:05d}"

    def _is_written(self, split: str, number: int) -> bool:
        recorded = not self.recordings or self._recording(split, number).is_dir()
        return recorded and self._scene(split, number).is_dir()

    def _arrays(self, labelled: FusedScene, instance_names: Sequence[str]) -> dict[str, Any]:
        numbers = {name: number for number, name in enumerate(self.maker.names())}
        segment_of = np.array([*(numbers[name] for name in instance_names), NONE], np.int32)
        scene = labelled.scene
        return {
            "coord": scene.points,
            "color": np.rint(scene.colors * 255).astype(np.uint8),
            "normal": np.asarray(scene.normals, np.float16),
            "segment": segment_of[labelled.instance],
            "instance": labelled.instance,
        }

    def _write_description(self) -> None:
        names = self.maker.names()
        description = {
            "format": FORMAT,
            "seed": self.maker.seed,
            "seen_names": [name for name, seen in names.items() if seen],
            "unseen_names": [name for name, seen in names.items() if not seen],
        }
        same = "--seed and furniture"
        describe(self.root, description, list(names), scenes="rooms", options=same)


_writers: list[DatasetWriter] = []  # in a worker process: the one it works for


def _adopt(writer: DatasetWriter) -> None:
    _writers[:] = [writer]
    start_worker()


def _write_room(split: str, number: int) -> None:
    _writers[0].write_room(split, number)


def _facts(rooms: Sequence[Room], scan: Scan, labelled: FusedScene) -> dict[str, Any]:
    known = labelled.instance[labelled.instance != NONE]
    voxels = np.bincount(known, minlength=len(scan.names)).tolist()
    return {
        "views": len(scan.frames),
        "voxels": len(labelled.scene),
        "instances": [
            {"name": name, "voxels": count} for name, count in zip(scan.names, voxels, strict=True)
        ],
        "rooms": [asdict(room) for room in rooms],
    }


def _write_json(path: Path, value: dict[str, Any]) -> None:
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
