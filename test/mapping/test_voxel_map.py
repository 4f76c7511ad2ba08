"""The map against a dictionary of lists, at its bounds and in other threads' hands."""

import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seg3d_ros.mapping.settings import MapSettings
from seg3d_ros.mapping.voxel_map import NEVER, VoxelMap
from seg3d_ros.scene import Frame
from seg3d_ros.sensing.frame_filter import FrameFilter
from seg3d_ros.sensing.transforms import invert, matrix_from_pose
from seg3d_ros.sparse.voxel_keys import AXIS_LIMIT, keys_of_points, unpack_keys

SIZE = 0.02
EVERYTHING = FrameFilter(min_range=0.0, max_range=1000.0, edge_ratio=0.0)


def holds(voxel_map, element_ids):
    return voxel_map.last_seen(element_ids) != NEVER


def frame_of(points, *, stamp_ns=0, pose=None, colors=None):
    points = np.asarray(points, np.float32).reshape(-1, 3)
    if colors is None:
        colors = np.random.default_rng(5).integers(0, 256, points.shape, np.uint8)
    return Frame(points, colors, stamp_ns, np.eye(4) if pose is None else pose)


def random_points(count, *, seed=0, spread=0.3):
    return np.random.default_rng(seed).uniform(-spread, spread, (count, 3)).astype(np.float32)


def slow_map(frames):
    """Mean position and colour of each voxel by key, the long way round."""
    points, colors = [], []
    for frame in frames:
        turn, shift = frame.map_from_sensor[:3, :3], frame.map_from_sensor[:3, 3]
        points.append(frame.points.astype(np.float64) @ turn.T + shift)
        colors.append(frame.colors / 255)
    points, colors = np.concatenate(points), np.concatenate(colors)
    keys, voxel, counts = np.unique(
        keys_of_points(points, SIZE), return_inverse=True, return_counts=True
    )
    means = [
        np.stack([np.bincount(voxel, column) for column in values.T], axis=1) / counts[:, None]
        for values in (points, colors)
    ]
    return keys, *means


def assert_is_slow_map(scene, frames, *, atol=1e-5):
    keys, points, colors = slow_map(frames)
    np.testing.assert_array_equal(scene.element_ids, keys)
    np.testing.assert_allclose(scene.points, points, atol=atol)
    np.testing.assert_allclose(scene.colors, colors, atol=1e-4)


def test_equals_means_computed_the_slow_way():
    pose = matrix_from_pose((0.3, -1.2, 0.7), (0.1, 0.5, -0.3, 0.7))
    frames = [
        frame_of(random_points(20_000, seed=1)),
        frame_of(random_points(20_000, seed=2), pose=pose),
    ]
    voxel_map = VoxelMap(MapSettings(max_weight=1e6), EVERYTHING)
    reports = [voxel_map.integrate(frame) for frame in frames]
    assert_is_slow_map(voxel_map.snapshot(), frames)
    assert [report.points_used for report in reports] == [20_000, 20_000]
    assert sum(report.voxels_added for report in reports) == len(voxel_map)


def test_strided_backward_and_read_only_views_need_no_copy():
    points = random_points(640)
    message = np.zeros((640, 8), np.float32)
    message[:, :3] = points
    bgr = np.random.default_rng(0).integers(0, 256, (640, 3), np.uint8)
    message.view(np.uint8)[:, 16:19] = bgr
    message.flags.writeable = False
    view = Frame(message[:, :3], message.view(np.uint8)[:, 16:19][:, ::-1], 0, np.eye(4), (32, 20))
    assert not view.points.flags.owndata
    voxel_map = VoxelMap(frame_filter=EVERYTHING)
    voxel_map.integrate(view)
    assert_is_slow_map(voxel_map.snapshot(), [frame_of(points, colors=bgr[:, ::-1])])


def sorted_offsets(voxel_map):
    arrays = voxel_map.to_arrays()
    return arrays["means"][np.argsort(arrays["keys"]), :3]


def at(*position):
    return matrix_from_pose(position, (0, 0, 0, 1))


def map_begun_at_zero():
    voxel_map = VoxelMap(frame_filter=EVERYTHING)
    voxel_map.integrate(frame_of([[0, 0, 1]]))
    return voxel_map


def test_twenty_kilometres_from_the_origin_positions_are_as_exact():
    points = random_points(5_000, seed=3)
    here, far = VoxelMap(frame_filter=EVERYTHING), map_begun_at_zero()
    shift = np.array([-20_000.0, 20_000.0, 12_345.6])
    here.integrate(frame_of(points))
    far.integrate(frame_of(points, pose=at(*shift)))
    steps = np.rint(shift / SIZE).astype(np.int64)
    scene = far.snapshot(center=shift, radius=10.0)
    moved = unpack_keys(scene.element_ids) - steps
    np.testing.assert_array_equal(moved, unpack_keys(here.snapshot().element_ids))
    begun = far.to_arrays()["keys"] != keys_of_points(np.array([[0, 0, 1]]), SIZE)
    arrays = far.to_arrays()
    order = np.argsort(arrays["keys"][begun])
    offsets = arrays["means"][begun][order, :3]
    np.testing.assert_allclose(offsets, sorted_offsets(here), atol=1e-5)


def test_points_beyond_the_keys_are_counted_and_left_out():
    pose = at(AXIS_LIMIT * SIZE - 0.5, 0, 0)
    voxel_map = map_begun_at_zero()
    report = voxel_map.integrate(frame_of([[0.4, 0, 0], [0.6, 0, 0], [-0.6, 1, 1]], pose=pose))
    assert (report.points_used, report.points_outside, len(voxel_map)) == (2, 1, 3)


UTM = np.array([500_000.25, 4_649_776.5, 212.0])


def map_at(shift):
    voxel_map = VoxelMap(frame_filter=EVERYTHING)
    voxel_map.integrate(frame_of(random_points(3_000), pose=at(*shift)))
    return voxel_map


def test_a_map_in_utm_coordinates_counts_from_where_it_begins():
    here, far = map_at([0.25, 0.5, 0]).snapshot(), map_at(UTM).snapshot()
    np.testing.assert_array_equal(far.origin, np.rint(UTM))
    np.testing.assert_array_equal(here.origin, 0)
    np.testing.assert_array_equal(far.element_ids, here.element_ids)
    moved = far.grid.map_from_local(far.points) - far.origin
    np.testing.assert_allclose(moved, here.points, atol=1e-6)


def test_a_ball_is_around_a_point_of_the_map_frame():
    voxel_map = map_at(UTM)
    whole, ball = voxel_map.snapshot(), voxel_map.snapshot(center=UTM, radius=0.2)
    inside = np.linalg.norm(whole.grid.map_from_local(whole.points) - UTM, axis=1) <= 0.2
    np.testing.assert_array_equal(ball.element_ids, whole.element_ids[inside])
    assert 0 < len(ball) < len(whole)


def test_the_origin_waits_for_the_first_point_and_ends_with_the_map():
    voxel_map = VoxelMap(frame_filter=EVERYTHING)
    voxel_map.integrate(frame_of([[np.nan] * 3]))  # at zero, before the robot knows where it is
    assert voxel_map.integrate(frame_of([[0, 0, 1]], pose=at(*UTM))).points_used == 1
    assert voxel_map.integrate(frame_of([[0, 0, 1]])).points_outside == 1
    voxel_map.clear()
    assert voxel_map.integrate(frame_of([[0, 0, 1]])).points_used == 1
    np.testing.assert_array_equal(voxel_map.grid.origin, 0)


def test_what_is_no_measurement_is_left_out():
    nothing = [[0, 0, 0], [np.nan, 0, 1], [0, np.inf, 1], [0, 0, 0.1], [0, 0, 9], [np.nan] * 3]
    voxel_map = VoxelMap(frame_filter=FrameFilter(min_range=0.2, max_range=6.0))
    assert voxel_map.integrate(frame_of(nothing)).points_used == 0
    assert voxel_map.integrate(frame_of(np.empty((0, 3)))).points_used == 0
    assert len(voxel_map.snapshot()) == 0


def test_crop_box_is_in_the_map_frame():
    pose = matrix_from_pose((10, 0, 0), (0, 0, 0, 1))
    box = FrameFilter(min_range=0.0, crop_min=(10.0, -1.0, -1.0), crop_max=(11.0, 1.0, 1.0))
    voxel_map = VoxelMap(frame_filter=box)
    report = voxel_map.integrate(frame_of([[0.5, 0, 0], [-0.5, 0, 0], [0.5, 1.5, 0]], pose=pose))
    assert (report.points_used, report.points_outside) == (1, 0)


def test_crop_box_is_in_the_map_frame_where_that_is_utm():
    low, high = (tuple(UTM + corner) for corner in ((0, -1, -1), (1, 1, 1)))
    voxel_map = VoxelMap(frame_filter=FrameFilter(min_range=0.0, crop_min=low, crop_max=high))
    points = [[0.5, 0, 0], [-0.5, 0, 0], [0.5, 1.5, 0]]
    report = voxel_map.integrate(frame_of(points, pose=at(*UTM)))
    assert (report.points_used, report.points_outside) == (1, 0)


def test_a_bounded_weight_lets_the_mean_follow():
    settings_ = MapSettings(max_weight=10.0)
    voxel_map = VoxelMap(settings_, EVERYTHING)
    black = frame_of([[0.01, 0.01, 1.01]] * 500, colors=np.zeros((500, 3), np.uint8))
    white = frame_of([[0.01, 0.01, 1.01]], colors=np.full((1, 3), 255, np.uint8))
    voxel_map.integrate(black)
    for _ in range(30):
        voxel_map.integrate(white)
    expected = 1 - (10 / 11) ** 30
    np.testing.assert_allclose(voxel_map.snapshot().colors, expected, rtol=1e-5)


def test_grows_beyond_its_first_size_without_losing_anything():
    frames = [frame_of(random_points(100_000, seed=seed, spread=0.6)) for seed in range(2)]
    voxel_map = VoxelMap(MapSettings(max_weight=1e6), EVERYTHING)
    for frame in frames:
        voxel_map.integrate(frame)
    assert len(voxel_map) > 80_000
    assert_is_slow_map(voxel_map.snapshot(), frames)


def rows_of_voxels(first, count):
    """Points in `count` neighbouring voxels of their own."""
    points = np.full((count, 3), 0.01)
    points[:, 0] += SIZE * np.arange(first, first + count)
    return points


def test_at_the_bound_the_longest_unseen_go_first():
    voxel_map = VoxelMap(MapSettings(max_voxels=1_000), EVERYTHING)
    evicted = 0
    for second in range(40):
        report = voxel_map.integrate(
            frame_of(rows_of_voxels(100 * second, 100), stamp_ns=second * 10**9)
        )
        evicted += report.voxels_evicted
        assert len(voxel_map) <= 1_000
        assert report.voxels_added == 100
    assert len(voxel_map) == 4_000 - evicted
    newest = keys_of_points(rows_of_voxels(3_100, 900), SIZE)
    assert holds(voxel_map, newest).all()
    assert not holds(voxel_map, keys_of_points(rows_of_voxels(0, 2_900), SIZE)).any()


def test_one_frame_with_more_voxels_than_the_bound_ends():
    voxel_map = VoxelMap(MapSettings(max_voxels=1_000), EVERYTHING)
    report = voxel_map.integrate(frame_of(rows_of_voxels(0, 5_000)))
    assert report.points_used == 5_000
    assert 900 <= len(voxel_map) <= 1_000
    assert report.voxels_added - report.voxels_evicted == len(voxel_map)


def test_a_lower_bound_takes_effect_at_once():
    voxel_map = VoxelMap(MapSettings(max_voxels=5_000), EVERYTHING)
    voxel_map.integrate(frame_of(rows_of_voxels(0, 4_000)))
    voxel_map.settings = MapSettings(max_voxels=1_000)
    assert len(voxel_map) == 1_000
    voxel_map.integrate(frame_of(rows_of_voxels(9_000, 100), stamp_ns=1))
    assert len(voxel_map) <= 1_000
    assert holds(voxel_map, keys_of_points(rows_of_voxels(9_000, 100), SIZE)).all()
    with pytest.raises(ValueError, match="voxel_size"):
        voxel_map.settings = MapSettings(voxel_size=0.04)


def test_after_the_clock_was_set_back_the_old_loop_goes_first():
    voxel_map = VoxelMap(MapSettings(max_voxels=1_000), EVERYTHING)
    voxel_map.integrate(frame_of(rows_of_voxels(0, 900), stamp_ns=100 * 10**9))
    for second in range(1, 5):
        voxel_map.integrate(
            frame_of(rows_of_voxels(100 * second + 900, 100), stamp_ns=second * 10**9)
        )
    assert voxel_map.newest_stamp_ns == 4 * 10**9
    assert holds(voxel_map, keys_of_points(rows_of_voxels(1_000, 400), SIZE)).all()


def test_a_source_whose_clock_lags_does_not_set_the_clock_back():
    voxel_map = VoxelMap(frame_filter=EVERYTHING)
    lagging = replace(frame_of([[0, 0, 2]]), source="lagging")
    for second in range(10, 15):
        voxel_map.integrate(frame_of([[0, 0, 1]], stamp_ns=second * 10**9))
        voxel_map.integrate(replace(lagging, stamp_ns=(second - 2) * 10**9))
        assert voxel_map.newest_stamp_ns == second * 10**9
    last_seen = voxel_map.to_arrays()["last_seen"]
    assert sorted(last_seen) == [12 * 10**9, 14 * 10**9]


@pytest.mark.parametrize("later", [11, 14, 100])
def test_one_stamp_an_hour_ahead_is_forgotten(later):
    voxel_map = VoxelMap(frame_filter=EVERYTHING)
    for second in (10, 3610, later):
        voxel_map.integrate(frame_of([[0, 0, 1]], stamp_ns=second * 10**9))
    assert voxel_map.newest_stamp_ns == later * 10**9
    assert voxel_map.to_arrays()["last_seen"].max() <= later * 10**9


def test_a_late_frame_does_not_count_as_a_clock_set_back():
    voxel_map = VoxelMap(frame_filter=EVERYTHING)
    voxel_map.integrate(frame_of([[0, 0, 1]], stamp_ns=10**9))
    voxel_map.integrate(frame_of([[0, 0, 2]], stamp_ns=10**9 - 50_000_000))
    assert voxel_map.newest_stamp_ns == 10**9


def test_a_ball_is_the_part_of_the_map_within_it():
    voxel_map = VoxelMap(frame_filter=EVERYTHING)
    voxel_map.integrate(frame_of(random_points(50_000, spread=1.0)))
    center = np.array([0.3, -0.2, 0.1])
    whole, ball = voxel_map.snapshot(), voxel_map.snapshot(center=center, radius=0.5)
    near = np.linalg.norm(whole.points - center, axis=1) <= 0.5
    assert 0 < near.sum() < len(whole)
    np.testing.assert_array_equal(ball.element_ids, whole.element_ids[near])
    np.testing.assert_array_equal(ball.points, whole.points[near])
    with pytest.raises(ValueError, match="both"):
        voxel_map.snapshot(radius=1.0)


def test_a_snapshot_stays_as_it_was():
    voxel_map = VoxelMap(frame_filter=EVERYTHING)
    voxel_map.integrate(frame_of(random_points(1_000), stamp_ns=7))
    scene = voxel_map.snapshot()
    points = scene.points.copy()
    voxel_map.integrate(frame_of(random_points(5_000, seed=1), stamp_ns=8))
    np.testing.assert_array_equal(scene.points, points)
    assert scene.stamp_ns == 7
    assert holds(voxel_map, scene.element_ids).all()


def test_clear_forgets_everything():
    voxel_map = VoxelMap(frame_filter=EVERYTHING)
    voxel_map.integrate(frame_of(random_points(1_000), stamp_ns=7))
    keys = voxel_map.snapshot().element_ids
    voxel_map.clear()
    assert len(voxel_map) == len(voxel_map.snapshot()) == voxel_map.newest_stamp_ns == 0
    assert not holds(voxel_map, keys).any()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), shift=st.tuples(*[st.floats(-1e4, 1e4)] * 3))
def test_the_way_the_sensor_stands_does_not_change_the_voxels(seed, shift):
    rng = np.random.default_rng(seed)
    voxels = rng.integers(-20, 20, (200, 3))
    in_map = (voxels + rng.uniform(0.2, 0.8, (200, 3))) * SIZE + np.rint(
        np.array(shift) / SIZE
    ) * SIZE
    pose = matrix_from_pose(np.array(shift) + rng.normal(size=3), rng.normal(size=4))
    from_sensor = invert(pose)
    in_sensor = in_map @ from_sensor[:3, :3].T + from_sensor[:3, 3]
    voxel_map = VoxelMap(frame_filter=EVERYTHING)
    voxel_map.integrate(frame_of(in_sensor, pose=pose))
    expected = np.unique(keys_of_points(voxel_map.grid.local_from_map(in_map), SIZE))
    np.testing.assert_array_equal(voxel_map.snapshot().element_ids, expected)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"pose": np.full((4, 4), np.nan)}, "map_from_sensor"),
        ({"pose": np.zeros((4, 4))}, "map_from_sensor"),
        ({"colors": np.zeros((10, 3), np.float32)}, "uint8"),
    ],
)
def test_useless_frames_are_refused(change, complaint):
    voxel_map = VoxelMap()
    with pytest.raises(ValueError, match=complaint):
        voxel_map.integrate(frame_of(random_points(10), **change))
    assert len(voxel_map) == 0


def filled_map():
    voxel_map = VoxelMap(frame_filter=EVERYTHING)
    voxel_map.integrate(frame_of(random_points(3_000), stamp_ns=11))
    return voxel_map


def test_saved_and_loaded_maps_answer_alike_and_go_on_alike():
    original, restored = filled_map(), VoxelMap(frame_filter=EVERYTHING)
    restored.load_arrays(original.to_arrays())
    for voxel_map in (original, restored):
        voxel_map.integrate(frame_of(random_points(3_000, seed=9), stamp_ns=12))
    first, second = original.to_arrays(), restored.to_arrays()
    assert first.keys() == second.keys()
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name])


def test_a_loaded_map_brings_its_origin_and_older_ones_have_none():
    original, restored = map_at(UTM), map_begun_at_zero()
    restored.load_arrays(original.to_arrays())
    np.testing.assert_array_equal(restored.grid.origin, original.grid.origin)
    assert restored.integrate(frame_of([[0, 0, 1]], pose=at(*UTM))).points_used == 1

    old = filled_map().to_arrays()
    del old["origin"]
    restored.load_arrays(old)
    np.testing.assert_array_equal(restored.grid.origin, 0)


def damaged(name, change):
    arrays = filled_map().to_arrays()
    arrays[name] = change(arrays[name].copy())
    return arrays


def put(value):
    def change(array):
        array.reshape(-1)[-1] = value
        return array

    return change


@pytest.mark.parametrize(
    ("name", "change", "complaint"),
    [
        ("voxel_size", lambda a: a * 2, "set map.voxel_size"),
        ("voxel_size", lambda a: a.astype(np.float32), "float32"),
        ("keys", put(-5), "negative"),
        ("keys", lambda a: np.where(a == a[-1], a[0], a), "twice"),
        ("keys", lambda a: a[:, None], r"expected int64 \(None,\)"),
        ("keys", lambda a: a[:-1], "means"),
        ("means", put(np.nan), "colours"),
        ("means", lambda a: a + 2, "positions"),
        ("means", lambda a: a.astype(object), "object"),
        ("weights", put(0), "weights"),
        ("weights", put(np.inf), "weights"),
        ("last_seen", lambda a: a.astype(np.float64), "last_seen"),
        ("newest_stamp_ns", lambda a: a.reshape(1), "newest_stamp_ns"),
        ("origin", put(np.nan), "origin"),
        ("origin", put(1e12), "origin"),
        ("origin", lambda a: a[:2], r"expected float64 \(3,\)"),
    ],
)
def test_damaged_arrays_leave_the_map_as_it_was(name, change, complaint):
    voxel_map = filled_map()
    before = voxel_map.snapshot()
    with pytest.raises(ValueError, match=complaint):
        voxel_map.load_arrays(damaged(name, change))
    np.testing.assert_array_equal(voxel_map.snapshot().element_ids, before.element_ids)


def test_missing_arrays_and_too_many_voxels_are_refused():
    arrays = filled_map().to_arrays()
    with pytest.raises(ValueError, match="max_voxels"):
        VoxelMap(MapSettings(max_voxels=1_000)).load_arrays(arrays)
    del arrays["weights"]
    with pytest.raises(ValueError, match="weights"):
        VoxelMap().load_arrays(arrays)


def test_snapshots_taken_meanwhile_are_whole():
    voxel_map = VoxelMap(MapSettings(max_voxels=20_000), EVERYTHING)
    frames = [frame_of(random_points(20_000, seed=s, spread=0.5), stamp_ns=s) for s in range(8)]
    done = threading.Event()

    def integrate():
        for _ in range(3):
            for frame in frames:
                voxel_map.integrate(frame)
        done.set()

    writer = threading.Thread(target=integrate)
    writer.start()
    snapshots = 0
    while not done.is_set() or snapshots == 0:
        scene = voxel_map.snapshot()
        snapshots += 1
        assert len(scene) <= 20_000
        assert (np.diff(scene.element_ids) > 0).all()
        centers = (unpack_keys(scene.element_ids) + 0.5) * SIZE
        assert (np.abs(scene.points - centers) <= SIZE / 2 + 1e-5).all()
    writer.join()
