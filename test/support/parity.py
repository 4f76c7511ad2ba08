"""Recorded inputs and outputs of the networks that ours have to agree with."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

REPOSITORY = Path(__file__).resolve().parents[2]
OWN = REPOSITORY / "test/data/parity"
SHARED = REPOSITORY.parent / "shared/parity"
RELATIVE_TOLERANCE = 2e-4


@dataclass(frozen=True)
class Recording:
    """An .npz of arrays and the .json that describes it."""

    path: Path

    @cached_property
    def description(self):
        return json.loads(self.path.with_suffix(".json").read_text())

    @cached_property
    def arrays(self):
        with np.load(self.path) as archive:
            return {name: torch.from_numpy(archive[name]) for name in archive.files}

    def below(self, prefix):
        return {
            name.removeprefix(prefix): array
            for name, array in self.arrays.items()
            if name.startswith(prefix)
        }

    def __str__(self):
        return f"{self.path.parent.parent.name}-{self.path.stem}"


def folders(model):
    """Where recordings of a model lie; the last only if $SEG3D_PARITY_DIR is set."""
    roots = [OWN, SHARED]
    if "SEG3D_PARITY_DIR" in os.environ:
        roots.append(Path(os.environ["SEG3D_PARITY_DIR"]))
    return [root / model for root in roots if (root / model).is_dir()]


def recordings(model, *, having):
    """Recordings whose description has a key; copies of one file count once."""
    found = {}
    for folder in folders(model):
        for path in sorted(folder.glob("*.npz")):
            recording = Recording(path)
            if having in recording.description:
                found.setdefault((path.stem, path.stat().st_size), recording)
    return list(found.values())


def assert_agrees(ours, theirs, what=""):
    """The tolerance that the recordings were made for: 2e-4 of their deviation and value."""
    assert ours.shape == theirs.shape, what
    theirs = theirs.to(ours.device)
    tolerance = RELATIVE_TOLERANCE * (theirs.std() + theirs.abs())
    excess = ((ours - theirs).abs() - tolerance).max()
    assert excess <= 0, f"{what}: {float(excess):.2g} beyond the tolerance"
