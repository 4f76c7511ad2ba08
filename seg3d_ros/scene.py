"""The things that flow: Frame into the map, Scene and View out of it, Instances from a segmenter.

Float64 positions (poses, boxes, clicks) are in the map frame. Float32 positions are in the local
coordinates of a `MapGrid`: in UTM coordinates float32 resolves half a metre.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from seg3d_ros.masks import Masks

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
UInt8 = npt.NDArray[np.uint8]
Bool = npt.NDArray[np.bool_]

FARTHEST_M = 1e10  # of an origin: float64 resolves micrometres up to here
_FAR_M = 1000.0  # nearer than this float32 resolves 0.06 mm, and the map frame serves as it is


@dataclass(frozen=True, eq=False)
class MapGrid:
    """Voxel grid in the map frame; its local coordinates are the map frame's minus the origin.

    Attributes:
        voxel_size: edge of a voxel, metres.
        origin: (3,) float64 corner of voxel (0, 0, 0), map frame, metres.
    """

    voxel_size: float
    origin: Float64 = field(default_factory=lambda: np.zeros(3))

    def local_from_map(self, points: npt.ArrayLike) -> Float64:
        """Local coordinates (…, 3) of points (…, 3) in the map frame, metres."""
        return np.asarray(points, np.float64) - self.origin

    def local_from_sensor(self, map_from_sensor: Float64) -> Float64:
        """Pose (4, 4) of a sensor in local coordinates."""
        pose = map_from_sensor.astype(np.float64)
        pose[:3, 3] -= self.origin
        return pose

    def map_from_local(self, points: npt.NDArray[np.floating]) -> Float64:
        """Points (…, 3) in the map frame from local coordinates (…, 3), metres."""
        return points.astype(np.float64) + self.origin


def origin_near(position: Float64) -> Float64:
    """Origin for local coordinates around a place: zero, or whole metres where zero is far.

    Args:
        position: (3,) map frame, metres; beyond `FARTHEST_M` nothing is near, and it is zero.
    """
    if not _FAR_M < np.abs(position).max() <= FARTHEST_M:
        return np.zeros(3)
    return np.rint(position)


@dataclass(frozen=True)
class Distortion:
    """Lens distortion with the parameters and the order of OpenCV.

    Attributes:
        coefficients: k1, k2, p1, p2, k3, k4, k5, k6, s1, s2, s3, s4 (radial, tangential, rational,
            thin prism), missing ones are 0; k1, k2, k3, k4 of an equidistant lens.
        equidistant: True for a fisheye lens (Kannala and Brandt).
    """

    coefficients: tuple[float, ...]
    equidistant: bool = False


@dataclass(frozen=True)
class Camera:
    """Camera intrinsics, pixels; the optical frame is x right, y down, z forward."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    distortion: Distortion | None = None

    def resized(self, width: int, height: int) -> Camera:
        """Intrinsics at another resolution; pixel i reaches from i - ½ to i + ½."""
        if (width, height) == (self.width, self.height):
            return self
        across, down = width / self.width, height / self.height
        return dataclasses.replace(
            self,
            width=width,
            height=height,
            fx=self.fx * across,
            fy=self.fy * down,
            cx=(self.cx + 0.5) * across - 0.5,
            cy=(self.cy + 0.5) * down - 0.5,
        )


@dataclass(frozen=True, eq=False)
class Frame:
    """One measurement of a depth sensor.

    Attributes:
        points: (N, 3) float32, sensor frame, metres, NaN where nothing was measured. May be a
            strided view of a message; never written to.
        colors: (N, 3) uint8 RGB, may be a strided view.
        stamp_ns: time of the measurement, nanoseconds of ROS time.
        map_from_sensor: (4, 4) float64 rigid transform at that time.
        grid: (height, width) when the points are an image, row by row; None otherwise.
        camera: intrinsics the points were measured with, where known; None otherwise.
        source: name of the sensor; each one's stamps have a clock of their own.
        frame_id: name of the coordinate frame it measures in; empty where it has none.
    """

    points: Float32
    colors: UInt8
    stamp_ns: int
    map_from_sensor: Float64
    grid: tuple[int, int] | None = None
    camera: Camera | None = None
    source: str = ""
    frame_id: str = ""

    def __post_init__(self) -> None:
        if self.points.ndim != 2 or self.points.shape[1] != 3:
            raise ValueError(f"points have shape {self.points.shape}, expected (N, 3)")
        if self.colors.shape != self.points.shape:
            raise ValueError(
                f"colors have shape {self.colors.shape} and points {self.points.shape}; "
                "give each point one colour"
            )
        if self.map_from_sensor.shape != (4, 4):
            raise ValueError(
                f"map_from_sensor has shape {self.map_from_sensor.shape}, expected (4, 4)"
            )
        if self.grid is not None and self.grid[0] * self.grid[1] != len(self.points):
            raise ValueError(f"grid {self.grid} does not hold {len(self.points)} points")


@dataclass(frozen=True, eq=False)
class View:
    """A picture of the map, for those who look at images.

    Attributes:
        keyframe_id: of the keyframe that it was kept in.
        stamp_ns: time of the picture, nanoseconds of ROS time.
        color: (H, W, 3) uint8 RGB.
        depth: (H, W) float32 along the optical axis, metres; NaN where nothing was measured.
        camera: intrinsics of both, without distortion.
        map_from_camera: (4, 4) float64 pose of the optical frame.
    """

    keyframe_id: int
    stamp_ns: int
    color: UInt8
    depth: Float32
    camera: Camera
    map_from_camera: Float64


@dataclass(frozen=True, eq=False)
class Scene:
    """A still picture of the map: one point a voxel.

    Attributes:
        points: (N, 3) float32, local coordinates, metres.
        colors: (N, 3) float32 RGB in [0, 1].
        element_ids: (N,) int64, unique and opaque; a map element keeps its id for life.
        voxel_size: edge of a voxel, metres.
        stamp_ns: stamp of the newest frame in it.
        normals: (N, 3) float32 unit vectors, or None where nobody has computed them.
        origin: (3,) float64 origin of the local coordinates, map frame, metres.
        views: pictures of it, oldest first; each may be unpacked anew when it is taken.
        whole: scene that this one is a part of, where the views show more of that; None: itself.
    """

    points: Float32
    colors: Float32
    element_ids: Int64
    voxel_size: float
    stamp_ns: int = 0
    normals: Float32 | None = None
    origin: Float64 = field(default_factory=lambda: np.zeros(3))
    views: Sequence[View] = ()
    whole: Scene | None = None

    def __len__(self) -> int:
        return len(self.points)

    @property
    def grid(self) -> MapGrid:
        """Grid whose local coordinates the points are in."""
        return MapGrid(self.voxel_size, self.origin)

    def local(self, points: Float64) -> Float32:
        """Points (K, 3) of the map frame among `points`; infinite where float32 ends."""
        with np.errstate(over="ignore"):
            return self.grid.local_from_map(points).astype(np.float32)

    def take(self, rows: Int64) -> Scene:
        """The scene of these (M,) rows only."""
        return dataclasses.replace(
            self,
            points=self.points[rows],
            colors=self.colors[rows],
            element_ids=self.element_ids[rows],
            normals=None if self.normals is None else self.normals[rows],
        )


@dataclass(frozen=True, eq=False)
class Instances:
    """Instances in a scene of N points, as a segmenter returns them.

    Attributes:
        masks: M masks over the scene's points, in its order; they may overlap. An (M, N) bool
            array is taken as well.
        scores: (M,) float32 confidence in [0, 1].
        embeddings: (M, D) float32 unit vectors, or None.
        embedding_space: name of the space they lie in, that of a text encoder; None without them.
    """

    masks: Masks
    scores: Float32
    embeddings: Float32 | None = None
    embedding_space: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.masks, Masks):
            object.__setattr__(self, "masks", Masks.of(self.masks))
        count = len(self.masks)
        if self.scores.shape != (count,):
            raise ValueError(
                f"{count} masks and scores {self.scores.shape} do not fit together: expected one "
                "score for each mask"
            )
        if self.embeddings is not None and len(self.embeddings) != count:
            raise ValueError(f"{len(self.embeddings)} embeddings for {count} masks")
        if (self.embeddings is None) != (self.embedding_space is None):
            raise ValueError(
                f"embedding_space is {self.embedding_space!r}; name the space of embeddings, and "
                "none without them"
            )

    def __len__(self) -> int:
        return len(self.masks)

    def select(self, rows: Int64) -> Instances:
        """Those in these (K,) rows, in their order."""
        return dataclasses.replace(
            self,
            masks=self.masks.select(rows),
            scores=self.scores[rows],
            embeddings=None if self.embeddings is None else self.embeddings[rows],
        )


def no_instances(points: int) -> Instances:
    """No instances in a scene of so many points."""
    return Instances(Masks.of_rows([], points), np.zeros(0, np.float32))
