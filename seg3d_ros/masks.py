"""Masks over the points of a scene as lists of rows: memory grows with what they cover.

A building has thousands of instances, each of which covers few of its millions of points; a dense
array of masks takes gigabytes there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, SupportsIndex

import numpy as np
import numpy.typing as npt

Bool = npt.NDArray[np.bool_]
Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Masks:
    """M masks over N points; they may overlap.

    To a reader they are an (M, N) bool array: `len`, `shape`, `masks[3]`, a loop, `np.asarray`.

    Attributes:
        rows: (K,) int32 points of the first mask, ascending, then those of the second, ...
        starts: (M + 1,) int64 where each mask begins in `rows`, and K.
        width: N.
    """

    rows: Int32
    starts: Int64
    width: int

    @classmethod
    def of(cls, dense: Bool) -> Masks:
        """Masks of an (M, N) array.

        Raises:
            ValueError: it has another shape.
        """
        if dense.ndim != 2:
            raise ValueError(f"masks have shape {dense.shape}, expected (M, N)")
        count, width = dense.shape
        # Of a matrix nonzero takes ten times as long.
        return cls._of_ascending(np.flatnonzero(dense), count, width)

    @classmethod
    def of_pairs(cls, pairs: Int64, *, count: int, width: int) -> Masks:
        """`count` masks of (K,) distinct pairs mask * width + row, in any order."""
        return cls._of_ascending(np.sort(pairs), count, width)

    @classmethod
    def _of_ascending(cls, pairs: Int64, count: int, width: int) -> Masks:
        starts = np.searchsorted(pairs, np.arange(count + 1) * width)
        rows = pairs - np.repeat(np.arange(count) * width, np.diff(starts))
        return cls(rows.astype(np.int32), starts, width)

    @classmethod
    def of_rows(cls, rows: Sequence[Int64], width: int) -> Masks:
        """A mask for each list of ascending rows."""
        whole = np.concatenate([np.zeros(0, np.int32), *rows]).astype(np.int32)
        return cls(whole, _starts(np.array([len(part) for part in rows], np.int64)), width)

    @classmethod
    def of_labels(cls, labels: npt.NDArray[np.integer[Any]], count: int) -> Masks:
        """A mask for each of `count` labels of (N,) points; see `rows_by_label`."""
        return cls.of_rows(rows_by_label(labels, count), len(labels))

    @classmethod
    def concatenate(cls, parts: Sequence[Masks]) -> Masks:
        """Masks of all parts, one or more over the same points."""
        sizes = np.concatenate([part.sizes for part in parts])
        rows = np.concatenate([part.rows for part in parts])
        return cls(rows, _starts(sizes), parts[0].width)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __iter__(self) -> Iterator[Bool]:
        return (self[mask] for mask in range(len(self)))

    def __getitem__(self, mask: SupportsIndex) -> Bool:
        """(N,) points of one mask."""
        begin, end = self.starts[:-1][mask], self.starts[1:][mask]
        inside = np.zeros(self.width, np.bool_)
        inside[self.rows[begin:end]] = True
        return inside

    def __array__(
        self, dtype: npt.DTypeLike | None = None, copy: bool | None = None
    ) -> npt.NDArray[Any]:
        return self.dense().astype(dtype or np.bool_, copy=False)

    @property
    def shape(self) -> tuple[int, int]:
        """(M, N)."""
        return len(self), self.width

    @property
    def sizes(self) -> Int64:
        """(M,) points in each mask."""
        return np.diff(self.starts)

    @property
    def mask_of(self) -> Int64:
        """(K,) mask that each of `rows` belongs to."""
        return np.repeat(np.arange(len(self)), self.sizes)

    def rows_of_each(self) -> list[Int32]:
        """Points of each mask, ascending."""
        return np.split(self.rows, self.starts[1:-1]) if len(self) else []

    def dense(self) -> Bool:
        """(M, N) array."""
        masks = np.zeros((len(self), self.width), np.bool_)
        masks[self.mask_of, self.rows] = True
        return masks

    def select(self, masks: Int64) -> Masks:
        """Those of (S,) masks, in their order."""
        sizes = self.sizes[masks]
        starts = _starts(sizes)
        places = np.arange(starts[-1]) + np.repeat(self.starts[masks] - starts[:-1], sizes)
        return Masks(self.rows[places], starts, self.width)

    def within(self, inside: Bool) -> Masks:
        """The parts of the masks that lie in (N,) `inside`."""
        kept = inside[self.rows]
        before = _starts(kept)
        return Masks(self.rows[kept], before[self.starts], self.width)

    def placed(self, rows: Int64, width: int) -> Masks:
        """Masks of a part in the scene of `width` points whose (N,) ascending `rows` it holds."""
        return Masks(rows[self.rows].astype(np.int32), self.starts, width)

    def spread(self, row_of: Int64) -> Masks:
        """Masks over P finer points, each of which has the masks of its row of (P,) `row_of`."""
        order = np.argsort(row_of, kind="stable").astype(np.int32)
        finer = Masks(order, _starts(np.bincount(row_of, minlength=self.width)), len(row_of))
        picked = finer.select(self.rows.astype(np.int64))
        mask_of = np.repeat(self.mask_of, picked.sizes)
        pairs = mask_of * len(row_of) + picked.rows
        return Masks.of_pairs(pairs, count=len(self), width=len(row_of))


def rows_by_label(labels: npt.NDArray[np.integer[Any]], count: int) -> list[Int64]:
    """Rows of each label 0..count - 1, ascending; negative labels belong to none."""
    rows = np.flatnonzero(labels >= 0)
    order = rows[np.argsort(labels[rows], kind="stable")]
    ends = np.cumsum(np.bincount(labels[rows], minlength=count))
    return np.split(order, ends[:-1]) if count else []


def _starts(sizes: Int64 | Bool) -> Int64:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
