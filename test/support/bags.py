"""Small rosbag2 folders with a camera and its transforms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from seg3d_ros.scene import Camera

TYPES = get_typestore(Stores.ROS2_HUMBLE)
START_S = 1000
Event = tuple[float, str, object]  # time of recording, topic, message


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


def image(seconds: float, encoding: str, pixels: np.ndarray, frame: str) -> object:
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


def compressed(seconds: float, form: str, data: bytes, frame: str = "depth_frame") -> object:
    return make(
        "sensor_msgs/msg/CompressedImage",
        header=header(seconds, frame),
        format=form,
        data=np.frombuffer(data, np.uint8),
    )


def camera_info(seconds: float, camera: Camera, frame: str) -> object:
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


def write(path: Path, events: list[Event]) -> Path:
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connections = {
            topic: writer.add_connection(topic, message.__msgtype__, typestore=TYPES)
            for topic, message in {topic: message for _, topic, message in events}.items()
        }
        for seconds, topic, message in sorted(events, key=lambda event: event[0]):
            data = TYPES.serialize_cdr(message, message.__msgtype__)
            writer.write(connections[topic], round(seconds * 1e9), data)
    return path
