"""Frames from image files: colour and depth of one camera with a pose each."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.Image import Image as PillowImage

from seg3d_ros.recordings.camera_file import DepthCamera, y_down
from seg3d_ros.recordings.recording import RecordedFrame, RecordingError, rate_of
from seg3d_ros.recordings.trajectory import is_rigid
from seg3d_ros.recordings.up_axis import Up, find_up, map_from_world_for
from seg3d_ros.scene import Float64, UInt8
from seg3d_ros.sensing.calibration import same_aspect
from seg3d_ros.sensing.depth_image import DepthImage

logger = logging.getLogger(__name__)
_BILINEAR = 2  # of Pillow, whose name for it has moved; it averages when it makes images smaller
_MIRROR_Y = np.diag([1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True, eq=False)
class FrameFiles:
    """Files of one frame, and its camera pose: (4, 4) float64, in the file's world."""

    stamp_ns: int
    color: Path
    depth: Path
    world_from_camera: Float64


class ImageFolder:
    """A recording kept as image files; frames without a usable pose are left out.

    Args:
        name: short name for titles and files.
        files: the frames, in any order.
        camera: intrinsics of all of them. Colour, and the camera, may have another size than the
            depth images if the aspect is the same: both are brought to the size of the depth.
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
        self._tell_sizes()
        self._map_from_world = map_from_world_for(self._find_up() if up == "auto" else up)

    def __len__(self) -> int:
        return len(self._files)

    def frames(self, start: int = 0) -> Iterator[RecordedFrame]:
        """Read frame after frame (see `Recording.frames`)."""
        for files in self._files[start:]:
            pose = self._map_from_world @ files.world_from_camera
            yield RecordedFrame(files.stamp_ns, pose, self._read(files))

    def _read(self, files: FrameFiles) -> DepthImage:
        depth = read_depth(files.depth)
        size = (depth.shape[1], depth.shape[0])
        color, camera = read_color(files.color, size), self._camera.camera
        if same_aspect((camera.width, camera.height), size):
            camera = camera.resized(*size)
        try:
            return DepthImage(color, depth, self._camera.depth_unit, camera)
        except ValueError as error:
            raise RecordingError(f"{files.color} and {files.depth}: {error}") from error

    def _tell_sizes(self) -> None:
        """Say what is resized, once."""
        depth = image_size(self._files[0].depth)
        camera = (self._camera.camera.width, self._camera.camera.height)
        others = {"colour": image_size(self._files[0].color), "intrinsics": camera}
        for name, size in others.items():
            if size != depth and same_aspect(size, depth):
                logger.info(
                    "%s: %s of %dx%d brought to the %dx%d of the depth images",
                    self.name, name, *size, *depth,
                )  # fmt: skip

    def _find_up(self) -> Float64:
        """Direction (3,) that points up in the file's world, from a few frames spread evenly."""
        chosen = np.unique(np.linspace(0, len(self._files) - 1, 8).astype(int))
        views = [(self._read(self._files[i]), self._files[i].world_from_camera) for i in chosen]
        return find_up(views)


def _mirrored(frame: FrameFiles) -> FrameFiles:
    """A frame measured with y up, in a left-handed world, as seen with both turned y down."""
    return replace(frame, world_from_camera=_MIRROR_Y @ frame.world_from_camera @ _MIRROR_Y)


def image_size(path: Path) -> tuple[int, int]:
    """Width and height of an image file, pixels; reads its header only."""
    with _opened(path) as image:
        width, height = image.size
    return width, height


def read_color(path: Path, size: tuple[int, int]) -> UInt8:
    """Read an image file as (H, W, 3) uint8 RGB, in another size if the aspect is the same."""
    with _opened(path) as image:
        rgb = image.convert("RGB")
        if rgb.size != size and same_aspect(rgb.size, size):
            rgb = rgb.resize(size, _BILINEAR)
        return np.asarray(rgb)


def read_depth(path: Path) -> npt.NDArray[Any]:
    """Read a 16-bit image file as (H, W) uint16."""
    with _opened(path) as image:
        depth = np.asarray(image)
    if depth.ndim != 2 or depth.dtype.kind not in "ui" or depth.dtype.itemsize < 2:
        raise RecordingError(f"{path} is no depth image: expected one channel of 16 bits")
    return depth.astype(np.uint16, copy=False)


@contextmanager
def _opened(path: Path) -> Iterator[PillowImage]:
    """An image file, with errors that name it, from the header to the last pixel."""
    try:
        with Image.open(path) as image:
            yield image
    except RecordingError:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise RecordingError(f"{path} cannot be read as an image: {error}") from error
