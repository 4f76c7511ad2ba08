"""Tasks in worker processes: one that fails, or kills its process, stops no other."""

import os

import pytest
from support.worker_tasks import expect_one_thread, fail_as_named

from seg3d_ros.worker_pool import run_tasks


@pytest.mark.parametrize("workers", [1, 2])
def test_every_task_ends_whatever_happens_to_another(workers):
    tasks = ["a", "broken", "killed", "b", "bug", "c"]
    ended = dict(run_tasks(fail_as_named, tasks, workers=workers))
    assert sorted(ended) == sorted(tasks)
    assert ended["broken"] == "no numbers in it"
    assert ended["bug"] == "KeyError: 'corner'"
    assert "killed" in ended["killed"]
    assert [ended[task] for task in "abc"] == [None] * 3


def test_a_full_disk_ends_the_work():
    with pytest.raises(OSError, match="No space left"):
        list(run_tasks(fail_as_named, ["full", "a"], workers=1))


def test_processes_compute_with_one_thread_and_the_environment_comes_back(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    assert list(run_tasks(expect_one_thread, ["a"], workers=1)) == [("a", None)]
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in os.environ
