"""Range limits, crop box and the rejection of pixels between foreground and background."""

import numpy as np
import pytest

from seg3d_ros.scene import Camera, Frame
from seg3d_ros.sensing.depth_image import deproject
from seg3d_ros.sensing.frame_filter import FrameFilter, keep_row, range_image, range_limits

HEIGHT, WIDTH = 48, 64
CAMERA = Camera(WIDTH, HEIGHT, 60.0, 60.0, 31.5, 23.5)


def kept(depth, frame_filter=None):
    """Pixels of an (H, W) depth image in metres that the filter keeps."""
    points = deproject(depth.astype(np.float32), CAMERA, depth_unit=1.0)
    frame = Frame(points, np.zeros(points.shape, np.uint8), 0, np.eye(4), (HEIGHT, WIDTH), CAMERA)
    limits = range_limits(frame_filter or FrameFilter(), organised=True)
    ranges = range_image(frame)
    keep = np.zeros((HEIGHT, WIDTH), np.bool_)
    for v in range(HEIGHT):
        keep_row(ranges, v, limits, keep[v])
    return keep


def step_edge():
    depth = np.full((HEIGHT, WIDTH), 3.0)
    depth[:, : WIDTH // 2] = 1.5
    return depth


def test_a_clean_edge_and_a_thin_bar_lose_nothing():
    depth = step_edge()
    depth[20, :] = 1.0
    assert kept(depth).all()


@pytest.mark.parametrize("width", [1, 2, 4])
@pytest.mark.parametrize("turned", [False, True])
def test_pixels_between_foreground_and_background_go(width, turned):
    depth = step_edge()
    if turned:
        depth = np.resize(step_edge()[0], (WIDTH, HEIGHT)).T
        depth[:, :] = 3.0
        depth[: HEIGHT // 2] = 1.5
    edge = HEIGHT // 2 if turned else WIDTH // 2
    flying = np.zeros((HEIGHT, WIDTH), np.bool_)
    for i in range(width):
        where = (edge + i, slice(None)) if turned else (slice(None), edge + i)
        depth[where] = 1.5 + 1.5 * (i + 1) / (width + 1)
        flying[where] = True
    np.testing.assert_array_equal(kept(depth), ~flying)
    assert kept(depth, FrameFilter(edge_ratio=0.0)).all()


def test_a_floor_seen_at_a_grazing_angle_stays():
    rows = np.arange(HEIGHT)[:, None] - CAMERA.cy
    with np.errstate(divide="ignore"):
        floor = np.where(rows > 0, 0.3 * CAMERA.fy / rows, 0.0)  # a sensor 0.3 m above it
    floor = np.where(floor < 2, floor, 0.0) * np.ones((1, WIDTH))
    keep, measured = kept(floor), floor > 0
    steps = -np.diff(np.log(floor[33:45, 0]))
    assert (steps > 0.04).all()  # steeper than the threshold, so that the test means something
    lost = measured & ~keep
    assert lost.sum() <= 2 * WIDTH  # only where the measured floor begins and ends


def test_ranges_are_distances_not_depths():
    depth = np.full((HEIGHT, WIDTH), 2.0)
    keep = kept(depth, FrameFilter(min_range=2.005, max_range=2.2))
    v, u = np.mgrid[:HEIGHT, :WIDTH]
    rays = np.stack([(u - CAMERA.cx) / CAMERA.fx, (v - CAMERA.cy) / CAMERA.fy, np.ones_like(u)])
    distance = 2 * np.linalg.norm(rays, axis=0)
    np.testing.assert_array_equal(keep, (distance >= 2.005) & (distance <= 2.2))


def test_nothing_measured_is_never_kept():
    depth = np.full((HEIGHT, WIDTH), 2.0)
    depth[3:5, 7] = np.nan
    depth[9, 9] = 0
    keep = kept(depth, FrameFilter(min_range=0.0))
    assert keep.sum() == HEIGHT * WIDTH - 3


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"min_range": 2.0, "max_range": 1.0}, "min_range is 2.0; it must be below"),
        ({"min_range": float("nan")}, "min_range"),
        ({"edge_ratio": -1.0}, "edge_ratio"),
        ({"crop_min": (0.0, 1.0)}, "crop_min is"),
        ({"crop_min": (0.0, 0.0, 0.0), "crop_max": (1.0, 1.0, 0.0)}, "every axis"),
        ({"crop_max": (1.0, 1.0, float("nan"))}, "every axis"),
    ],
)
def test_contradictions_are_refused(values, complaint):
    with pytest.raises(ValueError, match=complaint):
        FrameFilter(**values)


def test_crop_corners_may_come_as_lists():
    assert FrameFilter(crop_min=[0, 1, 2]).crop_min == (0.0, 1.0, 2.0)
