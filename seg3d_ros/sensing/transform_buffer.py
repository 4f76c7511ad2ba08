"""Buffer of coordinate transforms over time, looked up at a stamp."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from seg3d_ros.errors import InputError
from seg3d_ros.scene import Float64
from seg3d_ros.sensing.pose_arithmetic import (
    IDENTITY,
    Rows,
    compose,
    inverted,
    matrix_from_rows,
    rows_from_matrix,
    rows_from_pose,
)
from seg3d_ros.sensing.transform_history import History, Link
from seg3d_ros.sensing.transforms import check_rigid

MAX_FRAMES = 1_000


class TransformError(Exception):
    """Unknown transform; the message says which, when, and what is known instead."""


class UnknownFrameError(TransformError):
    """No transform with this frame has ever come."""


class NotConnectedError(TransformError):
    """Both frames are known, but no chain of transforms joins them."""


class ExtrapolationError(TransformError):
    """A transform of the chain is known at other times only.

    Attributes:
        newest_ns: newest time at which that transform is known, None where this was not said.
        is_past: True when the stamp lies before the oldest sample, so that waiting is no use.
    """

    def __init__(
        self, message: str, *, newest_ns: int | None = None, is_past: bool = False
    ) -> None:
        super().__init__(message)
        self.newest_ns = newest_ns
        self.is_past = is_past


class TransformBuffer:
    """A tree of frames with a history; the part of tf2's buffer that a perception node needs.

    Thread-safe: one lock guards the histories. A lookup never blocks and never guesses: beyond
    the samples it raises. A leading "/" of a frame name is dropped. A frame that changes between
    static and moving is what came last. Bounded by `cache_s`, MAX_SAMPLES and MAX_FRAMES.
    """

    def __init__(self, cache_s: float = 10.0) -> None:
        if not cache_s > 0:
            raise ValueError(f"cache_s is {cache_s}; it must be a positive number of seconds")
        self._cache_ns = int(cache_s * 1e9)
        self._histories: dict[str, History] = {}  # by child frame
        self._known: set[str] = set()  # children and parents
        self._lock = threading.Lock()

    def set_transform(
        self,
        parent: str,
        child: str,
        stamp_ns: int,
        parent_from_child: Float64,
        *,
        static: bool = False,
    ) -> bool:
        """Store a sample: (4, 4) rigid transform of a child frame at a time.

        Returns:
            False when the sample lies farther from the newest one than the cache reaches: it
            holds at its own time only, until the next samples confirm that time has jumped.

        Raises:
            InputError: a name is empty, a frame is its own parent, the matrix is not rigid, or
                there are too many frames.
        """
        checked = check_rigid(parent_from_child, f"the transform {parent} from {child}")
        return self._store(parent, child, stamp_ns, rows_from_matrix(checked), static)

    def set_pose(
        self,
        parent: str,
        child: str,
        stamp_ns: int,
        pose: tuple[Sequence[float], Sequence[float]],
        *,
        static: bool = False,
    ) -> bool:
        """Store a sample as `set_transform` does, ten times as fast.

        Args:
            parent: frame in which the pose is given.
            child: frame that is there.
            stamp_ns: nanoseconds.
            pose: translation (3), metres, and quaternion x, y, z, w of any length but zero.
            static: whether it holds at all times.

        Raises:
            InputError: as in `set_transform`.
        """
        return self._store(parent, child, stamp_ns, rows_from_pose(*pose), static)

    def _store(self, parent: str, child: str, stamp_ns: int, rows: Rows, static: bool) -> bool:
        parent, child = _bare(parent), _bare(child)
        if not parent or not child or parent == child:
            raise InputError(f"frame {child!r} cannot hang on frame {parent!r}")
        with self._lock:
            self._remember(parent, child)
            history = self._histories.get(child)
            if history is None or static or history.static:
                history = self._histories[child] = History(static=static)
            return history.take(stamp_ns, Link(parent, rows), self._cache_ns)

    def clear(self) -> None:
        """Forget everything that moves, after time went back; static transforms stay."""
        with self._lock:
            self._histories = {name: h for name, h in self._histories.items() if h.static}
            parents = {history.links[0].parent for history in self._histories.values()}
            self._known = parents | self._histories.keys()

    def lookup(self, target: str, source: str, stamp_ns: int | None) -> Float64:
        """(4, 4) target_from_source at a time, interpolated between samples.

        Args:
            target: frame in which coordinates come out.
            source: frame in which they go in.
            stamp_ns: nanoseconds; None for the newest time at which the whole chain is known.

        Raises:
            UnknownFrameError: a frame has never been heard of.
            NotConnectedError: no chain joins the two, or the chain is a ring.
            ExtrapolationError: the chain is known, but not at this time.
        """
        target, source = _bare(target), _bare(source)
        with self._lock:
            self._check_known(target, source)
            if stamp_ns is None:
                stamp_ns = self._newest_common_ns(target, source)
            return matrix_from_rows(self._lookup(target, source, stamp_ns))

    def _remember(self, *frames: str) -> None:
        if self._known.issuperset(frames):
            return
        known = self._known.union(frames)
        if len(known) > MAX_FRAMES:
            raise InputError(
                f"{' and '.join(frames)} would be more than the {MAX_FRAMES} frames that are "
                "kept; some node makes up frame names"
            )
        self._known = known

    def _check_known(self, *frames: str) -> None:
        for frame in frames:
            if frame not in self._known:
                known = ", ".join(sorted(self._known)[:20]) or "none"
                raise UnknownFrameError(f"frame {frame!r} is unknown; known are {known}")

    def _lookup(self, target: str, source: str, stamp_ns: int) -> Rows:
        above_target, target_end = self._ancestors(target, stamp_ns)
        above_source, source_end = self._ancestors(source, stamp_ns)
        for frame, frame_from_source in above_source.items():
            if frame in above_target:
                return compose(inverted(above_target[frame]), frame_from_source)
        for end in (source_end, target_end):
            if end in self._histories:
                raise self._extrapolation(target, source, stamp_ns, end)
        raise _not_connected(target, source)

    def _ancestors(self, frame: str, stamp_ns: int) -> tuple[dict[str, Rows], str]:
        """Transforms ancestor_from_frame from `frame` itself upwards, and where that ended.

        It ends at a root, which has no history, or at a frame without a sample at that time.
        """
        found = {frame: IDENTITY}
        while frame in self._histories:
            link = self._histories[frame].at(stamp_ns)
            if link is None:
                break
            if link.parent in found:
                raise NotConnectedError(
                    f"the transforms at {stamp_ns} ns form a ring: {link.parent!r} hangs on itself"
                )
            found[link.parent] = compose(link.parent_from_child, found[frame])
            frame = link.parent
        return found, frame

    def _extrapolation(
        self, target: str, source: str, stamp_ns: int, gap: str
    ) -> ExtrapolationError:
        stamps = self._histories[gap].stamps
        return ExtrapolationError(
            f"the transform {target!r} from {source!r} is not known at {stamp_ns} ns: that of "
            f"{gap!r} is known from {stamps[0]} to {stamps[-1]} ns",
            newest_ns=stamps[-1],
            is_past=stamp_ns < stamps[0],
        )

    def _newest_common_ns(self, target: str, source: str) -> int:
        """Newest time of the frame that lags most between the two; 0 when nothing moves."""
        above_target, above_source = self._newest_chain(target), self._newest_chain(source)
        if above_target.isdisjoint(above_source):
            raise _not_connected(target, source)
        # What hangs above only one of the two hangs below their common ancestor.
        between = [self._histories[frame] for frame in above_target ^ above_source]
        return min((h.stamps[-1] for h in between if not h.static), default=0)

    def _newest_chain(self, frame: str) -> set[str]:
        """Frames from `frame` up to its root, by the newest samples."""
        chain = {frame}
        while frame in self._histories:
            frame = self._histories[frame].links[-1].parent
            if frame in chain:
                break
            chain.add(frame)
        return chain


def _not_connected(target: str, source: str) -> NotConnectedError:
    return NotConnectedError(
        f"no chain of transforms joins {target!r} and {source!r}; check that both hang on one tree"
    )


def _bare(frame: str) -> str:
    return frame.removeprefix("/")
