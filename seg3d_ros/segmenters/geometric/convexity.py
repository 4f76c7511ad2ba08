"""Join supervoxels into parts: across smooth and convex borders, not across creases.

After Stein et al., "Object partitioning using local convexity" (CVPR 2014): most objects are
convex or nearly so, and where two of them touch the surface folds inwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seg3d_ros.kernels import kernel
from seg3d_ros.scene import Bool, Float64, Int64
from seg3d_ros.segmenters.geometric.contraction import contract, join
from seg3d_ros.segmenters.geometric.supervoxels import Supervoxels
from seg3d_ros.segmenters.geometric.surface import Int32, Surface, square_distance

CONTACT_DISTANCE = 2.0  # voxels between two voxels that touch
CREASE_WEIGHT = 0.05  # of a contact in a crease, against a smooth or convex one


@dataclass(frozen=True, eq=False)
class Contacts:
    """Pairs of labels that touch.

    Attributes:
        first: (E,) int64 smaller label of each pair; pairs are unique and ascending.
        second: (E,) int64 larger label.
        count: (E,) int64 number of voxel pairs that touch.
    """

    first: Int64
    second: Int64
    count: Int64


def find_contacts(surface: Surface, label_of: Int32) -> Contacts:
    """List the pairs of touching labels; voxels with a negative label touch nothing."""
    labels = int(label_of.max(initial=0)) + 1
    code = _contact_codes(surface, label_of, labels)
    pairs, count = np.unique(code, return_counts=True)
    first, second = np.divmod(pairs, labels)
    return Contacts(first, second, count)


def join_convex(supervoxels: Supervoxels, contacts: Contacts, *, tolerance: float) -> Int32:
    """Part of each supervoxel, (P,) int32; `tolerance` as in `is_convex`.

    A border between two parts is cut when most of it is a crease, so that a few misjudged
    contacts neither tear an object nor glue two: the contacts are the weights of a multicut
    problem, solved by greedy additive edge contraction (Keuper et al., "Efficient decomposition
    of image and mesh graphs by lifted multicuts", ICCV 2015).
    """
    together = is_convex(supervoxels, contacts, tolerance=tolerance)
    weight = np.where(together, contacts.count, -CREASE_WEIGHT * contacts.count)
    # What is too bent for a normal says nothing; small pieces of it are absorbed later.
    known = (supervoxels.normals != 0.0).any(axis=1)
    weight[~(known[contacts.first] & known[contacts.second])] = 0.0
    return contract(len(supervoxels), contacts.first, contacts.second, weight)


def is_convex(supervoxels: Supervoxels, contacts: Contacts, *, tolerance: float) -> Bool:
    """(E,) bool, whether each contact lies inside one object.

    A contact does when the surface is smooth there (its normals differ by less than `tolerance`,
    radians) or convex, and the two supervoxels meet along an edge rather than in a point (the
    sanity criterion of the paper, its equation 5).
    """
    normal_1, normal_2 = supervoxels.normals[contacts.first], supervoxels.normals[contacts.second]
    step = _unit(supervoxels.centers[contacts.first] - supervoxels.centers[contacts.second])
    angle = np.arccos(np.clip(_dot(normal_1, normal_2), -1.0, 1.0))
    convex = _dot(normal_1 - normal_2, step) > 0.0
    along_edge = np.abs(_dot(step, _unit(np.cross(normal_1, normal_2))))
    needed = np.radians(60.0) / (1.0 + np.exp(-0.25 * (np.degrees(angle) - 25.0)))
    meets = np.arccos(np.clip(along_edge, 0.0, 1.0)) > needed
    return (angle < tolerance) | (convex & meets)


def absorb_fragments(part_of: Int32, contacts: Contacts, *, below: int) -> Int32:
    """Give parts of fewer than `below` voxels to the part they touch most, (N,) int32.

    Args:
        part_of: (N,) int32 part of each voxel, -1 for none.
        contacts: of the same parts.
        below: voxels.
    """
    sizes = np.bincount(part_of[part_of >= 0], minlength=1)
    here = np.concatenate([contacts.first, contacts.second])
    there = np.concatenate([contacts.second, contacts.first])
    count = np.concatenate([contacts.count, contacts.count])
    # A fragment joins only something larger, so that chains of joins have no cycle.
    wanted = (sizes[here] < below) & ((sizes[there] > sizes[here]) | (there < here))
    wanted &= sizes[there] >= sizes[here]
    here, there, count = here[wanted], there[wanted], count[wanted]
    by_contact = np.lexsort((there, -count, here))
    firsts = by_contact[np.unique(here[by_contact], return_index=True)[1]]
    joined = join(len(sizes), here[firsts], there[firsts])
    return np.where(part_of >= 0, joined[part_of], -1).astype(np.int32)


def _dot(a: Float64, b: Float64) -> Float64:
    product: Float64 = np.einsum("ij,ij->i", a, b)
    return product


def _unit(a: Float64) -> Float64:
    return a / np.maximum(np.linalg.norm(a, axis=1, keepdims=True), 1e-12)


@kernel
def _contact_codes(surface, label_of, labels):  # type: ignore[no-untyped-def]
    reach = (CONTACT_DISTANCE * surface.voxel_size) ** 2
    codes = np.empty(surface.neighbors.size // 2, np.int64)
    size = 0
    for i in range(label_of.size):
        for at in range(surface.starts[i], surface.starts[i + 1]):
            j = surface.neighbors[at]
            a, b = label_of[i], label_of[j]
            if j < i or a == b or a < 0 or b < 0:
                continue
            if square_distance(surface.points, i, j) <= reach:
                codes[size] = np.int64(min(a, b)) * labels + max(a, b)
                size += 1
    return codes[:size]
