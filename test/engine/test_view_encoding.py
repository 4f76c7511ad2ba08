"""Views of objects through an image encoder: few, each once, and into the right objects."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support import toy_room
from support.toy_frames import box_surface, toy_keyframe
from support.waiting import wait_until

from seg3d_ros.engine.job_queue import JobQueue
from seg3d_ros.engine.view_encoding import MOST_CROPS, ViewEncoding
from seg3d_ros.engine.world_state import WorldState
from seg3d_ros.imaging.crops import square_crop
from seg3d_ros.mapping.keyframes.best_views import ObjectView, best_views
from seg3d_ros.objects.box import upright_box
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.text.vocabulary import Candidate
from seg3d_ros.timings import StageTimings

RED = toy_room.BOXES[0]


class MeanColor:
    """Image encoder: the direction of the mean colour."""

    name = "mean color"

    def __init__(self, space: str = "colors") -> None:
        self.space = space
        self.crops = 0

    def encode(self, pictures, boxes) -> np.ndarray:
        crops = np.stack([square_crop(*seen, 16) for seen in zip(pictures, boxes, strict=True)])
        self.crops += len(crops)
        mean = crops.reshape(len(crops), -1, 3).mean(axis=1)
        return (mean / np.linalg.norm(mean, axis=1, keepdims=True)).astype(np.float32)


class Encoding:
    """A ViewEncoding with what it took in."""

    def __init__(self, *encoders: MeanColor) -> None:
        self.encoder = encoders[0] if encoders else None
        self.taken: list[tuple] = []
        self.jobs = JobQueue()
        models = type("Models", (), {"image_encoders": encoders, "watched_device": _nothing})()
        self.under_test = ViewEncoding(
            self.jobs, models, StageTimings(), lambda *found: self.taken.append(found)
        )


class _nothing:  # noqa: N801
    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None: ...


@pytest.fixture
def encoding():
    made = Encoding(MeanColor())
    yield made
    made.jobs.close()


def view_of(number: int, score: float = 0.8) -> ObjectView:
    eye = (-0.2 + 0.05 * number, -0.3, 0.8)
    keyframe = toy_keyframe(toy_room.looking_at(eye, tuple(RED.center)), number)
    (view,) = best_views(box_surface(RED), [keyframe])
    return replace(view, score=score)


def state_of(views: dict, *, label: str = "box", epoch: int = 0, version: int = 1) -> WorldState:
    box = upright_box(box_surface(RED))
    objects = tuple(
        MapObject(
            number, np.arange(1), np.zeros((1, 3), np.float32), box, box.center, 1.0, 0, 0,
            candidates=(Candidate(label, 1.0),),
        )
        for number in views
    )  # fmt: skip
    return WorldState(version=version, epoch=epoch, objects=objects, best_views=views)


def test_an_object_gets_the_embedding_of_what_its_views_show(encoding) -> None:
    encoding.under_test.finish(state_of({7: (view_of(1), view_of(2))}))
    ((epoch, found),) = encoding.taken
    assert (epoch, list(found), list(found[7])) == (0, [7], ["colors"])
    assert found[7]["colors"].views == 2
    assert found[7]["colors"].vector.argmax() == 0  # red
    assert (encoding.under_test.encoded, encoding.under_test.backlog) == (2, 0)


def test_several_encoders_see_a_view_before_the_object_is_named_anew() -> None:
    made = Encoding(MeanColor(), MeanColor("other colors"))
    made.under_test.finish(state_of({7: (view_of(1),)}))
    ((_, found),) = made.taken
    assert set(found[7]) == {"colors", "other colors"}
    made.jobs.close()


def test_each_view_is_encoded_once_and_few_over_a_life(encoding) -> None:
    views = [view_of(number) for number in range(1, 9)]
    for version, seen in enumerate((views[:2], views[:2], views[1:5], views[4:8]), 1):
        encoding.under_test.finish(state_of({7: tuple(seen)}, version=version))
    assert encoding.encoder.crops == MOST_CROPS
    encoding.under_test.finish(state_of({7: tuple(views)}, epoch=1, version=9))  # another map
    assert encoding.encoder.crops == 2 * MOST_CROPS


def test_poor_views_and_walls_are_not_looked_at(encoding) -> None:
    encoding.under_test.finish(state_of({7: (view_of(1), view_of(2, score=0.3))}))
    assert encoding.encoder.crops == 1
    encoding.under_test.finish(state_of({8: (view_of(1),)}, label="wall", version=2))
    assert encoding.encoder.crops == 1


def test_a_request_is_answered_in_the_background(encoding) -> None:
    encoding.under_test.request(state_of({7: (view_of(1),)}))

    wait_until(lambda: encoding.taken, "a request that is answered")
    assert encoding.under_test.backlog == 0


def test_without_an_encoder_nothing_waits() -> None:
    made = Encoding()
    made.under_test.request(state_of({7: (view_of(1),)}))
    made.under_test.finish(state_of({7: (view_of(1),)}))
    assert (made.taken, made.under_test.backlog) == ([], 0)
    made.jobs.close()
