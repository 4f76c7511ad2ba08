"""Cameras in bags: transports, calibrations, and depth that is not registered to colour."""

import io
import logging
import struct

import numpy as np
import pytest
from PIL import Image as PillowImage
from support.bags import START_S, Event, camera_info, compressed, image, transform, write

from seg3d_ros.recordings.bag_topics import choose_topics
from seg3d_ros.recordings.open import open_recording
from seg3d_ros.recordings.recording import RecordingError, to_frame
from seg3d_ros.scene import Camera, Distortion
from seg3d_ros.sensing.depth_image import deproject

HEIGHT, WIDTH = 24, 32
CAMERA = Camera(WIDTH, HEIGHT, 30.0, 30.0, 15.5, 11.5)
V, U = np.mgrid[:HEIGHT, :WIDTH]
DEPTH = (1000 + 10 * V + 3 * U).astype(np.uint16)
COLOR = np.stack([8 * U, 8 * V, 0 * U], axis=-1).astype(np.uint8)
POSES: list[Event] = [
    (START_S + t, "/tf", transform(START_S + t, "odom", "depth_frame", 0.0)) for t in (0.0, 1.0)
]
COLOR_BESIDE: Event = (
    START_S, "/tf_static", transform(START_S, "depth_frame", "color_frame", 0.1)
)  # fmt: skip
TOPICS = {
    "color": "/camera/color/image_raw",
    "depth": "/camera/depth/image_rect_raw",
    "color_info": "/camera/color/camera_info",
    "info": "/camera/depth/camera_info",
}


def frame_of(path, events):
    (recorded,) = open_recording(write(path, [*POSES, *events])).frames()
    return recorded


def events_of(frame="depth_frame", **changes):
    """Colour, depth and calibrations; None leaves one out."""
    messages = {
        "color": image(START_S + 0.5, "rgb8", COLOR, frame),
        "depth": image(START_S + 0.5, "16UC1", DEPTH, "depth_frame"),
        "color_info": camera_info(START_S, CAMERA, frame),
        "info": camera_info(START_S, CAMERA, "depth_frame"),
    } | changes
    return [(START_S + 0.5, TOPICS[k], m) for k, m in messages.items() if m is not None]


def png(pixels):
    file = io.BytesIO()
    PillowImage.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("transport", "form", "data"),
    [
        (
            "compressedDepth",
            "16UC1; compressedDepth png",
            struct.pack("<iff", 0, 0, 0) + png(DEPTH),
        ),
        ("compressed", "16UC1; png compressed ", png(DEPTH)),
    ],
)
def test_compressed_images_equal_raw_ones(tmp_path, transport, form, data):
    color_topic = TOPICS["color"] + "/compressed"
    depth_topic = f"{TOPICS['depth']}/{transport}"
    sent = [
        (START_S + 0.5, color_topic, compressed(START_S + 0.5, "rgb8; png", png(COLOR))),
        (START_S + 0.5, depth_topic, compressed(START_S + 0.5, form, data)),
        (START_S, TOPICS["color_info"], camera_info(START_S, CAMERA, "depth_frame")),
    ]
    raw = frame_of(tmp_path / "raw", events_of()).data
    read = frame_of(tmp_path / "compressed", sent).data
    np.testing.assert_array_equal(read.color, raw.color)
    np.testing.assert_array_equal(read.depth, raw.depth)
    np.testing.assert_array_equal(read.points(), raw.points())


def test_one_image_in_several_transports_is_one_source():
    picture, info = "sensor_msgs/msg/Image", "sensor_msgs/msg/CameraInfo"
    packed = "sensor_msgs/msg/CompressedImage"
    names = [f"{TOPICS[k]}{end}" for k in ("color", "depth") for end in ("/compressedDepth", "")]
    types = {name: packed if name.endswith("Depth") else picture for name in names}
    types |= {TOPICS["depth"] + "/compressed": packed, TOPICS["color_info"]: info}
    found = choose_topics(types, "")
    assert (found.main, found.color) == (TOPICS["depth"], TOPICS["color"])
    del types[TOPICS["depth"]]
    assert choose_topics(types, "").main == TOPICS["depth"] + "/compressedDepth"


def test_a_calibration_without_a_size(tmp_path):
    unsized = camera_info(START_S, Camera(0, 0, 30.0, 30.0, 15.5, 11.5), "depth_frame")
    plain = frame_of(tmp_path / "plain", events_of()).data
    read = frame_of(tmp_path / "zero", events_of(info=unsized, color_info=unsized)).data
    np.testing.assert_array_equal(read.points(), plain.points())


def test_distortion(tmp_path):
    bent = Camera(WIDTH, HEIGHT, 30.0, 30.0, 15.5, 11.5, Distortion((-0.2, 0.05, 0.0, 0.0, 0.0)))
    info = camera_info(START_S, bent, "depth_frame")
    topics = {TOPICS["depth"]: "/camera/depth/image_raw"}
    events = [(t, topics.get(name, name), m) for t, name, m in events_of(info=info)]
    frame = to_frame(frame_of(tmp_path / "bag", events))
    np.testing.assert_array_equal(frame.points, deproject(DEPTH, bent, depth_unit=0.001))
    rectified = to_frame(frame_of(tmp_path / "rect", events_of(info=info)))
    plain = Camera(WIDTH, HEIGHT, 30.0, 30.0, 15.5, 11.5)
    np.testing.assert_array_equal(rectified.points, deproject(DEPTH, plain, depth_unit=0.001))


def test_colour_of_another_resolution_is_resized(tmp_path):
    large = np.repeat(np.repeat(COLOR, 3, axis=0), 3, axis=1)
    found = frame_of(
        tmp_path / "bag", events_of(color=image(START_S + 0.5, "rgb8", large, "depth_frame"))
    )
    inside = (slice(1, -1), slice(1, -1))
    np.testing.assert_allclose(found.data.color[inside], COLOR[inside], atol=1)


def test_depth_of_another_frame_is_given_the_colours_that_lie_there(tmp_path):
    events = [COLOR_BESIDE, *events_of(frame="color_frame")]
    data = frame_of(tmp_path / "bag", events).data
    seen = data.depth > 0
    columns = U - 30.0 * 0.1 / (DEPTH * 0.001)  # of the colour image, 10 cm to the right
    truth = np.stack([8 * columns, 8 * V, 0 * U], axis=-1)
    assert 0.85 < seen.mean() < 0.95, "what lies left of the colour image has no colour"
    np.testing.assert_allclose(data.color[seen], truth[seen], atol=4.1)
    np.testing.assert_array_equal(data.depth[seen], DEPTH[seen])


@pytest.mark.parametrize("missing", ["info", "transform"])
def test_depth_of_another_frame_is_refused_where_a_piece_is_missing(tmp_path, missing):
    events = events_of(frame="color_frame", **({"info": None} if missing == "info" else {}))
    if missing == "info":
        events.append(COLOR_BESIDE)
    words = "'color_frame' and depth in 'depth_frame'.*align_depth"
    with pytest.raises(RecordingError, match=words):
        frame_of(tmp_path / "bag", events)


def test_frames_in_one_place_are_fused_with_a_warning(tmp_path, caplog):
    together = (START_S, "/tf_static", transform(START_S, "depth_frame", "color_frame", 0.0))
    events = [together, *events_of(frame="color_frame", info=None)]
    with caplog.at_level(logging.WARNING):
        data = frame_of(tmp_path / "bag", events).data
    np.testing.assert_array_equal(data.color, COLOR)
    assert "'color_frame' and depth in 'depth_frame'" in caplog.text
