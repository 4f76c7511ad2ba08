"""Jobs run in the order of their priority, and never twice or never."""

from __future__ import annotations

import threading

import pytest
from support.waiting import wait_until

from seg3d_ros.engine.job_queue import MAX_WAITING, JobQueue, Priority


@pytest.fixture
def queue():
    made = JobQueue()
    yield made
    made.close()


@pytest.fixture
def go():
    event = threading.Event()
    yield event
    event.set()


class Log(list):
    def job(self, name):
        return lambda: self.append(name)


def submit(queue, priority, work, on_drop=lambda: None):
    return queue.submit(priority, work, on_drop=on_drop)


def busy(queue, go, priority):
    """Occupy the thread that takes a priority; returns when it is at work."""
    begun = threading.Event()

    def work():
        begun.set()
        go.wait(30)

    assert submit(queue, priority, work)
    assert begun.wait(30)


@pytest.mark.parametrize("quick", [Priority.QUERY, Priority.CLICK, Priority.EDIT])
def test_what_a_person_waits_for_does_not_wait_for_a_segmentation(queue, go, quick) -> None:
    busy(queue, go, Priority.SEGMENT)
    done = threading.Event()
    submit(queue, quick, done.set)
    assert done.wait(30)


def test_a_query_does_not_wait_for_a_click(queue, go) -> None:
    for priority in (Priority.SEGMENT, Priority.CLICK):
        busy(queue, go, priority)
    done = threading.Event()
    submit(queue, Priority.QUERY, done.set)
    assert done.wait(30)


def test_waiting_jobs_go_by_priority_then_by_age(queue, go) -> None:
    log = Log()
    for priority in (Priority.SEGMENT, Priority.CLICK, Priority.QUERY):
        busy(queue, go, priority)
    names = [
        ("encode", Priority.ENCODE),
        ("segment", Priority.SEGMENT),
        ("again", Priority.SEGMENT),
    ]
    for name, priority in names:
        submit(queue, priority, log.job(name))
    go.set()
    wait_until(lambda: len(log) == 3, "the jobs")
    assert log == ["segment", "again", "encode"]


def test_a_long_job_gives_way_between_its_steps(queue, go) -> None:
    log, begun = Log(), threading.Event()

    def encode():
        for step in range(3):
            begun.set()
            go.wait(30)
            log.append(step)
            queue.give_way(Priority.ENCODE)

    submit(queue, Priority.ENCODE, encode)
    assert begun.wait(30)
    submit(queue, Priority.SEGMENT, log.job("segment"))
    submit(queue, Priority.ENCODE, log.job("the next vocabulary"))
    go.set()
    wait_until(lambda: len(log) == 5, "the jobs")
    assert log == [0, "segment", 1, 2, "the next vocabulary"]


def test_too_many_jobs_of_a_priority_are_refused(queue, go) -> None:
    busy(queue, go, Priority.SEGMENT)
    taken = [submit(queue, Priority.SEGMENT, lambda: None) for _ in range(MAX_WAITING + 1)]
    assert taken == [True] * MAX_WAITING + [False]
    assert submit(queue, Priority.ENCODE, lambda: None)


def test_closing_drops_what_waits_and_what_comes(queue, go) -> None:
    busy(queue, go, Priority.SEGMENT)
    log = Log()
    submit(queue, Priority.SEGMENT, log.job("run"), log.job("dropped"))
    queue.close()
    submit(queue, Priority.QUERY, log.job("run"), log.job("dropped too"))
    go.set()
    assert log == ["dropped", "dropped too"]


def test_a_job_that_fails_costs_no_thread(queue, caplog) -> None:
    def fail():
        raise RuntimeError("no luck")

    submit(queue, Priority.QUERY, fail)
    done = threading.Event()
    submit(queue, Priority.QUERY, done.set)
    assert done.wait(30)
    wait_until(lambda: "no luck" in caplog.text, "the log line")
