"""Partitions of ScanNet's classes into base, seen in training, and novel.

b15n4, b12n7 and b10n9: R. Ding et al., "PLA: Language-Driven Open-Vocabulary 3D Scene
Understanding", CVPR 2023; all five as configured for Z. Wang et al., "XMask3D: Cross-modal Mask
Reasoning for Open Vocabulary 3D Semantic Segmentation", NeurIPS 2024.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from seg3d_ros.text.vocabulary_files import load_vocabulary_file

_NEVER_EVALUATED = "other furniture"


@dataclass(frozen=True)
class ClassSplit:
    """Base and novel classes of a label set; a class may be in neither.

    Attributes:
        name: such as b15n4, 15 base and 4 novel classes.
        label_set: scannet20 or scannet200.
        base: names, in the order of the classes.
        novel: names, in the order of the classes.
    """

    name: str
    label_set: str
    base: tuple[str, ...]
    novel: tuple[str, ...]


@cache
def class_splits() -> Mapping[str, ClassSplit]:
    """Partitions by name."""
    table = resources.files("seg3d_ros.text") / "base_novel.tsv"
    with table.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return {row["split"]: _split(row["split"], row["label_set"], row["novel"]) for row in rows}


def _split(name: str, label_set: str, novel: str) -> ClassSplit:
    names = [label.lstrip("-") for label in load_vocabulary_file(label_set)]
    unseen = tuple(novel.split("|"))
    base = tuple(n for n in names if n not in unseen and n != _NEVER_EVALUATED)
    return ClassSplit(name, label_set, base, unseen)
