"""Preparation of a published data set: scene by scene, resumable, in worker processes.

    output/names.txt, dataset.json           classes of segment.npy; source and choices
    output/<split>/<scene>/coord.npy ...     see seg3d_ros.datasets.scene_arrays
    output/<split>_chunks/<scene>_<i>/...    squares of large scenes, if wanted

The folder of a scene appears when it is complete, after its squares.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from seg3d_ros.datasets.chunks import ChunkSettings, cut_chunks
from seg3d_ros.datasets.raw_dataset import RawDataset, RawScene
from seg3d_ros.datasets.scene_arrays import SceneArrays
from seg3d_ros.errors import InputError
from seg3d_ros.files import replacing, replacing_folder
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
        """Write the choices, or check that those of the scenes that are there were the same."""
        description = {
            "format": FORMAT,
            "source": self.raw.name,
            **self.raw.options,
            "chunks": None if self.chunks is None else asdict(self.chunks),
        }
        path = self.output / "dataset.json"
        if path.exists():
            found = _read_json(path)
            differing = [key for key, value in description.items() if found.get(key) != value]
            if differing:
                raise InputError(
                    f"{self.output} holds scenes made with another {' and '.join(differing)}; "
                    "choose an empty folder, or the same options"
                )
            return
        if self.raw.class_names is not None:
            _write_text(self.output / "names.txt", "".join(f"{n}\n" for n in self.raw.class_names))
        _write_text(path, json.dumps(description, indent=1) + "\n")


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


def _write_text(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except ValueError as error:
        raise InputError(f"{path} is no description of a data set ({error})") from error
    return found if isinstance(found, dict) else {}
