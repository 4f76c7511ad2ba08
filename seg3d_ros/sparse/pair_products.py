"""Compiled loops that multiply over pairs of neighbours and sum, on a CPU.

All arithmetic is in `_add_products`: two rows of a result, a tile of their columns at a time. A
tile lies in memory row after row and its width is a constant to the compiler, which makes whole
vectors of it. Everything here runs on one thread; several may work on blocks of their own.
"""

from __future__ import annotations

import numpy as np

from seg3d_ros.kernels import kernel

WIDTHS = 64, 48, 32  # columns of a tile, the fastest first
DEPTH = 8  # products of a sum that are added together
_CHUNK = 64  # pairs that are gathered together

# Places are unsigned: signed ones may count from the end, which makes vectors impossible. All
# their terms have to be, or the sum is a float.
_0, _1, _2, _3, _4 = (np.uint64(i) for i in range(5))
_DEPTH = np.uint64(DEPTH)
_32, _48, _64 = np.uint64(32), np.uint64(48), np.uint64(64)


@kernel(fastmath={"contract"})
def convolve_pairs(x, tiles, pairs, first, last, out):  # type: ignore[no-untyped-def]
    """Add `x[input] @ weight[tap]` of each pair of some blocks to `out[output]`.

    Args:
        x: (N_in, C_in) features; C_in is a multiple of DEPTH.
        tiles: (K, tiles, C_in, width) weights.
        pairs: (inputs, outputs, bounds) of a `PairList`.
        first: the first block.
        last: the block behind the last one.
        out: (N_out + 1, tiles * width) sums; the last row is scratch.
    """
    taps, parts, channels, width = tiles.shape
    inputs, outputs, bounds = pairs
    flat_x, flat_tiles, flat_out = x.reshape(-1), tiles.reshape(-1), out.reshape(-1)
    depth, wide, row = np.uint64(channels), np.uint64(width), np.uint64(parts * width)
    for span in range(first * taps, last * taps):
        for part in range(parts):
            tile = np.uint64((span % taps) * parts + part) * depth * wide
            column = np.uint64(part) * wide
            for p in range(bounds[span], bounds[span + 1], 2):
                q = min(p + 1, bounds[span + 1] - 1)
                other = outputs[q] if q > p else len(out) - 1
                i, j = np.uint64(inputs[p]) * depth, np.uint64(inputs[q]) * depth
                a, b = np.uint64(outputs[p]) * row + column, np.uint64(other) * row + column
                _add_tile(flat_x, (i, j, _1), flat_tiles, tile, depth, wide, flat_out, (a, b))


@kernel(fastmath={"contract"})
def correlate_pairs(x, gradient, pairs, first, last, tiles):  # type: ignore[no-untyped-def]
    """Add the outer product of `x[input]` and `gradient[output]` of each pair to its tap's.

    Args:
        x: (N_in, C_in) features; C_in is even.
        gradient: (N_out, tiles * width).
        pairs: (inputs, outputs, bounds) of a `PairList`.
        first: the first block.
        last: the block behind the last one.
        tiles: (K, tiles, C_in, width) sums.
    """
    taps, parts, channels, width = tiles.shape
    inputs, outputs, bounds = pairs
    flat_x, flat_gradient, flat_tiles = x.reshape(-1), gradient.reshape(-1), tiles.reshape(-1)
    step, wide, row = np.uint64(channels), np.uint64(width), np.uint64(parts * width)
    left, right = np.empty(_CHUNK * channels, x.dtype), np.empty(_CHUNK * width, x.dtype)
    for span in range(first * taps, last * taps):
        for start in range(bounds[span], bounds[span + 1], _CHUNK):
            stop = min(start + _CHUNK, bounds[span + 1])
            depth = np.uint64((stop - start + DEPTH - 1) // DEPTH * DEPTH)
            _gather(flat_x, step, inputs[start:stop], _0, step, left)
            for part in range(parts):
                column = np.uint64(part) * wide
                tile = np.uint64((span % taps) * parts + part) * step * wide
                _gather(flat_gradient, row, outputs[start:stop], column, wide, right)
                for k in range(_0, step, _2):
                    a = tile + k * wide
                    to = (a, a + wide)
                    _add_tile(left, (k, k + _1, step), right, _0, depth, wide, flat_tiles, to)


@kernel(forceinline=True)
def _gather(x, row, rows, column, width, out):  # type: ignore[no-untyped-def]
    """Copy `width` columns of some rows of a flat x, and zeros to the end of a depth."""
    for m in range(len(rows)):
        source, target = np.uint64(rows[m]) * row + column, np.uint64(m) * width
        for c in range(width):
            out[target + c] = x[source + c]
    out[len(rows) * width : (len(rows) + DEPTH - 1) * width] = 0


@kernel(forceinline=True)
def _add_tile(x, of, w, tile, depth, width, out, to):  # type: ignore[no-untyped-def]
    """`_add_products` with a width that the compiler knows."""
    if width == 64:
        _add_products(x, of, w, tile, depth, _64, out, to)
    elif width == 48:
        _add_products(x, of, w, tile, depth, _48, out, to)
    else:
        _add_products(x, of, w, tile, depth, _32, out, to)


@kernel(forceinline=True, fastmath={"contract"})
def _add_products(x, of, w, tile, depth, width, out, to):  # type: ignore[no-untyped-def]
    """Add the products of two vectors with a matrix to two rows.

    Args:
        x: flat array with both vectors.
        of: where they start, and the step from one element to the next.
        w: flat array with the matrix (depth, width).
        tile: where that starts.
        depth: a multiple of DEPTH.
        width: columns.
        out: flat array with both rows.
        to: where they start.
    """
    i, j, step = of
    a, b = to
    for _ in range(depth // _DEPTH):
        p0, p1, p2, p3 = x[i], x[i + step], x[i + _2 * step], x[i + _3 * step]
        q0, q1, q2, q3 = x[j], x[j + step], x[j + _2 * step], x[j + _3 * step]
        i, j = i + _4 * step, j + _4 * step
        p4, p5, p6, p7 = x[i], x[i + step], x[i + _2 * step], x[i + _3 * step]
        q4, q5, q6, q7 = x[j], x[j + step], x[j + _2 * step], x[j + _3 * step]
        i, j = i + _4 * step, j + _4 * step
        for c in range(width):
            u = tile + c
            v = u + _4 * width
            w0, w1, w2, w3 = w[u], w[u + width], w[u + _2 * width], w[u + _3 * width]
            w4, w5, w6, w7 = w[v], w[v + width], w[v + _2 * width], w[v + _3 * width]
            p = p0 * w0 + p1 * w1 + p2 * w2 + p3 * w3 + p4 * w4 + p5 * w5 + p6 * w6 + p7 * w7
            q = q0 * w0 + q1 * w1 + q2 * w2 + q3 * w3 + q4 * w4 + q5 * w5 + q6 * w6 + q7 * w7
            out[a + c] += p
            out[b + c] += q
        tile += _DEPTH * width
