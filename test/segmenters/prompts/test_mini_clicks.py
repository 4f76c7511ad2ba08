"""Session of mini_clicks: clicks decide, go on, are taken back; boxes follow the mask."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seg3d_ros.compute import Compute
from seg3d_ros.networks.mini_clicks.network import MiniClicks
from seg3d_ros.networks.trained import load_trained
from seg3d_ros.scene import Scene
from seg3d_ros.segmenters.prompts.click_network import ClickNetwork
from seg3d_ros.segmenters.prompts.mini_clicks import MiniClicksPrompt
from seg3d_ros.segmenters.registry import load_prompt_segmenter
from seg3d_ros.segmenters.segmenter import NothingThereError, PromptResult
from seg3d_ros.segmenters.settings import MiniClicksSettings, ModelSettings
from seg3d_ros.segmenters.weights import MINI, MINI_CLICKS


class Ball:
    """First masks: all within 15 cm of the clicks; counts its calls."""

    name = "ball"

    def __init__(self):
        self.calls = 0

    def segment_at(self, scene, points, foreground):
        self.calls += 1
        away = np.linalg.norm(scene.points[:, None] - points[foreground], axis=2)
        return PromptResult(away.min(1) < 0.15)


class Counting(ClickNetwork):
    """Counts the boxes that it encodes."""

    boxes = 0

    def encode(self, scene, low, high):
        self.boxes += 1
        return super().encode(scene, low, high)


@pytest.fixture(scope="module")
def scene():
    """A floor of 3 m."""
    x, y = (axis.ravel() for axis in np.mgrid[0:3:0.02, 0:3:0.02])
    points = np.stack([x, y, np.zeros_like(x)], axis=1).astype(np.float32)
    return Scene(points, np.full_like(points, 0.5), np.arange(len(points)), 0.02)


@pytest.fixture
def prompt(device):
    torch.manual_seed(0)  # as untrained, the network keeps to the mask before
    mini = load_trained(MINI).network
    network = Counting(mini, MiniClicks(), Compute(torch.device(device)))
    return MiniClicksPrompt(Ball(), network)


def at(*places):
    return np.array([[x, y, 0] for x, y in places], np.float32)


def test_the_first_mask_is_that_of_the_first_segmenter_then_it_is_refined(scene, prompt):
    first = prompt.segment_at(scene, at((1, 1)), np.array([True]))
    assert np.array_equal(first.mask, Ball().segment_at(scene, at((1, 1)), np.ones(1, bool)).mask)
    assert prompt._network.boxes == 0
    both = prompt.segment_at(scene, at((1, 1), (1.06, 1)), np.array([True, False]))
    assert 0 <= both.predicted_iou <= 1
    assert (both.mask & first.mask).sum() > 0.5 * first.mask.sum()
    row = int(np.argmin(np.linalg.norm(scene.points - at((1.06, 1)), axis=1)))
    assert not both.mask[row]
    assert prompt._first.calls == 1
    assert prompt._network.boxes == 1


def test_clicks_are_taken_back(scene, prompt):
    one = prompt.segment_at(scene, at((1, 1)), np.array([True]))
    prompt.segment_at(scene, at((1, 1), (1.3, 1)), np.array([True, True]))
    again = prompt.segment_at(scene, at((1, 1)), np.array([True]))
    assert again is one
    assert prompt._first.calls == 1


def test_other_clicks_and_other_scenes_begin_anew(scene, prompt):
    prompt.segment_at(scene, at((1, 1)), np.array([True]))
    prompt.segment_at(scene, at((2, 2)), np.array([True]))
    assert prompt._first.calls == 2
    other = scene.take(np.arange(len(scene)))
    found = prompt.segment_at(other, at((2, 2)), np.array([True]))
    assert prompt._first.calls == 3
    assert found.mask.shape == (len(other),)


def test_a_click_beyond_the_box_moves_it(scene, prompt):
    prompt.segment_at(scene, at((0.5, 0.5)), np.array([True]))
    prompt.segment_at(scene, at((0.5, 0.5), (0.56, 0.5)), np.array([True, True]))
    clicks = at((0.5, 0.5), (0.56, 0.5), (2.5, 2.5))
    far = prompt.segment_at(scene, clicks, np.array([True, True, True]))
    assert prompt._network.boxes == 2
    row = int(np.argmin(np.linalg.norm(scene.points - at((2.5, 2.5)), axis=1)))
    assert far.mask[row]


def test_background_clicks_into_the_open_exclude_nothing(scene, prompt):
    one = prompt.segment_at(scene, at((1, 1)), np.array([True]))
    clicks = np.concatenate([at((1, 1)), np.array([[1, 1, 1.5]], np.float32)])
    both = prompt.segment_at(scene, clicks, np.array([True, False]))
    assert both.mask.shape == one.mask.shape
    with pytest.raises(NothingThereError):
        prompt.segment_at(scene, clicks, np.array([True, True]))


def test_it_comes_with_the_package():
    models = ModelSettings(mini_clicks=MiniClicksSettings(device="cpu"))
    assert load_prompt_segmenter("mini_clicks", models).name == "mini_clicks"
    assert MINI_CLICKS.stat().st_size <= 1_000_000
    missing = ModelSettings(mini_clicks=MiniClicksSettings("/nowhere/none.safetensors"))
    with pytest.raises(FileNotFoundError, match="mini_clicks are not in this installation"):
        load_prompt_segmenter("mini_clicks", missing)
