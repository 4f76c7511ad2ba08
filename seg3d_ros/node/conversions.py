"""Messages to arrays and back: the only place that knows how ROS lays data out."""

from __future__ import annotations

import array
import math
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, Pose, Quaternion, Vector3
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

from seg3d_ros.msg import Instance
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.pictures.painted_points import PAINTED_POINT
from seg3d_ros.scene import Float32, Float64, Int64
from seg3d_ros.sensing.cloud_decoder import Cloud, decode_cloud_message
from seg3d_ros.sensing.transforms import matrix_from_pose

NANOSECONDS = 1_000_000_000

_CLOUD_FIELDS = [
    PointField(name=name, offset=4 * i, datatype=datatype, count=1)
    for i, (name, datatype) in enumerate(
        [
            ("x", PointField.FLOAT32),
            ("y", PointField.FLOAT32),
            ("z", PointField.FLOAT32),
            ("rgb", PointField.FLOAT32),  # the bits are 0x00RRGGBB, as RViz expects them
            ("instance_id", PointField.UINT32),
            ("score", PointField.FLOAT32),
        ]
    )
]


def stamp_ns(stamp: Time) -> int:
    """Nanoseconds of a ROS time."""
    return int(stamp.sec) * NANOSECONDS + int(stamp.nanosec)


def time_msg(nanoseconds: int) -> Time:
    """ROS time of (non-negative) nanoseconds."""
    seconds, rest = divmod(max(nanoseconds, 0), NANOSECONDS)
    return Time(sec=min(seconds, 2**31 - 1), nanosec=rest)


def header_msg(frame_id: str, nanoseconds: int) -> Header:
    """Header with frame and stamp."""
    return Header(frame_id=frame_id, stamp=time_msg(nanoseconds))


def cloud_from_msg(msg: PointCloud2) -> Cloud:
    """Views of a cloud's points and colours.

    Raises:
        CloudError: see `decode_cloud`.
    """
    return decode_cloud_message(msg)


def matrix_from_transform(transform: Any) -> Float64:
    """(4, 4) of a geometry_msgs/Transform.

    Raises:
        InputError: a value is not finite or the quaternion is zero.
    """
    t, q = transform.translation, transform.rotation
    return matrix_from_pose((t.x, t.y, t.z), (q.x, q.y, q.z, q.w))


def point_msg(xyz: Any) -> Point:
    """geometry_msgs/Point of three numbers."""
    return Point(x=float(xyz[0]), y=float(xyz[1]), z=float(xyz[2]))


def points_of(messages: Any) -> Float64:
    """(K, 3) float64 of geometry_msgs/Point messages."""
    return np.array([(p.x, p.y, p.z) for p in messages], np.float64).reshape(-1, 3)


def upright_pose_msg(position: Float64, yaw: float) -> Pose:
    """geometry_msgs/Pose at a position (3,), turned about z by radians."""
    half = yaw / 2
    turn = Quaternion(x=0.0, y=0.0, z=math.sin(half), w=math.cos(half))
    return Pose(position=point_msg(position), orientation=turn)


def yaw_of(pose: Pose) -> float:
    """Angle about z, radians, by which an upright geometry_msgs/Pose is turned."""
    return 2 * math.atan2(pose.orientation.z, pose.orientation.w)


def vector_msg(xyz: Any) -> Vector3:
    """geometry_msgs/Vector3 of three numbers."""
    return Vector3(x=float(xyz[0]), y=float(xyz[1]), z=float(xyz[2]))


def instance_msg(item: MapObject) -> Instance:
    """One object as a message."""
    return Instance(
        id=item.id,
        label=item.label,
        score=float(item.score),
        candidate_labels=[candidate.label for candidate in item.candidates],
        candidate_scores=[float(candidate.probability) for candidate in item.candidates],
        pose=upright_pose_msg(item.box.center, item.box.yaw),
        size=vector_msg(item.box.size),
        centroid=point_msg(item.centroid),
        point_count=len(item.element_ids),
        first_seen=time_msg(item.first_seen_ns),
        last_seen=time_msg(item.last_seen_ns),
    )


def instance_cloud_msg(
    header: Header, points: Float64, colors: Float32, ids: Any, scores: Any
) -> PointCloud2:
    """Cloud with the fields x, y, z, rgb, instance_id, score.

    Args:
        header: frame and stamp.
        points: (N, 3) float64, metres; float32 in the message, the only type that RViz shows.
        colors: (N, 3) float32 RGB in [0, 1].
        ids: (N,) uint32 or one number; NO_OBJECT for points of no object.
        scores: (N,) float32 or one number.
    """
    rows = np.empty(len(points), PAINTED_POINT)
    rows["xyz"] = points
    rows["rgb"] = packed_rgb(colors)
    rows["instance_id"] = ids
    rows["score"] = scores
    return painted_cloud_msg(header, rows)


def painted_cloud_msg(header: Header, painted: Any) -> PointCloud2:
    """Cloud with the fields x, y, z, rgb, instance_id, score of (N,) `PAINTED_POINT`."""
    return cloud_msg(header, _CLOUD_FIELDS, painted)


def map_cloud_msg(header: Header, points: Float64, colors: Float32) -> PointCloud2:
    """Cloud with the fields x, y, z, rgb of (N, 3) points and colours in [0, 1]."""
    rows = np.empty(len(points), np.dtype([("xyz", "<f4", 3), ("rgb", "<u4")]))
    rows["xyz"] = points
    rows["rgb"] = packed_rgb(colors)
    return cloud_msg(header, _CLOUD_FIELDS[:4], rows)


def semantic_cloud_msg(
    header: Header, points: Float64, colors: Float32, classes: Int64
) -> PointCloud2:
    """Cloud with the fields x, y, z, rgb, class_id.

    Args:
        header: frame and stamp.
        points: (N, 3) float64, metres; float32 in the message.
        colors: (N, 3) float32 RGB in [0, 1].
        classes: (N,) from 0 upwards.
    """
    kinds = [("xyz", "<f4", 3), ("rgb", "<u4"), ("class_id", "<u4")]
    rows = np.empty(len(points), np.dtype(kinds))
    rows["xyz"] = points
    rows["rgb"] = packed_rgb(colors)
    rows["class_id"] = classes
    field = PointField(name="class_id", offset=16, datatype=PointField.UINT32, count=1)
    return cloud_msg(header, [*_CLOUD_FIELDS[:4], field], rows)


def cloud_msg(header: Header, fields: list[PointField], rows: Any) -> PointCloud2:
    """PointCloud2 of a structured (N,) or (H, W) array whose points are all finite."""
    height, width = rows.shape if rows.ndim == 2 else (1, len(rows))
    msg = PointCloud2(
        header=header,
        height=height,
        width=width,
        fields=fields,
        is_bigendian=False,
        point_step=rows.itemsize,
        row_step=rows.itemsize * width,
        is_dense=True,
    )
    msg.data = byte_array(rows)
    return msg


def byte_array(values: Any) -> array.array[int]:
    """Bytes of a contiguous array in the one type that rclpy takes without checking each byte."""
    data = array.array("B")
    data.frombytes(np.ascontiguousarray(values).view(np.uint8).reshape(-1).data)
    return data


def packed_rgb(colors: Float32) -> Any:
    """(N,) uint32 0x00RRGGBB of (N, 3) colours in [0, 1]."""
    r, g, b = np.rint(np.clip(colors, 0, 1) * 255).astype(np.uint32).T
    return (r << 16) | (g << 8) | b
