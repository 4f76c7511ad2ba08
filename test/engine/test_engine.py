"""Frames in, objects out, without ROS."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support import toy_room
from support.room_frames import GEOMETRIC, SECOND, frame_of

from seg3d_ros.compute import Compute
from seg3d_ros.engine.engine import Engine
from seg3d_ros.engine.map_segmentation import EmptyMapError
from seg3d_ros.objects.edits import Delete, Merge, Rename, Split
from seg3d_ros.objects.object_map import UnknownObjectError
from seg3d_ros.objects.query import NoEmbeddingsError, Query
from seg3d_ros.objects.storage import MapFileError, save_map
from seg3d_ros.scene import Frame
from seg3d_ros.segmenters.segmenter import NothingThereError
from seg3d_ros.settings import with_values


@pytest.fixture(scope="module")
def frames() -> list[Frame]:
    return [frame_of(pose, i * SECOND) for i, pose in enumerate(toy_room.views(6), 1)]


@pytest.fixture
def engine(frames: list[Frame]) -> Engine:
    """Has seen the toy room and segmented it often enough to know its objects."""
    made = Engine(GEOMETRIC)
    for frame in frames:
        made.integrate(frame)
    made.segment()
    made.segment()
    return made


def object_near(engine: Engine, center: np.ndarray):
    """The largest object whose box holds a point: debris beside it may be an object too."""
    found = engine.query(Query(near=tuple(center), radius=0.01)).matches
    assert found, f"no object at {center}"
    return max((match.object for match in found), key=len)


def test_the_boxes_of_the_room_become_objects(engine: Engine) -> None:
    for box in toy_room.BOXES:
        found = object_near(engine, box.center)
        size = np.subtract(box.high, box.low)
        assert found.box.size[2] == pytest.approx(size[2], abs=0.08)
        assert found.label == "object"
    assert engine.state.scene is not None
    assert engine.state.scene.stamp_ns == 6 * SECOND
    stages = engine.timings.summary()
    assert stages["integrate"].count == 6 and stages["track"].count == 2


def test_ids_stay_while_the_camera_moves(frames: list[Frame]) -> None:
    engine = Engine(GEOMETRIC)
    ids = []
    for frame in frames:
        engine.integrate(frame)
        engine.segment()
        if len(engine.state.objects) == 0:
            continue  # not confirmed yet
        ids.append(object_near(engine, toy_room.BOXES[0].center).id)
    assert len(ids) >= 4 and len(set(ids)) == 1


def test_nothing_can_be_segmented_before_the_first_frame() -> None:
    engine = Engine(GEOMETRIC)
    with pytest.raises(EmptyMapError):
        engine.segment()
    with pytest.raises(EmptyMapError):
        engine.segment_at(np.zeros((1, 3), np.float32), np.ones(1, bool))


def test_a_click_makes_a_named_object_that_stays(engine: Engine) -> None:
    box = toy_room.BOXES[0]
    top = np.array([[*box.center[:2], box.high[2]]], np.float32)
    made = engine.segment_at(top, np.ones(1, bool), name="parcel")
    assert made.object.label == "parcel" and made.method == "geometric"
    assert np.linalg.norm(made.object.box.center[:2] - box.center[:2]) < 0.1
    engine.segment()
    assert engine.get(made.object.id).label == "parcel"
    with pytest.raises(NothingThereError):
        engine.segment_at(np.array([[0, 0, 1.5]], np.float32), np.ones(1, bool))
    with pytest.raises(UnknownObjectError):
        engine.segment_at(top, np.ones(1, bool), refine_id=999)


def on(*points: object) -> tuple[np.ndarray, np.ndarray]:
    return np.array(points, np.float32), np.ones(len(points), bool)


def test_clicks_share_a_scene_while_the_map_stands_still(
    engine: Engine, frames: list[Frame]
) -> None:
    top = np.array([*toy_room.BOXES[0].center[:2], toy_room.BOXES[0].high[2]])
    first = engine.segment_at(*on(top))
    beside = engine.segment_at(*on(top + np.array([0.1, 0, 0])))
    assert beside.scene is first.scene
    far_away = engine.segment_at(*on((1.5, -2.0, 0)))
    assert far_away.scene is not first.scene
    assert engine.segment_at(*on((1.5, -2.1, 0))).scene is far_away.scene
    engine.integrate(frames[0])
    assert engine.segment_at(*on(top)).scene is not first.scene


def test_an_object_is_refined_in_the_scene_it_was_found_in(
    engine: Engine, frames: list[Frame]
) -> None:
    top = np.array([*toy_room.BOXES[0].center[:2], toy_room.BOXES[0].high[2]])
    first = engine.segment_at(*on(top))
    engine.integrate(frames[0])
    refined = engine.segment_at(*on(top), refine_id=first.object.id)
    assert refined.scene is first.scene and refined.object.id == first.object.id
    later = frame_of(toy_room.views(1)[0], 100 * SECOND)
    engine.integrate(later)
    again = engine.segment_at(*on(top), refine_id=first.object.id)
    assert again.scene is not first.scene and again.object.id == first.object.id


def test_a_learned_model_encodes_once_while_the_map_stands_still(engine: Engine) -> None:
    torch = pytest.importorskip("torch", reason="the network needs torch")
    from support.point_sam import small_network

    from seg3d_ros.segmenters.prompts.point_sam import PointSamPrompt
    from seg3d_ros.segmenters.prompts.prompt_network import PromptNetwork

    network = small_network()
    ran = []
    network.pc_encoder.register_forward_hook(lambda *_: ran.append("encoder"))
    network.mask_decoder.register_forward_hook(lambda *_: ran.append("decoder"))
    engine.models.prompt_segmenter = PointSamPrompt(
        "point_sam", PromptNetwork(network, Compute(torch.device("cpu")))
    )
    box = toy_room.BOXES[0]
    top, floor = (*box.center[:2], box.high[2]), (1.5, -2.0, 0)
    made = engine.segment_at(*on(top), name="parcel")
    assert made.method == "point_sam" and 0 <= made.predicted_iou <= 1
    ran.clear()
    foreground = np.array([True, False])
    refined = engine.segment_at(
        np.array([top, floor], np.float32), foreground, refine_id=made.object.id
    )
    assert ran[0] == "decoder"  # whether the crop grows then is up to the random weights
    assert refined.object.id == made.object.id and refined.object.label == "parcel"


def test_the_map_survives_a_restart(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "home.map"
    counts = engine.save(path)
    restarted = Engine(GEOMETRIC)
    assert restarted.load(path) == (*counts, (), None)
    assert engine.state.scene is not None and restarted.state.scene is not None
    before = {item.id: item.box.center for item in engine.state.objects}
    after = {item.id: item.box.center for item in restarted.state.objects}
    assert before.keys() == after.keys()
    for object_id, center in before.items():
        np.testing.assert_allclose(after[object_id], center, atol=1e-6)
    restarted.segment()
    assert object_near(restarted, toy_room.BOXES[0].center).id in before


def test_a_map_file_that_does_not_fit_changes_nothing(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "coarse.map"
    coarse = Engine(with_values(GEOMETRIC, {"map.voxel_size": 0.05}))
    coarse.integrate(frame_of(toy_room.views(1)[0], SECOND))
    coarse.save(path)
    voxels, objects = len(engine.map), engine.state.objects
    with pytest.raises(MapFileError, match="voxel_size"):
        engine.load(path)
    save_map(path, engine.map.to_arrays(), {"nonsense": np.zeros(1)})
    with pytest.raises(MapFileError):
        engine.load(path)
    assert len(engine.map) == voxels
    assert engine.state.objects == objects


def test_a_map_of_another_fixed_frame_changes_nothing(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "home.map"
    engine.save(path, fixed_frame="odom")
    state = engine.state
    with pytest.raises(MapFileError, match="in the frame 'odom', those here in 'map'"):
        engine.load(path, fixed_frame="map")
    assert engine.state is state
    assert engine.load(path, fixed_frame="odom").remarks == ()


def test_a_map_of_another_space_or_an_unknown_frame_is_loaded_with_a_sentence() -> None:
    """One of a format that knew no frames, with embeddings that this model cannot name."""
    engine = Engine(with_values(GEOMETRIC, {"map.voxel_size": 0.05}))
    path = Path(__file__).parent.parent / "data" / "map_files" / "format_2.map"
    report = engine.load(path, fixed_frame="map")
    assert (report.objects, report.voxels) == (3, 81)
    frame, space = report.remarks
    assert "does not say its fixed frame, which is taken to be 'map'" in frame
    assert "2 of 3 objects have embeddings of all-MiniLM-L6-v2" in space
    assert [item.label for item in engine.state.objects] == ["object", "object", "Grüße 猫"]


def test_a_click_on_a_known_object_keeps_its_id(engine: Engine) -> None:
    box = toy_room.BOXES[0]
    known = object_near(engine, box.center)
    made = engine.segment_at(*on([*box.center[:2], box.high[2]]))
    assert made.object.id == known.id
    assert len(engine.query(Query(near=tuple(box.center), radius=0.01)).matches) == 1


def test_a_cleared_map_forgets_but_never_reuses_an_id(engine: Engine, frames: list[Frame]) -> None:
    highest = max(item.id for item in engine.state.objects)
    engine.clear()
    assert len(engine.map) == 0 and engine.query(Query()).matches == []
    for frame in frames:
        engine.integrate(frame)
    engine.segment()
    engine.segment()
    assert min(item.id for item in engine.state.objects) > highest


def test_a_segmentation_that_a_clear_overtakes_is_thrown_away(
    engine: Engine, frames: list[Frame], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.integrate(frames[0])
    real = engine.models.segmenter.segment

    def clear_meanwhile(scene):
        engine.clear()
        return real(scene)

    monkeypatch.setattr(engine.models.segmenter, "segment", clear_meanwhile)
    with pytest.raises(EmptyMapError):
        engine.segment()
    assert engine.query(Query()).matches == []


def test_a_vocabulary_without_embeddings_only_counts_versions(engine: Engine) -> None:
    assert engine.set_vocabulary(["chair"]).version == 1
    assert engine.set_vocabulary(["table", "lamp"]).version == 2
    with pytest.raises(ValueError, match="empty"):
        engine.set_vocabulary([])
    assert engine.state.vocabulary is not None and engine.state.vocabulary.version == 2
    with pytest.raises(NoEmbeddingsError):
        engine.query(Query(text="something to sit on"))


def test_a_map_that_stands_still_is_cut_only_once(engine: Engine, frames: list[Frame]) -> None:
    cuts = engine.timings.summary()["segment"].count
    views = object_near(engine, toy_room.BOXES[0].center).views
    engine.segment()
    assert engine.timings.summary()["segment"].count == cuts
    assert object_near(engine, toy_room.BOXES[0].center).views == views + 1
    engine.integrate(frames[0])
    engine.segment()
    assert engine.timings.summary()["segment"].count == cuts + 1


MGRS, UTM = np.array([89_571.0, 42_301.0, -3.0]), np.array([500_000.0, 4_649_776.0, 212.0])


def moved(frame: Frame, shift: np.ndarray) -> Frame:
    pose = frame.map_from_sensor.copy()
    pose[:3, 3] += shift
    return replace(frame, map_from_sensor=pose)


@pytest.mark.parametrize("shift", [MGRS, UTM])
def test_a_room_in_far_coordinates_has_the_same_objects_there(
    engine: Engine, frames: list[Frame], shift: np.ndarray, tmp_path: Path
) -> None:
    far = Engine(with_values(GEOMETRIC, {"segmentation.radius": 10.0}))
    for frame in frames:
        assert far.integrate(moved(frame, shift)).points_outside == 0
    far.segment()
    far.segment()
    restarted = Engine(GEOMETRIC)
    far.save(tmp_path / "far.map")
    restarted.load(tmp_path / "far.map")
    top = np.array([[*toy_room.BOXES[0].center[:2], toy_room.BOXES[0].high[2]]])
    for there in (far, restarted):
        for box in toy_room.BOXES:
            here, found = (
                object_near(engine, box.center),
                object_near(there, box.center + shift),
            )
            np.testing.assert_allclose(found.box.center - shift, here.box.center, atol=0.02)
            np.testing.assert_allclose(found.centroid - shift, here.centroid, atol=0.02)
        made = there.segment_at(top + shift, np.ones(1, bool)).object
        here = engine.segment_at(top, np.ones(1, bool)).object
        np.testing.assert_allclose(made.box.center - shift, here.box.center, atol=0.02)
        with pytest.raises(NothingThereError, match=rf"nothing at \({shift[0]:.2f}, "):
            there.segment_at(np.array([[0, 0, 1.5]]) + shift, np.ones(1, bool))
    restarted.integrate(moved(frames[0], shift))
    assert restarted.map.to_arrays()["newest_stamp_ns"] > 0


def test_segment_radius_keeps_to_the_sensor(frames: list[Frame]) -> None:
    engine = Engine(with_values(GEOMETRIC, {"segmentation.radius": 1.8}))
    engine.integrate(frames[0])
    scene = engine.segment().scene
    distance = np.linalg.norm(scene.points - frames[0].map_from_sensor[:3, 3], axis=1)
    assert 0 < len(scene) < len(engine.map)
    assert distance.max() <= 1.8 + 1e-3


def test_frames_flow_while_segmentations_run(frames: list[Frame]) -> None:
    engine = Engine(GEOMETRIC)
    engine.integrate(frames[0])
    failures: list[BaseException] = []

    def segment_often() -> None:
        try:
            for _ in range(5):
                engine.segment()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=segment_often)
    thread.start()
    for _ in range(5):
        for frame in frames:
            engine.integrate(frame)
    thread.join()
    assert not failures
    assert engine.timings.summary()["integrate"].count == 31


def test_a_refuted_stamp_a_day_ahead_does_not_delay_the_next_segmentation(
    frames: list[Frame],
) -> None:
    made = Engine(GEOMETRIC)
    day = 24 * 3600 * SECOND
    for frame, stamp_ns in zip(
        frames, (SECOND, day, 2 * SECOND, 4 * SECOND, 5 * SECOND), strict=False
    ):
        made.integrate(replace(frame, stamp_ns=stamp_ns))
        if stamp_ns == day:
            made.segment()
    assert made.is_due(1.0)
    assert made.segment().stamp_ns == 5 * SECOND


def test_warming_up_leaves_no_trace() -> None:
    engine = Engine(GEOMETRIC)
    engine.warm_up()
    assert len(engine.map) == 0 and engine.frames == 0 and engine.state.version == 0


def test_edits_make_the_next_world_state_and_outlive_a_restart(engine: Engine, tmp_path) -> None:
    red, green, blue = (object_near(engine, box.center) for box in toy_room.BOXES)
    version = engine.state.version
    engine.edit(Rename(red.id, "crate"))
    engine.edit(Delete((green.id,)))
    assert engine.state.version == version + 2
    engine.segment()
    engine.save(tmp_path / "room.map")
    engine.load(tmp_path / "room.map")
    engine.segment()
    assert engine.get(red.id).label == "crate"
    left = {known.id for known in engine.state.objects}
    assert green.id not in left and {red.id, blue.id} <= left


def test_clicks_split_an_object(engine: Engine) -> None:
    red, green, _ = (object_near(engine, box.center) for box in toy_room.BOXES)
    engine.edit(Merge((red.id, green.id)))
    on_green = toy_room.BOXES[1].center + np.array([0, 0, 0.15])
    on_red = toy_room.BOXES[0].center + np.array([0, 0, 0.25])
    edit = Split(red.id, np.array([on_green, on_red]), np.array([True, False]), "bench")
    kept, part = engine.edit(edit).ids
    assert kept == red.id and engine.get(part).label == "bench"
    assert np.linalg.norm(engine.get(part).box.center - toy_room.BOXES[1].center) < 0.1
    assert np.linalg.norm(engine.get(kept).box.center - toy_room.BOXES[0].center) < 0.1
