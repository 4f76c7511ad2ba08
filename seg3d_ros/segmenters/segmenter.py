"""Interface of segmenters: protocols, a result, errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from seg3d_ros.errors import InputError
from seg3d_ros.scene import Bool, Float32, Instances, Int64, Scene, View


class Segmenter(Protocol):
    """Finds every object of a scene. It never sees labels; the vocabulary names them later."""

    @property
    def name(self) -> str:
        """Name it is registered under."""
        ...

    @property
    def embedding_space(self) -> str | None:
        """Text encoder whose space its embeddings lie in; None when it returns none."""
        ...

    @property
    def device(self) -> str:
        """Device it computes on: "cpu", "cuda:0"."""
        ...

    def segment(self, scene: Scene) -> Instances:
        """Masks over the points of `scene`, in its order, with scores and perhaps embeddings."""
        ...


@dataclass(frozen=True, eq=False)
class SemanticLabels:
    """Class of each of N points.

    Attributes:
        labels: (N,) int64 rows of `names`, -1 where nothing is known.
        names: of the classes.
        waiting: number of the scene's views that are still to be looked at.
    """

    labels: Int64
    names: tuple[str, ...]
    waiting: int = 0


@runtime_checkable
class SemanticSegmenter(Protocol):
    """Labels every point by itself, with words that it was given at the start."""

    def label(self, scene: Scene) -> SemanticLabels:
        """Classes of the points of `scene`, in its order."""
        ...

    def waiting(self, views: Sequence[View]) -> int:
        """Number of views that it has not looked at yet; may be called from any thread."""
        ...


@dataclass(frozen=True, eq=False)
class PromptResult:
    """Object at the clicked points.

    Attributes:
        mask: (N,) bool over the scene's points, in its order.
        predicted_iou: the model's own guess of how good the mask is, in [0, 1]; None when the
            method makes none.
    """

    mask: Bool
    predicted_iou: float | None = None


class NothingThereError(InputError):
    """A click hit no voxel of the map. The message holds the distance to the nearest one."""


class PromptSegmenter(Protocol):
    """Finds the one object at clicked points."""

    @property
    def name(self) -> str:
        """Name it is registered under."""
        ...

    def segment_at(self, scene: Scene, points: Float32, foreground: Bool) -> PromptResult:
        """Segment what the foreground points lie on and the background points do not.

        Args:
            scene: what to search.
            points: (K, 3) clicks, local coordinates of the scene, metres.
            foreground: (K,) True for "this", False for "not this".

        Raises:
            NothingThereError: a foreground point is too far from every voxel.
            InputError: the arrays do not fit together, a point is not finite, or none of them
                is foreground.
        """
        ...
