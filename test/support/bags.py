"""Messages and bags for tests, written with `rosbags`."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage
from rosbags.rosbag1 import Writer as Ros1Writer
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from seg3d_ros.scene import Camera

TYPES = get_typestore(Stores.ROS2_HUMBLE)
STORAGE = {"mcap": StoragePlugin.MCAP, "sqlite3": StoragePlugin.SQLITE3}
WIDTH, HEIGHT = 4, 3
CAMERA = Camera(WIDTH, HEIGHT, 10.0, 10.0, 1.5, 1.0)
START_S = 1000


def make(kind: str, /, **fields: object) -> object:
    return TYPES.types[kind](**fields)


def header(seconds: float, frame: str) -> object:
    ns = round(seconds * 1e9)
    time = make("builtin_interfaces/msg/Time", sec=ns // 10**9, nanosec=ns % 10**9)
    return make("std_msgs/msg/Header", stamp=time, frame_id=frame)


def transform(seconds: float, parent: str, child: str, x: float) -> object:
    """TFMessage with one child that lies `x` metres ahead of its parent on the x axis."""
    pose = make(
        "geometry_msgs/msg/Transform",
        translation=make("geometry_msgs/msg/Vector3", x=x, y=0.0, z=0.0),
        rotation=make("geometry_msgs/msg/Quaternion", x=0.0, y=0.0, z=0.0, w=1.0),
    )
    stamped = make(
        "geometry_msgs/msg/TransformStamped",
        header=header(seconds, parent),
        child_frame_id=child,
        transform=pose,
    )
    return make("tf2_msgs/msg/TFMessage", transforms=[stamped])


def cloud(seconds: float) -> object:
    data = np.zeros(5, [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("rgb", "<u4")])
    data["x"], data["rgb"] = np.arange(5), 0x102030
    kinds = {"x": 7, "y": 7, "z": 7, "rgb": 6}
    return make(
        "sensor_msgs/msg/PointCloud2",
        header=header(seconds, "camera"),
        height=1,
        width=5,
        fields=[
            make("sensor_msgs/msg/PointField", name=n, offset=4 * i, datatype=kinds[n], count=1)
            for i, n in enumerate(kinds)
        ],
        is_bigendian=False,
        point_step=16,
        row_step=80,
        data=data.view(np.uint8),
        is_dense=True,
    )


def image(seconds: float, encoding: str, pixels: np.ndarray, frame: str = "camera") -> object:
    return make(
        "sensor_msgs/msg/Image",
        header=header(seconds, frame),
        height=pixels.shape[0],
        width=pixels.shape[1],
        encoding=encoding,
        is_bigendian=0,
        step=pixels.strides[0],
        data=np.ascontiguousarray(pixels).view(np.uint8).ravel(),
    )


def depth(seconds: float, value: int) -> object:
    return image(seconds, "16UC1", np.full((HEIGHT, WIDTH), value, np.uint16))


def color(seconds: float, red: int) -> object:
    return image(seconds, "bgr8", np.full((HEIGHT, WIDTH, 3), (1, 2, red), np.uint8))


def jpeg(seconds: float, grey: int) -> object:
    buffer = io.BytesIO()
    PillowImage.new("RGB", (WIDTH, HEIGHT), (grey,) * 3).save(buffer, "JPEG")
    return compressed(seconds, "rgb8; jpeg compressed bgr8", buffer.getvalue(), "camera")


def compressed(seconds: float, form: str, data: bytes, frame: str = "depth_frame") -> object:
    return make(
        "sensor_msgs/msg/CompressedImage",
        header=header(seconds, frame),
        format=form,
        data=np.frombuffer(data, np.uint8),
    )


def camera_info(seconds: float, camera: Camera = CAMERA, frame: str = "camera") -> object:
    lens = camera.distortion
    k = np.array([camera.fx, 0, camera.cx, 0, camera.fy, camera.cy, 0, 0, 1])
    roi = {"x_offset": 0, "y_offset": 0, "height": 0, "width": 0, "do_rectify": False}
    return make(
        "sensor_msgs/msg/CameraInfo",
        header=header(seconds, frame),
        height=camera.height,
        width=camera.width,
        distortion_model="equidistant" if lens and lens.equidistant else "plumb_bob",
        d=np.array(lens.coefficients if lens else np.zeros(5)),
        k=k,
        r=np.eye(3).ravel(),
        p=np.column_stack([k.reshape(3, 3), np.zeros(3)]).ravel(),
        binning_x=0,
        binning_y=0,
        roi=make("sensor_msgs/msg/RegionOfInterest", **roi),
    )


Event = tuple[float, str, object]  # time of recording, topic, message

PLACED: list[Event] = [
    (START_S, "/tf_static", transform(START_S, "base_link", "camera", 10.0)),
    *(
        (START_S + 0.1 * n + 0.05, "/tf", transform(START_S + 0.1 * n, "odom", "base_link", n))
        for n in range(12)
    ),
]
CLOUDS: list[Event] = [(START_S + t, "/points", cloud(START_S + t)) for t in (0.25, 0.5, 0.75)]


def write(
    path: Path,
    events: list[Event],
    *,
    storage: str = "mcap",
    compression: CompressionMode | None = None,
) -> Path:
    """Write a rosbag2 folder; returns it."""
    writer = Writer(path, version=9, storage_plugin=STORAGE[storage])
    if compression:
        writer.set_compression(compression, CompressionFormat.ZSTD)
    with writer:
        connections = {
            topic: writer.add_connection(topic, message.__msgtype__, typestore=TYPES)
            for topic, message in {topic: message for _, topic, message in events}.items()
        }
        for seconds, topic, message in sorted(events, key=lambda event: event[0]):
            data = TYPES.serialize_cdr(message, message.__msgtype__)
            writer.write(connections[topic], round(seconds * 1e9), data)
    return path


def write_ros1(path: Path, events: list[Event]) -> Path:
    """Write a .bag of ROS 1; returns it."""
    types = get_typestore(Stores.ROS1_NOETIC)
    transforms = "geometry_msgs/TransformStamped[] transforms"
    types.register(get_types_from_msg(transforms, "tf2_msgs/msg/TFMessage"))
    with Ros1Writer(path) as writer:
        connections = {
            topic: writer.add_connection(topic, kind, typestore=types)
            for topic, kind in {topic: message.__msgtype__ for _, topic, message in events}.items()
        }
        for seconds, topic, message in sorted(events, key=lambda event: event[0]):
            cdr = TYPES.serialize_cdr(message, message.__msgtype__)
            data = TYPES.cdr_to_ros1(cdr, message.__msgtype__)
            writer.write(connections[topic], round(seconds * 1e9), data)
    return path
