"""Comparison of two models on one scene."""

from __future__ import annotations

import numpy as np
import pytest
from support.room_frames import GEOMETRIC

from seg3d_ros.cli import main
from seg3d_ros.engine.engine import Engine
from seg3d_ros.engine.world_state import WorldState
from seg3d_ros.errors import InputError
from seg3d_ros.settings import with_values
from seg3d_ros.viewer.comparison import compare


def state_of(frames, **settings) -> WorldState:
    engine = Engine(with_values(GEOMETRIC, settings))
    for frame in frames:
        engine.integrate(frame)
    engine.settle()
    engine.close()
    return engine.state


def test_what_both_find_has_one_colour(engine, frames):
    fewer = state_of(frames, **{"tracking.max_objects": 2})
    found = compare(engine.state, fewer)
    assert found.counts == (len(engine.state.objects), 2) and found.common == 2
    own, first, second = (panel.colors for panel in found.clouds.panels)
    both = (second != second[0]).any(axis=1) & (first == second).all(axis=1)
    assert both.sum() > 100
    assert own.shape == first.shape == second.shape == (len(found.clouds.points), 3)
    assert len(found.clouds.panels[1].captions) == found.counts[0]
    assert np.abs(found.clouds.points).max() <= 1.5


def test_other_maps_cannot_be_compared(engine, frames):
    with pytest.raises(InputError, match="different maps"):
        compare(engine.state, state_of(frames[:2]))
    with pytest.raises(InputError, match="empty"):
        compare(engine.state, WorldState())


@pytest.mark.parametrize("model", ["geometric", "mini"])
def test_a_saved_map_or_a_model_with_itself_is_refused(engine, tmp_path, capsys, model):
    path = tmp_path / "room.map"
    engine.save(path)
    args = ["view", str(path), "--model", "geometric", "--compare", model, "--no-open"]
    assert main(args) != 0
    assert ("itself" if model == "geometric" else "saved map") in capsys.readouterr().err
