"""The demo: a node and a player as processes of their own, and what comes out as files.

Everything goes over real topics and services; only the drawing happens here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import click
from tqdm import tqdm

from seg3d_ros.demo.child_process import Child
from seg3d_ros.demo.observer import Observer, Status
from seg3d_ros.demo.recording_player import CAMERA, CLOUD_TOPIC
from seg3d_ros.mapping.settings import MapSettings
from seg3d_ros.node.client import Seg3dClient
from seg3d_ros.objects.settings import TrackingSettings
from seg3d_ros.pictures.object_picture import ObjectPicture
from seg3d_ros.pictures.results import Results
from seg3d_ros.recordings.recording import Recording

START_S = 1200.0  # the first start compiles the kernels, on a busy machine for minutes
STALL_S = 15.0  # what does not move for so long won't come any more
ANSWER_S = 60.0
POLL_S = 0.05
Value = TypeVar("Value")


class DemoError(RuntimeError):
    """The demo cannot go on; the message says what has failed."""


@dataclass(frozen=True)
class Demo:
    """Options of the demo.

    Attributes:
        path: the recording.
        recording: the same, opened.
        topic: topic of a bag that holds several, else empty.
        fixed_frame: frame of a bag that becomes the map; empty: chosen by `open_recording`.
        images: it is sent as images of a camera, not as clouds.
        rate: 2 is twice as fast as it was recorded.
        model: segmenter of the node.
        output: folder for results and logs.
    """

    path: Path
    recording: Recording
    topic: str
    fixed_frame: str
    images: bool
    rate: float
    model: str
    output: Path

    @property
    def source(self) -> str:
        """The node's name for its input."""
        return CAMERA if self.images else CLOUD_TOPIC

    @property
    def node_command(self) -> list[str]:
        """The node, listening to what the player sends."""
        cameras, clouds = (self.source, "") if self.images else ("", self.source)
        values = (
            f"input.cameras:=[{cameras}]",
            f"input.point_cloud_topics:=[{clouds}]",
            f"segmentation.model:={self.model}",
        )
        return ["seg3d_ros.node.main", "--ros-args", *(w for v in values for w in ("-p", v))]

    @property
    def player_command(self) -> list[str]:
        """The player with this recording."""
        kind = "images" if self.images else "clouds"
        options = ["--as", kind, "--rate", str(self.rate), "--topic", self.topic]
        options += ["--fixed-frame", self.fixed_frame]
        return ["seg3d_ros.demo.player", str(self.path), *options]


@dataclass(frozen=True)
class Frames:
    """Counts of frames by what became of them; rates are frames a second."""

    recorded: int
    sent: int
    received: int
    integrated: int
    dropped: dict[str, int]
    recorded_hz: float
    sent_hz: float
    received_hz: float

    @classmethod
    def of(cls, recording: Recording, playback: Status, arrived: Status) -> Frames:
        """From the newest statuses of the player and of the node's input."""
        return cls(
            recorded=len(recording),
            sent=int(playback.get("sent", 0)),
            received=int(arrived.get("received", 0)),
            integrated=int(arrived.get("integrated", 0)),
            dropped={
                key.removeprefix("dropped: "): int(value)
                for key, value in arrived.items()
                if key.startswith("dropped: ")
            },
            recorded_hz=round(recording.rate_hz, 2),
            sent_hz=float(playback.get("rate_hz", 0)),
            received_hz=float(arrived.get("rate_hz", 0)),
        )

    @property
    def settled(self) -> int:
        """Frames whose fate is known."""
        return self.integrated + sum(self.dropped.values())

    def __str__(self) -> str:
        lost = {
            "lost on the way": self.sent - self.received,
            **self.dropped,
            "without an answer": self.received - self.settled,
        }
        losses = "".join(f", {count} {why}" for why, count in lost.items() if count)
        sent = f"{self.sent} frames sent at {self.sent_hz:.1f} Hz"
        return f"{sent}, {self.integrated} in the map{losses}"


def run(demo: Demo) -> Results:
    """Play a recording to a node and collect what it finds; call `rclpy.init` before.

    Raises:
        DemoError: the node does not start, no frame reaches it, or no result comes back.
        ChildFailedError: node or player has ended before its time.
        RequestFailed: the node refuses to segment.
        TimeoutError: it does not answer.
    """
    with (
        Child("node", demo.node_command, log=demo.output / "node.log") as node,
        Observer() as observer,
        Seg3dClient(timeout=ANSWER_S) as client,
    ):
        start = time.monotonic()
        click.echo("node      starting; the first time it compiles kernels for half a minute")
        status = _wait(lambda: observer.status(f"input {demo.source}"), node, START_S, "a node")
        active = time.monotonic()
        click.echo(f"node      active after {active - start:.1f} s")
        with Child("player", demo.player_command, log=demo.output / "player.log") as player:
            frames = _follow(demo, observer, (node, player))
        played = time.monotonic()
        click.echo(f"player    {frames}")
        if not frames.integrated:
            message = observer.status(f"input {demo.source}").get("message", "")
            raise DemoError(f"no frame has reached the map: {message}")
        summary = _segment_until_settled(client)
        observer.forget_statuses()
        _wait(lambda: _all_views_seen(observer), node, ANSWER_S, "names from pictures")
        observer.listen_to_results()
        result = _wait(
            lambda: observer.result(voxel_size=MapSettings().voxel_size),
            node,
            ANSWER_S,
            "a result",
        )
        click.echo(f"node      {summary}")
        scene, objects = result
        pictures = {item.id: _pictures(client, item.id) for item in objects}
        finished = time.monotonic()
        observer.forget_statuses()
        status = _wait(lambda: observer.status("segmentation"), node, STALL_S, "diagnostics")
    timings = {
        "recording": demo.recording.name,
        "model": demo.model,
        "sent_as": "images" if demo.images else "clouds",
        "frames": asdict(frames),
        "seconds": {
            "start": round(active - start, 3),
            "playback": round(played - active, 3),
            "result": round(finished - played, 3),
        },
        "map_voxels": len(scene),
        "stages": _stages(status),
    }
    return Results(scene, objects, demo.model, timings, pictures=pictures)


def _all_views_seen(observer: Observer) -> bool:
    """Whether no picture of an object waits to be looked at."""
    return observer.status("segmentation").get("views_waiting") == "0"


def _wait(condition: Callable[[], Value | None], node: Child, seconds: float, what: str) -> Value:
    """Value of the condition once it is true."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        node.check()
        if time.monotonic() > end:
            raise DemoError(f"waited {seconds:.0f} s in vain for {what}; see {node.log}")
        time.sleep(POLL_S)
    return value


def _follow(demo: Demo, observer: Observer, children: tuple[Child, Child]) -> Frames:
    """Show how far playing is; returns when all frames are in the map or will never be."""
    node, player = children
    frames, moved = Frames.of(demo.recording, {}, {}), time.monotonic()
    with tqdm(
        total=frames.recorded, desc="playing", unit="frame", disable=None, leave=False
    ) as bar:
        while time.monotonic() < moved + STALL_S:
            time.sleep(POLL_S)
            node.check()
            player.check(may_have_ended=True)
            playback = observer.status("playback")
            newest = Frames.of(demo.recording, playback, observer.status(f"input {demo.source}"))
            if newest != frames:
                frames, moved = newest, time.monotonic()
                bar.set_postfix_str(f"{frames.integrated} in the map", refresh=False)
                bar.update(frames.sent - bar.n)
            if playback.get("message") == "finished" and frames.settled >= frames.sent:
                break
    if not frames.sent:
        raise DemoError(f"the player has not sent anything; see {player.log}")
    return frames


def _segment_until_settled(client: Seg3dClient) -> str:
    """Segment the map, which stands still now, until every object has been seen often enough."""
    passes = TrackingSettings().passes_to_settle
    for _ in tqdm(range(passes), desc="segmenting", disable=None, leave=False):
        summary = client.segment_now()
    return summary


def _pictures(client: Seg3dClient, object_id: int) -> list[ObjectPicture]:
    answer = client.get_object_image(object_id)
    return [
        ObjectPicture(bytes(image.data), (box.x_offset, box.y_offset, right, bottom))
        for image, box in zip(answer.images, answer.boxes, strict=True)
        for right, bottom in [(box.x_offset + box.width, box.y_offset + box.height)]
    ]


def _stages(status: Status) -> dict[str, dict[str, float]]:
    """Durations of the node's stages, from keys like "integrate ms median"."""
    stages: dict[str, dict[str, float]] = {}
    for key, value in status.items():
        stage, unit, kind = key.rpartition(" ms ")
        if unit:
            stages.setdefault(stage, {})[f"{kind}_ms"] = float(value)
    return stages
