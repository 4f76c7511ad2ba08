"""Camera views of labelled scenes, as XMask3D is trained on them.

Frames lie where `recording_of` looks for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from seg3d_ros.datasets.scene_dataset import ScanNetDataset
from seg3d_ros.datasets.scene_frames import recording_of
from seg3d_ros.errors import InputError
from seg3d_ros.mapping.keyframes.keyframe import view_of
from seg3d_ros.networks.xmask3d.view_input import ViewInput, prepare_view
from seg3d_ros.networks.xmask3d.voxels import VOXEL_SIZE, random_turn
from seg3d_ros.recordings.recording import RecordedFrame, to_frame
from seg3d_ros.scene import Float64, Scene

_MOST_POINTS = 65_000  # views that see more are left out, as in the reference
_FEWEST_LABELS = 10


@dataclass(frozen=True, eq=False)
class LabelledInput:
    """View of one scene with the classes of its P visible points.

    Attributes:
        name: of the scene.
        view: as the network takes it.
        segment: (P,) int64 class of each point, -1 for none.
    """

    name: str
    view: ViewInput
    segment: Tensor

    def to(self, device: torch.device | str) -> LabelledInput:
        """Copy on another device."""
        place = torch.device(device)
        return LabelledInput(self.name, self.view.to(place), self.segment.to(place))


@dataclass(frozen=True, eq=False)
class ViewBatch:
    """Views that one process looks at in one step."""

    views: tuple[LabelledInput, ...]

    def __len__(self) -> int:
        return len(self.views)

    def to(self, device: torch.device | str) -> ViewBatch:
        """Copy on another device."""
        return ViewBatch(tuple(view.to(device) for view in self.views))


class ViewDataset(Dataset[LabelledInput]):
    """One view of each scene, another in every epoch.

    Like those of `ScanNetDataset`, views depend on the seed, the epoch and their index alone.

    Args:
        scenes: with their labels, unchanged.
        turned: points are turned and scaled at random.
        seed: of the choice and of the turns.
    """

    def __init__(self, scenes: ScanNetDataset, *, turned: bool, seed: int) -> None:
        self.scenes = scenes
        self.epoch = 0
        self._turned = turned
        self._seed = seed

    def __len__(self) -> int:
        return len(self.scenes)

    def __getitem__(self, index: int) -> LabelledInput:
        """Look at a scene as a random frame of it shows it, or the next that shows enough.

        Raises:
            FileNotFoundError: the scene has no frames.
            InputError: none of them shows enough of it.
        """
        random = np.random.default_rng((self._seed, self.epoch, index))
        sample, folder = self.scenes[index], self.scenes.scenes[index]
        ids = np.arange(len(sample))
        scene = Scene(sample.points, sample.colors, ids, VOXEL_SIZE, origin=sample.origin)
        turn = random_turn(random) if self._turned else None
        for frame in _frames_from(folder, random):
            view = _prepared(scene, frame, turn)
            if view is None:
                continue
            segment = sample.segment[view.points]
            if (segment >= 0).sum() >= _FEWEST_LABELS:
                return LabelledInput(sample.name, view, torch.from_numpy(segment))
        raise InputError(
            f"no frame of {folder.name} shows 400 to {_MOST_POINTS} of its points, "
            f"{_FEWEST_LABELS} of them with labels; leave the scene out"
        )

    @staticmethod
    def collate(samples: list[LabelledInput]) -> ViewBatch:
        """Put views together."""
        return ViewBatch(tuple(samples))


def _frames_from(folder: Path, random: np.random.Generator) -> Iterator[RecordedFrame]:
    """All frames of a scene once, from a random one on."""
    recording = recording_of(folder)
    first = int(random.integers(max(len(recording), 1)))
    return chain(recording.frames(first), islice(recording.frames(), first))


def _prepared(scene: Scene, frame: RecordedFrame, turn: Float64 | None) -> ViewInput | None:
    view = view_of(to_frame(frame))
    prepared = None if view is None else prepare_view(scene, view, turn)
    return prepared if prepared and len(prepared.points) <= _MOST_POINTS else None
