"""Bags of ROS 2 (rosbag2 folders, .mcap, .db3) and ROS 1 (.bag), read without ROS."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from seg3d_ros.errors import InputError
from seg3d_ros.recordings.bag_images import BagCamera, Lookup
from seg3d_ros.recordings.bag_path import BagPath
from seg3d_ros.recordings.bag_reader import BagReader
from seg3d_ros.recordings.bag_topics import CameraTopics, choose_topics
from seg3d_ros.recordings.bag_transforms import BagTransforms, stamp_of
from seg3d_ros.recordings.recording import RecordedFrame, RecordingError
from seg3d_ros.recordings.up_axis import find_up, map_from_world_for
from seg3d_ros.scene import Float64
from seg3d_ros.sensing.cloud_decoder import NO_COLORS, Cloud, decode_cloud_message
from seg3d_ros.sensing.depth_image import DepthImage
from seg3d_ros.sensing.transform_buffer import TransformError

logger = logging.getLogger(__name__)
MAX_PAIR_GAP_NS = 20_000_000  # colour and depth further apart are not one frame (30 Hz cameras)
_KEPT = 8  # colour images kept for a depth image that is still to come

Read = tuple[int, Any]  # time of recording in nanoseconds, message
Group = tuple[int, Any, tuple[Any, ...]]  # the same of the main topic, and its companions


class Bag:
    """One cloud topic or one depth camera of a bag, placed by the bag's own transforms.

    Args:
        path: rosbag2 folder, .mcap, .db3 or .bag file; see `BagPath` for more.
        topic: cloud or depth image topic; empty takes the only one there is.
        fixed_frame: frame that becomes the map; empty takes map, odom, world, or the root of the
            sensor's tree. The sensor's own frame, for one that stood still, is turned z up.

    Raises:
        RecordingError: the bag cannot be read, or leaves a choice open.
    """

    def __init__(self, path: Path, *, topic: str = "", fixed_frame: str = "") -> None:
        self.name = path.resolve().stem
        self._has_warned = False
        self._path = BagPath(path)
        with BagReader(self._path) as reader:
            self.topics = choose_topics(reader.types, topic)
            self._count = reader.counts[self.topics.main]
            self.rate_hz = self._count / max(reader.duration_s, 1e-3)
            first = reader.first(self.topics.main)
            self.fixed_frame = BagTransforms(reader).choose_fixed_frame(
                fixed_frame.lstrip("/"), first.header.frame_id.lstrip("/")
            )

    def __len__(self) -> int:
        return self._count

    def frames(self, start: int = 0) -> Iterator[RecordedFrame]:
        """Read frame after frame (see `Recording.frames`); frames without a pose are left out."""
        delivered, skipped = 0, 0
        error: TransformError | None = None
        map_from_fixed: Float64 | None = None
        with BagReader(self._path) as reader, BagReader(self._path) as transform_reader:
            transforms = BagTransforms(transform_reader)
            for recorded_ns, main, companions in self._groups(reader):
                stamp_ns, source = stamp_of(main.header), main.header.frame_id.lstrip("/")
                try:
                    pose = transforms.lookup(
                        self.fixed_frame, source, stamp_ns, recorded_ns=recorded_ns
                    )
                except TransformError as failed:
                    error, skipped = failed, skipped + 1
                    continue
                delivered += 1
                if delivered <= start and map_from_fixed is not None:
                    continue
                lookup = partial(transforms.lookup, stamp_ns=stamp_ns, recorded_ns=recorded_ns)
                frame = self._decoded(main, companions, pose, lookup)
                if map_from_fixed is None:
                    map_from_fixed = _upright(frame) if source == self.fixed_frame else np.eye(4)
                if delivered > start:
                    yield replace(frame, map_from_sensor=map_from_fixed @ frame.map_from_sensor)
        if error is not None and not delivered:
            raise RecordingError(f"{self._path.given}: no frame can be placed: {error}") from error
        if skipped:
            logger.warning("%s: %d frames left out, the last: %s", self.name, skipped, error)
        if alone := self._count - delivered - skipped:
            logger.warning(
                "%s: %d depth images left out, without colour within %d ms",
                self.name, alone, MAX_PAIR_GAP_NS // 10**6,
            )  # fmt: skip

    def _groups(self, reader: BagReader) -> Iterator[Group]:
        """Messages of the main topic with what belongs to them."""
        topics = self.topics
        if not isinstance(topics, CameraTopics):
            for _, recorded_ns, message in reader.messages([topics.main]):
                yield recorded_ns, message, ()
            return
        infos = {topic: reader.first(topic) for topic in {topics.info, topics.color_info}}
        camera = BagCamera(topics, infos)
        for (recorded_ns, depth), color in _paired(reader, topics):
            yield recorded_ns, depth, (camera, color)

    def _decoded(
        self, main: Any, companions: tuple[Any, ...], map_from_frame: Float64, lookup: Lookup
    ) -> RecordedFrame:
        stamp_ns = stamp_of(main.header)
        try:
            if not companions:
                cloud = self._colored(decode_cloud_message(main))
                return RecordedFrame(stamp_ns, map_from_frame, cloud)
            camera, color = companions
            image: DepthImage = camera.decode(main, color, lookup)
        except InputError as error:
            raise RecordingError(
                f"{self._path.given}: {self.topics.main} at {stamp_ns} ns: {error}"
            ) from error
        if image.frame_from_camera is not None:
            map_from_frame = map_from_frame @ image.frame_from_camera
        return RecordedFrame(stamp_ns, map_from_frame, image)

    def _colored(self, cloud: Cloud) -> Cloud:
        """The cloud; says once when it has no colours."""
        if not (cloud.has_colors or self._has_warned):
            self._has_warned = True
            logger.warning(NO_COLORS, self.topics.main)
        return cloud


def _upright(frame: RecordedFrame) -> Float64:
    """(4, 4) rotation to z up for a sensor that stood still: images show it, clouds have it."""
    if not isinstance(frame.data, DepthImage):
        return np.eye(4)
    return map_from_world_for(find_up([(frame.data, frame.map_from_sensor)]))


def _paired(reader: BagReader, topics: CameraTopics) -> Iterator[tuple[Read, Any]]:
    """Each depth image with the colour image nearest in time, once a later one has come."""
    colors: deque[Any] = deque(maxlen=_KEPT)
    waiting: deque[Read] = deque(maxlen=_KEPT)
    for topic, recorded_ns, message in reader.messages([topics.main, topics.color]):
        if topic == topics.color:
            colors.append(message)
        else:
            waiting.append((recorded_ns, message))
        while waiting and colors and stamp_of(colors[-1].header) >= stamp_of(waiting[0][1].header):
            yield from _with_nearest(waiting.popleft(), colors)
    for left in waiting:
        yield from _with_nearest(left, colors)


def _with_nearest(depth: Read, colors: deque[Any]) -> Iterator[tuple[Read, Any]]:
    """The pair, if there is a colour image near enough."""
    stamp_ns = stamp_of(depth[1].header)
    gaps = [abs(stamp_of(color.header) - stamp_ns) for color in colors]
    if gaps and min(gaps) <= MAX_PAIR_GAP_NS:
        yield depth, colors[gaps.index(min(gaps))]
