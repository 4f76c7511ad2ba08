"""Check of a sensor's axes: optical (z forward, y down) or of a body (x forward, z up)."""

from __future__ import annotations

import numpy as np

from seg3d_ros.doctor.evidence import Evidence, Stream
from seg3d_ros.doctor.finding import Finding, Findings
from seg3d_ros.doctor.remedies import static_transform
from seg3d_ros.scene import Float32, Float64
from seg3d_ros.sensing.transform_buffer import TransformError

_ALIGNED = 0.9  # cosine of what counts as straight up
_ONE_SIDED = 0.97  # part of the points before a camera; a lidar sees all around


def check_depth_axes(evidence: Evidence, stream: Stream) -> Findings:
    """A depth image is measured in optical axes, so its frame has to be an optical one."""
    sensor = stream.frames[-1] if stream.frames else ""
    rotation = _map_from_sensor(evidence, sensor)
    if rotation is not None and rotation[2, 2] > _ALIGNED:
        yield _wrong(
            sensor,
            f"the camera of {stream.topic} would look straight up, as when images are stamped "
            "with a body frame (x forward, z up) in place of the optical one (z forward)",
        )


def check_cloud_axes(evidence: Evidence, stream: Stream, points: Float32) -> Findings:
    """A cloud of a camera lies before it along the axis that its frame says.

    Args:
        evidence: transforms.
        stream: topic of the cloud.
        points: (N, 3) float32, sensor frame, NaN where nothing was measured.
    """
    sensor = stream.frames[-1] if stream.frames else ""
    axis = forward_axis(points)
    is_named_optical = sensor.endswith(("_optical", "_optical_frame"))
    if axis == "x" and is_named_optical:
        yield _wrong(
            sensor,
            f"the points of {stream.topic} lie along x, and its frame is called an optical one, "
            "where forward is z",
        )
        return
    rotation = _map_from_sensor(evidence, sensor)
    if axis == "z" and rotation is not None and rotation[2, 2] > _ALIGNED:
        yield _wrong(
            sensor,
            f"the points of {stream.topic} lie along z, and z of its frame points straight up: "
            "they are in optical axes, and the frame is of a body",
        )


def forward_axis(points: Float32) -> str:
    """Axis "x" or "z" along which a camera looks; "" for a sensor that sees around."""
    finite = points[np.isfinite(points).all(axis=1)]
    if len(finite) < 100:
        return ""
    x, z = (finite[:, axis] > 0 for axis in (0, 2))
    along_x = float(np.median(np.abs(finite[:, 0]))), float(x.mean())
    along_z = float(np.median(np.abs(finite[:, 2]))), float(z.mean())
    if along_z[1] > _ONE_SIDED and along_z[0] > along_x[0]:
        return "z"
    if along_x[1] > _ONE_SIDED and along_x[0] > along_z[0]:
        return "x"
    return ""


def _map_from_sensor(evidence: Evidence, sensor: str) -> Float64 | None:
    """(3, 3) rotation, None where it is unknown or the sensor's frame is the map's."""
    if not sensor or sensor == evidence.fixed_frame:
        return None
    try:
        return evidence.transforms.lookup(evidence.fixed_frame, sensor, None)[:3, :3]
    except TransformError:
        return None


def _wrong(sensor: str, text: str) -> Finding:
    body = sensor
    for suffix in ("_optical_frame", "_optical", "_link", "_frame"):
        body = body.removesuffix(suffix)
    optical = f"{body}_optical_frame"
    if sensor == optical:
        return Finding(
            "error", sensor, text, f"set the driver's frame_id to {body}_link, or turn the points"
        )
    return Finding(
        "error", sensor, text,
        static_transform(sensor, optical, optical=True)
        + f"   # and the driver's frame_id: {optical}",
    )  # fmt: skip
