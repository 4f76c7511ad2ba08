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


def recordings(model, *, having):
    """Recordings of a model whose description has a key, wherever they lie.

    Those beside the repository may be copies of its own, and count only under another name;
    those in $SEG3D_PARITY_DIR always count.
    """
    known = {path.stem: path for root in (SHARED, OWN) for path in root.glob(f"{model}/*.npz")}
    paths = sorted(known.values())
    if "SEG3D_PARITY_DIR" in os.environ:
        paths += sorted(Path(os.environ["SEG3D_PARITY_DIR"]).glob(f"{model}/*.npz"))
    return [r for r in map(Recording, paths) if having in r.description]


def recorded_file(name):
    """Recorded file that is not an array file, beside the repository or in $SEG3D_PARITY_DIR."""
    roots = [Path(os.environ.get("SEG3D_PARITY_DIR", SHARED)), SHARED]
    return next((root / name for root in roots if (root / name).is_file()), None)


def assert_agrees(ours, theirs, what="", *, relative=RELATIVE_TOLERANCE):
    """The tolerance that the recordings were made for, of their deviation and value."""
    assert ours.shape == theirs.shape, what
    theirs = theirs.to(ours.device)
    tolerance = relative * (theirs.std() + theirs.abs())
    excess = ((ours - theirs).abs() - tolerance).max()
    assert excess <= 0, f"{what}: {float(excess):.2g} beyond the tolerance"
