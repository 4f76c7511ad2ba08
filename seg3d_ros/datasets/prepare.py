"""Preparation of a published data set: scene by scene, resumable, in worker processes.

    output/names.txt, dataset.json           classes of segment.npy; source and choices
    output/<split>/<scene>/coord.npy ...     see seg3d_ros.datasets.scene_arrays
    output/<split>_chunks/<scene>_<i>/...    squares of large scenes, if wanted

The folder of a scene appears when it is complete, after its squares.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

from tqdm import tqdm

from seg3d_ros.datasets.chunks import ChunkSettings, cut_chunks
from seg3d_ros.datasets.description import describe
from seg3d_ros.datasets.raw_dataset import RawDataset, RawScene
from seg3d_ros.datasets.scene_arrays import SceneArrays
from seg3d_ros.files import replacing_folder
from seg3d_ros.worker_pool import run_tasks

FORMAT = 1


@dataclass(frozen=True)
class PreparedDataset:
    """A data set on its way from the published to the prepared form.

    Attributes:
        raw: as published.
        output: folder of the prepared data set.
        chunks: how scenes to train with are cut as well; None: not at all.
    """

    raw: RawDataset
    output: Path
    chunks: ChunkSettings | None = None

    def prepare(self, *, workers: int = 1) -> Preparation:
        """Prepare all scenes that are not there yet, with a progress bar.

        Args:
            workers: number of processes.

        Raises:
            InputError: `output` holds a data set that was made otherwise.
            OSError: there is nothing to prepare, or no storage left.
        """
        listed = self.raw.scenes()
        self._describe()
        missing = [scene for scene in listed.scenes if not self._is_there(scene)]
        result = Preparation(
            scenes=Counter(scene.split for scene in listed.scenes),
            published=listed.published,
        )
        total = len(listed.scenes)
        with tqdm(
            total=total, initial=total - len(missing), desc=self.raw.name, unit="scene"
        ) as bar:
            prepare = partial(prepare_scene, self)
            for scene, error in run_tasks(prepare, missing, workers=workers):
                if error is not None:
                    result.failures[scene.name] = error
                    bar.write(f"{scene.name}: {error}", file=sys.stderr)
                bar.update()
        return result

    def _is_there(self, scene: RawScene) -> bool:
        return (self.output / scene.split / scene.name / "coord.npy").is_file()

    def _describe(self) -> None:
        description = {
            "format": FORMAT,
            "source": self.raw.name,
            **self.raw.options,
            "chunks": None if self.chunks is None else asdict(self.chunks),
        }
        names = self.raw.class_names
        describe(self.output, description, names, scenes="scenes", options="options")


@dataclass
class Preparation:
    """Outcome of a preparation.

    Attributes:
        scenes: number of scenes that were found, by split.
        published: number of scenes of each split of the complete data set.
        failures: sentence on each scene that failed, by its name.
    """

    scenes: Mapping[str, int]
    published: Mapping[str, int]
    failures: dict[str, str] = field(default_factory=dict)


def prepare_scene(dataset: PreparedDataset, scene: RawScene) -> None:
    """Read one scene and write its folders.

    Raises:
        InputError: a file of it is damaged.
        OSError: a file cannot be read or written.
    """
    arrays = dataset.raw.read(scene)
    if dataset.chunks is not None and scene.split == "train":
        for number, chunk in enumerate(cut_chunks(arrays, dataset.chunks)):
            _write(dataset.output / "train_chunks" / f"{scene.name}_{number}", chunk)
    _write(dataset.output / scene.split / scene.name, arrays)


def _write(folder: Path, arrays: SceneArrays) -> None:
    with replacing_folder(folder) as temporary:
        arrays.write(temporary)
