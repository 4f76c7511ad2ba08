"""Scores of an audit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seg3d_ros.engine.world_state import WorldState
from seg3d_ros.evaluation.audit.hota import Hota, hota_scores
from seg3d_ros.evaluation.audit.identity import IdentityScores, identity_scores, match_sequence
from seg3d_ros.evaluation.audit.memory import MemoryUse
from seg3d_ros.evaluation.audit.moment import MIN_VOXELS, Moment
from seg3d_ros.evaluation.instance_ap import average_precisions, summarize
from seg3d_ros.evaluation.overlaps import overlaps_of, true_regions
from seg3d_ros.masks import Masks
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.objects.point_owners import owner_of_points
from seg3d_ros.recordings.truth import NONE, STRUCTURE, Int32, Truth
from seg3d_ros.scene import Int64
from seg3d_ros.text.labels import fold

_TOP = 5


@dataclass(frozen=True)
class Usage:
    """Resources that an audit took.

    Attributes:
        tick_seconds: of each frame with a segmentation: reading, fusing, segmenting, tracking; the
            last is of the passes that settle the map.
        memory: growth while the recording was played.
        file_bytes: size of the saved map.
        floor_m2: area of the map seen from above.
    """

    tick_seconds: tuple[float, ...]
    memory: MemoryUse
    file_bytes: int
    floor_m2: float


@dataclass(frozen=True)
class AuditScores:
    """Scores of an audit; ratios in [0, 1] unless they say otherwise, NaN without a value.

    Attributes:
        objects: true objects that were ever large enough.
        object_minutes: time that true objects were in the map, summed.
        identity: switches, fragments, IDF1.
        hota: see `Hota`.
        duplicates: known objects too many on a true one, per true object, at the end.
        ghosts: known objects on no object, per true object, at the end.
        confirm_seconds: from the first sight of a true object to its first match: median.
        never_found: share of the true objects that were never matched.
        ap50: average precision of the final objects at IoU 0.5, all of one class.
        name_top1: share of the matched objects at the end whose first label is true.
        name_top5: whose true name is among the first five.
        moves: things that were known, carried elsewhere, and seen there.
        moves_kept: share of these whose last match has the id of that before the move.
        usage: time and memory.
    """

    objects: int
    object_minutes: float
    identity: IdentityScores
    hota: Hota
    duplicates: float
    ghosts: float
    confirm_seconds: float
    never_found: float
    ap50: float
    name_top1: float
    name_top5: float
    moves: int
    moves_kept: float
    usage: Usage

    @property
    def switches_per_100_minutes(self) -> float:
        """Switches per 100 object-minutes."""
        return 100 * _ratio(self.identity.switches, self.object_minutes)

    def tick_ms(self, percent: float) -> float:
        """Percentile of the time of a tick, milliseconds."""
        return float(np.percentile(self.usage.tick_seconds, percent)) * 1e3

    @property
    def bytes_per_m2(self) -> float:
        """Memory at the end by area of floor."""
        return _ratio(self.usage.memory.end, self.usage.floor_m2)

    @property
    def peak_over_file(self) -> float:
        """Peak memory over the size of the saved map."""
        return _ratio(self.usage.memory.peak, self.usage.file_bytes)


def score(
    moments: Sequence[Moment], final: WorldState, voxels: Int32, truth: Truth, usage: Usage
) -> AuditScores:
    """Scores of moments in the order of time.

    Args:
        moments: at least one.
        final: the last world state.
        voxels: (N,) true object of each voxel of its scene.
        truth: of the recording.
        usage: time and memory.
    """
    matched = match_sequence(moments)
    seconds, never = _confirmation(moments, matched)
    kept = _kept_moves(moments, matched, truth)
    top1, top5 = _names(matched[-1], final.objects, truth)
    last = moments[-1]
    return AuditScores(
        objects=len(np.unique(np.concatenate([moment.true_ids for moment in moments]))),
        object_minutes=_object_minutes(moments),
        identity=identity_scores(moments),
        hota=hota_scores(moments),
        duplicates=_ratio(last.duplicates, len(last.true_ids)),
        ghosts=_ratio(last.ghosts, len(last.true_ids)),
        confirm_seconds=seconds,
        never_found=never,
        ap50=_final_ap50(final, voxels, truth),
        name_top1=top1,
        name_top5=top5,
        moves=len(kept),
        moves_kept=_mean(kept),
        usage=usage,
    )


def _object_minutes(moments: Sequence[Moment]) -> float:
    """Each moment lasts to the next one; the last has no length."""
    stamps = np.array([moment.stamp_ns for moment in moments])
    counts = np.array([len(moment.true_ids) for moment in moments])
    return float((np.diff(stamps) * counts[:-1]).sum() / 60e9)


def _confirmation(
    moments: Sequence[Moment], matched: Sequence[dict[int, int]]
) -> tuple[float, float]:
    """Median seconds from first sight to first match, and the share without a match."""
    seen: dict[int, int] = {}
    found: dict[int, int] = {}
    for moment, pairs in zip(moments, matched, strict=True):
        for number in moment.true_ids.tolist():
            seen.setdefault(number, moment.stamp_ns)
        for number in pairs:
            found.setdefault(number, moment.stamp_ns)
    waits = [(found[number] - seen[number]) / 1e9 for number in found]
    return float(np.median(waits)) if waits else np.nan, 1 - _ratio(len(found), len(seen))


def _kept_moves(
    moments: Sequence[Moment], matched: Sequence[dict[int, int]], truth: Truth
) -> list[bool]:
    """Whether each thing that was known, moved and seen again has its id at the end."""
    kept = []
    for move in truth.moves:
        before = [
            pairs[move.number]
            for moment, pairs in zip(moments, matched, strict=True)
            if moment.stamp_ns < move.stamp_ns and move.number in pairs
        ]
        if before and move.number in moments[-1].true_ids:
            kept.append(matched[-1].get(move.number) == before[-1])
    return kept


def _final_ap50(final: WorldState, voxels: Int32, truth: Truth) -> float:
    assert final.scene is not None
    owners = owner_of_points(final.scene, final.objects)
    masks = Masks.of_labels(owners, len(final.objects))
    structure = np.array([name in STRUCTURE for name in truth.names])
    is_object = (voxels != NONE) & ~structure[voxels]
    segment: Int64 = np.where(is_object, 0, -1)
    regions = true_regions(segment, voxels.astype(np.int64), min_points=MIN_VOXELS)
    scores = np.array([item.score for item in final.objects], np.float32)
    overlaps = overlaps_of(masks, scores, np.zeros(len(masks), np.int64), regions)
    return summarize(average_precisions([overlaps], 1)).ap50


def _names(
    pairs: dict[int, int], objects: Sequence[MapObject], truth: Truth
) -> tuple[float, float]:
    """Shares of the matched objects with the true name first, and among the first five."""
    by_id = {item.id: item for item in objects}
    ranks = []
    for number, known in pairs.items():
        labels = [fold(candidate.label) for candidate in by_id[known].candidates[:_TOP]]
        name = fold(truth.names[number])
        ranks.append(labels.index(name) if name in labels else _TOP)
    return _mean([rank == 0 for rank in ranks]), _mean([rank < _TOP for rank in ranks])


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def _mean(values: Sequence[bool]) -> float:
    return float(np.mean(values)) if values else float("nan")
