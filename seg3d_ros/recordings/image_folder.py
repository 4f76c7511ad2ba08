"""Frames from image files: colour and depth of one camera with a pose each."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seg3d_ros.mapping.depth_image import DepthImage
from seg3d_ros.recordings.camera_file import DepthCamera, y_down
from seg3d_ros.recordings.recording import RecordedFrame, RecordingError, rate_of
from seg3d_ros.recordings.trajectory import is_rigid
from seg3d_ros.recordings.up_axis import Up, find_up, map_from_world_for
from seg3d_ros.scene import Float64, UInt8

logger = logging.getLogger(__name__)
_MIRROR_Y = np.diag([1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True, eq=False)
class FrameFiles:
    """Where one frame lies, and where the camera stood: (4, 4) float64, in the file's world."""

    stamp_ns: int
    color: Path
    depth: Path
    world_from_camera: Float64


class ImageFolder:
    """A recording kept as image files; frames without a usable pose are left out.

    Args:
        name: short name for titles and files.
        files: the frames, in any order.
        camera: intrinsics of all of them.
        up: axis of the file's world that points up; "auto" looks at the images.

    Raises:
        RecordingError: no frame has a pose, or the images looked at cannot be read.
    """

    def __init__(
        self, name: str, files: Sequence[FrameFiles], camera: DepthCamera, *, up: Up = "auto"
    ) -> None:
        usable = [frame for frame in files if is_rigid(frame.world_from_camera)]
        if not usable:
            raise RecordingError(f"{name}: none of {len(files)} frames has a usable pose")
        if len(usable) < len(files):
            logger.warning(
                "%s: %d of %d frames have no usable pose and are left out",
                name, len(files) - len(usable), len(files),
            )  # fmt: skip
        if camera.camera.fy < 0:
            usable = [_mirrored(frame) for frame in usable]
        self.name = name
        self.rate_hz = rate_of(np.array([frame.stamp_ns for frame in usable], np.int64))
        self._files = sorted(usable, key=lambda frame: frame.stamp_ns)
        self._camera = DepthCamera(y_down(camera.camera), camera.depth_unit)
        self._map_from_world = map_from_world_for(self._find_up() if up == "auto" else up)

    def __len__(self) -> int:
        return len(self._files)

    def frames(self) -> Iterator[RecordedFrame]:
        """Read frame after frame (see `Recording.frames`)."""
        for files in self._files:
            pose = self._map_from_world @ files.world_from_camera
            yield RecordedFrame(files.stamp_ns, pose, self._read(files))

    def _read(self, files: FrameFiles) -> DepthImage:
        color, depth = read_color(files.color), read_depth(files.depth)
        camera = self._camera
        try:
            return DepthImage(color, depth, camera.depth_unit, camera.camera)
        except ValueError as error:
            raise RecordingError(f"{files.color} and {files.depth}: {error}") from error

    def _find_up(self) -> Float64:
        """Direction (3,) that points up in the file's world, from a few frames spread evenly."""
        chosen = np.unique(np.linspace(0, len(self._files) - 1, 8).astype(int))
        views = [(self._read(self._files[i]), self._files[i].world_from_camera) for i in chosen]
        return find_up(views)


def _mirrored(frame: FrameFiles) -> FrameFiles:
    """A frame measured with y up, in a left-handed world, as seen with both turned y down."""
    return replace(frame, world_from_camera=_MIRROR_Y @ frame.world_from_camera @ _MIRROR_Y)


def read_color(path: Path) -> UInt8:
    """Read an image file as (H, W, 3) uint8 RGB."""
    return np.asarray(_open(path, "RGB"))


def read_depth(path: Path) -> npt.NDArray[Any]:
    """Read a 16-bit image file as (H, W) uint16."""
    depth = np.asarray(_open(path, None))
    if depth.ndim != 2 or depth.dtype.kind not in "ui" or depth.dtype.itemsize < 2:
        raise RecordingError(f"{path} is no depth image: expected one channel of 16 bits")
    return depth.astype(np.uint16, copy=False)


def _open(path: Path, mode: str | None) -> Any:
    from PIL import Image

    try:
        with Image.open(path) as image:
            return image.convert(mode) if mode else image.copy()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise RecordingError(f"{path} cannot be read as an image: {error}") from error
