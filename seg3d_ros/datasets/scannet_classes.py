"""Label ids of ScanNet's benchmarks, in the order of their classes."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from importlib import resources

# Those of NYU40 that the benchmark of 20 classes evaluates.
SCANNET20_IDS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16, 24, 28, 33, 34, 36, 39)


@cache
def scannet200_table() -> tuple[Mapping[str, str], ...]:
    """Rows of id, name and group ("head", "common" or "tail") of the 200 classes.

    D. Rozenberszki et al., "Language-Grounded Indoor 3D Semantic Segmentation in the Wild", ECCV
    2022.
    """
    table = resources.files("seg3d_ros.datasets") / "scannet200.tsv"
    with table.open(encoding="utf-8") as file:
        return tuple(csv.DictReader(file, delimiter="\t"))


def scannet200_ids() -> tuple[int, ...]:
    """Label id of each of the 200 classes."""
    return tuple(int(row["id"]) for row in scannet200_table())
