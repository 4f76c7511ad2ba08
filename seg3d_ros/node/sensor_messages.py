"""Measurements → messages, filled in as camera drivers and robots fill them in."""

from __future__ import annotations

from typing import Any

import numpy as np
from geometry_msgs.msg import Quaternion, TransformStamped
from sensor_msgs.msg import CameraInfo, Image, PointCloud2, PointField
from std_msgs.msg import Header

from seg3d_ros.node.conversions import byte_array, cloud_msg, vector_msg
from seg3d_ros.scene import Camera, Distortion, Float32, Float64, UInt8
from seg3d_ros.sensing.transforms import quaternion_from_matrix

MILLIMETRE = 0.001
_POINT = np.dtype([("xyz", "<f4", 3), ("rgb", "<u4")])
_POINT_FIELDS = [
    PointField(name=name, offset=4 * i, datatype=PointField.FLOAT32, count=1)
    for i, name in enumerate(("x", "y", "z", "rgb"))
]


def measured_cloud_msg(
    header: Header, points: Float32, colors: UInt8, *, grid: tuple[int, int] | None = None
) -> PointCloud2:
    """Cloud with the fields x, y, z, rgb.

    Args:
        header: frame and stamp.
        points: (N, 3) float32, sensor frame, metres, NaN where nothing was measured.
        colors: (N, 3) uint8 RGB.
        grid: (height, width) of an organised cloud.
    """
    rows = np.empty(len(points), _POINT)
    rows["xyz"] = points
    r, g, b = colors.astype(np.uint32).T
    rows["rgb"] = (r << 16) | (g << 8) | b
    msg = cloud_msg(header, _POINT_FIELDS, rows.reshape(grid) if grid else rows)
    msg.is_dense = False
    return msg


def color_msg(header: Header, color: UInt8) -> Image:
    """rgb8 image of (H, W, 3) uint8 RGB."""
    return _image_msg(header, "rgb8", color)


def depth_msg(header: Header, depth: Any, *, unit: float) -> Image:
    """Depth image of (H, W) values, `unit` metres each: 16UC1 where lossless, else 32FC1."""
    if depth.dtype == np.uint16 and unit == MILLIMETRE:
        return _image_msg(header, "16UC1", depth)
    metres = depth.astype(np.float32) * np.float32(unit)
    return _image_msg(header, "32FC1", np.where(metres > 0, metres, np.float32(np.nan)))


def camera_info_msg(header: Header, camera: Camera) -> CameraInfo:
    """Calibration of a camera."""
    lens = camera.distortion or Distortion((0.0,) * 5)
    k = [camera.fx, 0.0, camera.cx, 0.0, camera.fy, camera.cy, 0.0, 0.0, 1.0]
    return CameraInfo(
        header=header,
        height=camera.height,
        width=camera.width,
        distortion_model=_model_name(lens),
        d=list(lens.coefficients),
        k=k,
        r=np.eye(3).reshape(-1).tolist(),
        p=[*k[:3], 0.0, *k[3:6], 0.0, *k[6:], 0.0],
    )


def _model_name(lens: Distortion) -> str:
    if lens.equidistant:
        return "equidistant"
    return "plumb_bob" if len(lens.coefficients) <= 5 else "rational_polynomial"


def transform_msg(header: Header, child: str, parent_from_child: Float64) -> TransformStamped:
    """Pose of a frame `child` in the frame of the header, from a (4, 4) rigid transform."""
    msg = TransformStamped(header=header, child_frame_id=child)
    x, y, z, w = map(float, quaternion_from_matrix(parent_from_child[:3, :3]))
    msg.transform.translation = vector_msg(parent_from_child[:3, 3])
    msg.transform.rotation = Quaternion(x=x, y=y, z=z, w=w)
    return msg


def _image_msg(header: Header, encoding: str, pixels: Any) -> Image:
    pixels = np.ascontiguousarray(pixels)
    height, width = pixels.shape[:2]
    msg = Image(header=header, encoding=encoding, height=height, width=width, is_bigendian=False)
    msg.step = pixels.strides[0]
    msg.data = byte_array(pixels)
    return msg
