"""Superpoints: small pieces of surface that lie within one object.

Felzenszwalb and Huttenlocher, "Efficient Graph-Based Image Segmentation" (2004), on the edges of a
mesh or of a neighbour graph, weighted by how far normals turn; folds that are convex count less.
Thresholds, float32 arithmetic and the order of the sums are those of ScanNet's segments, which
the superpoints of published networks are.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from seg3d_ros.errors import InputError
from seg3d_ros.kernels import kernel
from seg3d_ros.scene import Float32, Float64, Int64
from seg3d_ros.segmenters.geometric.orientation import carry_signs
from seg3d_ros.segmenters.geometric.surface import flattest_direction

THRESHOLD = 0.01  # scale of observation; larger values give larger superpoints
SMALLEST = 20  # points; smaller pieces join the neighbour that resembles them most
_NEIGHBORS = 8  # of each point, in the graph of a cloud
_NORMAL_NEIGHBORS = 12  # that a normal is estimated from

Edges = npt.NDArray[np.int32]


def segment_mesh(
    vertices: Float32, faces: Int64, *, threshold: float = THRESHOLD, smallest: int = SMALLEST
) -> Int64:
    """Superpoints of the vertices of a triangle mesh.

    Args:
        vertices: (V, 3) metres.
        faces: (F, 3) rows of vertices.
        threshold: scale of observation.
        smallest: vertices of a superpoint, except where a connected part has fewer.

    Returns:
        (V,) int64 ids 0 ... S-1, in the order of their first vertices.

    Raises:
        InputError: arrays of another shape, a corner that is no vertex, a position not finite.
    """
    points = _checked_points("vertices", vertices)
    corners = _checked_rows("faces", faces, 3, len(points))
    normals = _vertex_normals(points, corners)
    edges = np.ascontiguousarray(corners[:, [[0, 1], [0, 2], [2, 1]]].reshape(-1, 2))
    return _segment(points, normals, edges, threshold, smallest)


def segment_points(
    points: Float32,
    normals: Float32,
    edges: Int64,
    *,
    threshold: float = THRESHOLD,
    smallest: int = SMALLEST,
) -> Int64:
    """Superpoints of a cloud with normals and a neighbour graph.

    Args:
        points: (N, 3) metres.
        normals: (N, 3) unit vectors whose signs agree between neighbours.
        edges: (E, 2) pairs of rows.
        threshold: scale of observation.
        smallest: points of a superpoint, except where a connected part has fewer.

    Returns:
        (N,) int64 ids 0 ... S-1, in the order of their first points.

    Raises:
        InputError: arrays of another shape, a row that is no point, a position not finite.
    """
    points = _checked_points("points", points)
    if np.shape(normals) != points.shape:
        raise InputError(f"normals have shape {np.shape(normals)}; expected {points.shape}")
    normals = np.nan_to_num(np.ascontiguousarray(normals, np.float32))
    pairs = _checked_rows("edges", edges, 2, len(points))
    return _segment(points, normals, pairs, threshold, smallest)


def segment_cloud(
    points: Float32, *, threshold: float = THRESHOLD, smallest: int = SMALLEST
) -> Int64:
    """Superpoints of a cloud of which nothing but the positions is known.

    The graph is that of the nearest neighbours; normals are estimated, their signs carried along
    it, and each connected part turned to face up in total: more tops than undersides are seen.

    Args:
        points: (N, 3) metres, z up; N may be zero.
        threshold: scale of observation.
        smallest: points of a superpoint, except where a connected part has fewer.

    Returns:
        (N,) int64 ids 0 ... S-1, in the order of their first points.

    Raises:
        InputError: an array of another shape, a position not finite.
    """
    points = _checked_points("points", points)
    if len(points) < 2:
        return np.zeros(len(points), np.int64)
    points = points - points[0]  # small numbers keep float32 exact
    count = min(_NORMAL_NEIGHBORS, len(points) - 1)
    nearest = cKDTree(points).query(points, count + 1)[1].astype(np.int32)
    unsigned = np.zeros(points.shape)
    _estimate_normals(points.astype(np.float64), nearest, unsigned)
    near = nearest[:, 1 : _NEIGHBORS + 1]
    edges = np.stack([np.repeat(nearest[:, 0], near.shape[1]), near.ravel()], axis=1)
    normals: Float32 = _with_signs(unsigned, edges).astype(np.float32)
    return _segment(points, normals, edges, threshold, smallest)


def _with_signs(normals: Float64, edges: Edges) -> Float64:
    """(N, 3) normals whose signs agree along the edges, best agreement first."""
    first, second = edges.T
    across = 1 - np.abs(np.einsum("ij,ij->i", normals[first], normals[second]))
    order = _ascending(across.astype(np.float32))
    part, flipped = carry_signs(normals, first[order], second[order])
    signed = np.where(flipped[:, None], -normals, normals)
    upward = np.bincount(part, signed[:, 2], minlength=len(part))
    turned: Float64 = np.where(upward[part, None] < 0, -signed, signed)
    return turned


def _checked_points(name: str, points: Float32) -> Float32:
    points = np.ascontiguousarray(points, np.float32)
    if points.ndim != 2 or points.shape[1] != 3:
        raise InputError(f"{name} have shape {points.shape}; expected (N, 3)")
    if not np.isfinite(points).all():
        raise InputError(f"{name} hold NaN or infinity; remove them first")
    return points


def _checked_rows(name: str, rows: Int64, width: int, count: int) -> Edges:
    rows = np.asarray(rows)
    if rows.ndim != 2 or rows.shape[1] != width:
        raise InputError(f"{name} have shape {rows.shape}; expected (N, {width})")
    if rows.size and not (rows.min() >= 0 and rows.max() < count):
        raise InputError(f"{name} hold {rows.min()} to {rows.max()}; there are {count} points")
    return np.ascontiguousarray(rows, np.int32)


def _segment(
    points: Float32, normals: Float32, edges: Edges, threshold: float, smallest: int
) -> Int64:
    weights = np.empty(len(edges), np.float32)
    _weigh(points, normals, edges, weights)
    edges, weights = ascending_edges(edges, weights)
    return join_edges(edges, weights, len(points), threshold=threshold, smallest=smallest)


def join_edges(
    edges: Edges, weights: Float32, count: int, *, threshold: float, smallest: int
) -> Int64:
    """Segments of a weighted graph of any kind.

    Args:
        edges: (E, 2) int32 rows of nodes, in the order of `ascending_edges`.
        weights: (E,) how unlike the two are.
        count: of the nodes, N.
        threshold: scale of observation, in weights times nodes.
        smallest: nodes of a segment, except where a connected part has fewer.

    Returns:
        (N,) int64 ids 0 ... S-1, in the order of their first nodes.
    """
    labels = np.empty(count, np.int64)
    _join(edges, weights, np.float32(threshold), smallest, labels)
    return labels


def ascending_edges(edges: Edges, weights: Float32) -> tuple[Edges, Float32]:
    """Edges (E, 2) and their weights (E,), the lowest first, equal ones in the order given."""
    order = _ascending(weights)
    return edges[order], weights[order]


def _ascending(weights: Float32) -> Int64:
    """(E,) order of the weights, equal ones by their row: a third of the time of a stable sort."""
    bits = weights.view(np.int32)
    ordered = np.where(bits < 0, ~bits, bits | np.int32(-(2**31))).view(np.uint32)
    keys = ordered.astype(np.uint64) << np.uint64(32) | np.arange(len(bits), dtype=np.uint64)
    keys.sort()
    return (keys & np.uint64(0xFFFFFFFF)).astype(np.int64)


@kernel
def _estimate_normals(points, nearest, normals):  # type: ignore[no-untyped-def]
    """Direction of least spread of each point's neighbours, itself included."""
    for i in range(len(points)):
        x = y = z = xx = xy = xz = yy = yz = zz = 0.0
        for j in nearest[i]:
            dx, dy, dz = _step(points, i, j)
            x, y, z = x + dx, y + dy, z + dz
            xx, xy, xz = xx + dx * dx, xy + dx * dy, xz + dx * dz
            yy, yz, zz = yy + dy * dy, yz + dy * dz, zz + dz * dz
        n = nearest.shape[1]
        normals[i, 0], normals[i, 1], normals[i, 2], _ = flattest_direction(
            xx - x * x / n, xy - x * y / n, xz - x * z / n,
            yy - y * y / n, yz - y * z / n, zz - z * z / n,
        )  # fmt: skip


@kernel(inline="always")
def _step(points, a, b):  # type: ignore[no-untyped-def]
    """From row a to row b."""
    return (
        points[b, 0] - points[a, 0],
        points[b, 1] - points[a, 1],
        points[b, 2] - points[a, 2],
    )


@kernel
def _vertex_normals(points, faces):  # type: ignore[no-untyped-def]
    """(V, 3) running means of unit face normals, not normalised again."""
    normals = np.zeros_like(points)
    counts = np.zeros(len(points), np.int32)
    for f in range(len(faces)):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ux, uy, uz = _step(points, a, b)
        vx, vy, vz = _step(points, a, c)
        x, y, z = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        length = np.sqrt(x * x + y * y + z * z)
        if not length > 0:
            continue  # a face without area has no direction
        x, y, z = x / length, y / length, z / length
        for corner in (a, b, c):
            part = np.float32(1.0) / np.float32(counts[corner] + 1)
            rest = np.float32(1.0) - part
            normals[corner, 0] = normals[corner, 0] * rest + x * part
            normals[corner, 1] = normals[corner, 1] * rest + y * part
            normals[corner, 2] = normals[corner, 2] * rest + z * part
            counts[corner] += 1
    return normals


@kernel
def _weigh(points, normals, edges, weights):  # type: ignore[no-untyped-def]
    """One minus the cosine between the normals; its square across a convex fold."""
    for e in range(len(edges)):
        a, b = edges[e, 0], edges[e, 1]
        dx, dy, dz = _step(points, a, b)
        nx, ny, nz = normals[b, 0], normals[b, 1], normals[b, 2]
        length = np.sqrt(dx * dx + dy * dy + dz * dz)
        weight = np.float32(1.0) - (normals[a, 0] * nx + normals[a, 1] * ny + normals[a, 2] * nz)
        if length > 0 and nx * (dx / length) + ny * (dy / length) + nz * (dz / length) > 0:
            weight = weight * weight
        weights[e] = weight


@kernel
def _join(edges, weights, threshold, smallest, labels):  # type: ignore[no-untyped-def]
    """Union by rank along edges of ascending weight; write the ids."""
    count = labels.size
    parent = np.arange(count).astype(np.int32)
    rank = np.zeros(count, np.int32)
    size = np.ones(count, np.int32)
    limit = np.full(count, threshold, np.float32)
    between = np.empty(len(edges), np.int32)  # edges whose ends were not joined
    left = 0
    for e in range(len(edges)):
        a, b = _root(parent, edges[e, 0]), _root(parent, edges[e, 1])
        if a == b:
            continue
        if weights[e] <= limit[a] and weights[e] <= limit[b]:
            a = _union(parent, rank, size, a, b)
            limit[a] = weights[e] + threshold / np.float32(size[a])
        else:
            between[left] = e
            left += 1
    for k in range(left):
        e = between[k]
        a, b = _root(parent, edges[e, 0]), _root(parent, edges[e, 1])
        if a != b and (size[a] < smallest or size[b] < smallest):
            _union(parent, rank, size, a, b)
    numbers = np.full(count, -1, np.int64)
    used = 0
    for i in range(count):
        root = _root(parent, i)
        if numbers[root] < 0:
            numbers[root] = used
            used += 1
        labels[i] = numbers[root]


@kernel
def _root(parent, i):  # type: ignore[no-untyped-def]
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@kernel(inline="always")
def _union(parent, rank, size, a, b):  # type: ignore[no-untyped-def]
    if rank[a] > rank[b]:
        a, b = b, a
    parent[a] = b
    size[b] += size[a]
    if rank[a] == rank[b]:
        rank[b] += 1
    return b
