from __future__ import annotations

import pytest
import torch
from support.parity import recordings

from seg3d_ros.datasets.click_simulation import (
    depths,
    first_clicks,
    next_clicks,
)

OPS = recordings("point_sam", having="num_groups")


@pytest.fixture
def line():
    """Points 0 to 9 on a line."""
    points = torch.zeros(1, 10, 3)
    points[0, :, 0] = torch.arange(10)
    return points


def mask(*rows):
    found = torch.zeros(1, 10, dtype=torch.bool)
    found[0, list(rows)] = True
    return found


def logits(*rows):
    return mask(*rows) * 2.0 - 1


def test_depth_is_the_distance_to_the_outside(line):
    found = depths(line, torch.cat([mask(2, 3, 4, 5, 6), mask(), mask(*range(10))]))
    assert found[0].tolist() == [0, 0, 1, 4, 9, 4, 1, 0, 0, 0]
    assert found[1].tolist() == [0] * 10
    assert found[2].isinf().all()


def test_clicks_on_a_line(line):
    target = mask(2, 3, 4, 5, 6)
    first = first_clicks(line, target)
    assert (first.rows.item(), first.labels.item()) == (4, 1)
    missing = next_clicks(line, target, logits(2, 3, 9))  # 4, 5, 6 are missing, 9 is too much
    assert (missing.rows.item(), missing.labels.item()) == (5, 1)
    excess = next_clicks(line, target, logits(2, 3, 4, 5, 7, 8, 9))
    assert (excess.rows.item(), excess.labels.item()) == (9, 0)
    faultless = next_clicks(line, target, logits(2, 3, 4, 5, 6))
    assert (faultless.rows.item(), faultless.labels.item()) == (4, 1)


@pytest.mark.parametrize("recording", OPS, ids=str)
def test_clicks_are_the_reference_s(recording, device):
    arrays = {name: array.to(device) for name, array in recording.below("clicks/").items()}
    points, targets = arrays["points"], arrays["gt"][0]
    excess = arrays["only_false_positives/logits"]
    for name, found in (
        ("first", first_clicks(points, targets)),
        ("next", next_clicks(points, targets, arrays["logits"])),
        ("no_error", next_clicks(points, targets, targets * 2.0 - 1)),
        ("only_false_positives", next_clicks(points, targets, excess)),
    ):
        assert torch.equal(points[0, found.rows], arrays[f"{name}/coords"][:, 0]), name
        assert torch.equal(found.labels.bool(), arrays[f"{name}/labels"][:, 0].bool()), name
