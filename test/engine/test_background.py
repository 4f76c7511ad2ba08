"""Segmentation in the background: one at a time, and always another one after it."""

from __future__ import annotations

import threading

import pytest
from support.waiting import wait_until

from seg3d_ros.engine.background import BackgroundSegmentation
from seg3d_ros.engine.job_queue import MAX_WAITING, JobQueue, Priority
from seg3d_ros.engine.map_segmentation import EmptyMapError


class Prompt(JobQueue):
    """Queue whose threads are so fast that a job has ended when `submit` returns."""

    def submit(self, priority, work, *, on_drop):
        ended = threading.Event()

        def run():
            work()
            ended.set()

        taken = super().submit(priority, run, on_drop=on_drop)
        assert ended.wait(30)
        return taken


def empty_map() -> None:
    raise EmptyMapError


@pytest.fixture
def queue():
    made = JobQueue()
    yield made
    made.close()


def test_a_job_that_ends_before_its_submission_returns_is_not_under_way() -> None:
    queue = Prompt()
    background = BackgroundSegmentation(queue, empty_map)
    for runs in (1, 2):
        background.request()
        assert (background.runs, background.skipped) == (runs, 0)
        assert not background.is_under_way
    queue.close()


def test_a_request_that_finds_one_under_way_is_skipped(queue) -> None:
    go = threading.Event()
    background = BackgroundSegmentation(queue, lambda: go.wait(30))
    background.request()
    background.request()
    assert background.is_under_way and background.skipped == 1
    go.set()
    wait_until(lambda: background.runs == 1 and not background.is_under_way, "its end")


def test_a_request_that_the_queue_refuses_can_be_made_again(queue) -> None:
    go, begun = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        go.wait(30)

    queue.submit(Priority.SEGMENT, wait, on_drop=lambda: None)
    assert begun.wait(30)
    for _ in range(MAX_WAITING):
        queue.submit(Priority.SEGMENT, lambda: None, on_drop=lambda: None)
    background = BackgroundSegmentation(queue, lambda: None)
    background.request()
    assert not background.is_under_way
    go.set()
    wait_until(lambda: background.request() or background.runs, "a run")


def test_a_segmentation_that_fails_is_counted_and_another_one_runs(queue, caplog) -> None:
    def fail() -> None:
        raise RuntimeError("bad scene")

    background = BackgroundSegmentation(queue, fail)
    for failures in (1, 2):
        background.request()
        wait_until(lambda n=failures: background.failures == n, "its end")
        wait_until(lambda: not background.is_under_way, "readiness for the next")
    assert background.runs == 0 and "bad scene" in caplog.text
