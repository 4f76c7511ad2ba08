from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from seg3d_ros.training.processes import Processes, joined
from seg3d_ros.training.sampler import batches_per_epoch, epoch_batches
from seg3d_ros.training.schedule import StepDecay, WarmupCosine

ALONE = Processes()


def test_every_scene_is_seen_and_the_last_batch_is_full():
    batches = epoch_batches(10, 4, ALONE, seed=0, epoch=0)
    assert [len(batch) for batch in batches] == [4, 4, 4]
    assert batches_per_epoch(10, 4, ALONE) == 3
    counts = Counter(np.ravel(batches).tolist())
    assert set(counts) == set(range(10))
    assert sorted(counts.values()) == [1] * 8 + [2, 2]


def test_each_epoch_has_its_own_order_and_only_its_own():
    first, again = (epoch_batches(50, 5, ALONE, seed=0, epoch=1) for _ in range(2))
    assert first == again
    assert first != epoch_batches(50, 5, ALONE, seed=0, epoch=2)
    assert first != epoch_batches(50, 5, ALONE, seed=1, epoch=1)


def test_two_processes_share_the_batches_of_one():
    whole = epoch_batches(11, 4, ALONE, seed=0, epoch=0)
    halves = [epoch_batches(11, 2, Processes(rank, 2), seed=0, epoch=0) for rank in (0, 1)]
    assert [a + b for a, b in zip(*halves, strict=True)] == whole


def test_more_places_than_scenes_are_filled():
    batches = epoch_batches(1, 2, Processes(1, 2), seed=0, epoch=0)
    assert batches == [[0, 0]]


def test_step_decay_halves_every_25_epochs():
    decay = StepDecay(25, 0.5)
    assert [decay(epoch, 100) for epoch in (0, 24.99, 25, 60, 99)] == [1, 1, 0.5, 0.25, 0.125]


def test_cosine_warms_up_and_ends_on_the_floor():
    cosine = WarmupCosine(warmup=0.1, floor=0.2)
    assert [cosine(e, 50) for e in (0, 2.5, 5)] == pytest.approx([0.2, 0.6, 1])
    assert [cosine(e, 50) for e in (27.5, 50, 60)] == pytest.approx([0.6, 0.2, 0.2])


def test_devices_that_are_not_there_are_refused():
    with joined("cpu") as processes:
        assert (processes.rank, processes.count, str(processes.device)) == (0, 1, "cpu")
        assert [processes.any(True), processes.any(False)] == [True, False]
    with pytest.raises(ValueError, match="'abacus'; use auto, cpu"), joined("abacus"):
        pass
