from __future__ import annotations

import json
import math

import numpy as np
import pytest

from seg3d_ros.cli import main
from seg3d_ros.evaluation.prompts import ClickedObject, click_on_objects, scores_of
from seg3d_ros.scene import Scene
from seg3d_ros.segmenters.prompts.geometric_prompt import GeometricPrompt
from seg3d_ros.segmenters.segmenter import PromptResult
from seg3d_ros.sparse.voxel_keys import keys_of_points

pytest.importorskip("torch", reason="clicks are simulated as in training, with torch")


class NearerToForeground:
    """Voxels within 4 of a foreground click, less those that are nearer to a background click."""

    name = "nearer"

    def __init__(self):
        self.calls = []

    def segment_at(self, scene, points, foreground):
        self.calls.append((points[:, 0].tolist(), foreground.tolist()))
        distance = np.abs(scene.points[:, None, 0] - points[:, 0])
        on = distance[:, foreground].min(1)
        off = distance[:, ~foreground].min(1, initial=99)
        return PromptResult((on <= 4) & (on < off))


@pytest.fixture
def line():
    """Voxels 0 to 19 on a line; an object from 4 to 8, one from 12 to 13, nothing elsewhere."""
    points = np.zeros((20, 3), np.float32)
    points[:, 0] = np.arange(20)
    instance = np.full(20, -1)
    instance[4:9], instance[12:14] = 3, 5
    return Scene(points, points, np.arange(20), 1.0), np.where(instance < 0, -1, 7), instance


def test_clicks_go_where_the_error_is(line):
    scene, segment, instance = line
    segmenter = NearerToForeground()
    found = list(
        click_on_objects(
            segmenter,
            scene,
            name="line",
            segment=segment,
            instance=instance,
            clicks=2,
            min_points=3,
        )
    )
    assert [(item.scene, item.instance, item.segment) for item in found] == [("line", 3, 7)]
    first, second = segmenter.calls
    assert first == ([6], [True])  # the middle; the answer is 2 to 10
    assert found[0].iou[0] == pytest.approx(5 / 9)
    assert second == ([6, 2], [True, False])  # nearest to the middle of an error of 2
    assert found[0].iou[1] == pytest.approx(4 / 7)  # 5 to 10


def test_skipped_classes_are_not_clicked_on(line):
    scene, segment, instance = line
    arguments = {"segment": segment, "instance": instance, "min_points": 1, "clicks": 1}
    both = list(click_on_objects(NearerToForeground(), scene, name="", **arguments))
    assert [item.instance for item in both] == [3, 5]
    assert not list(
        click_on_objects(NearerToForeground(), scene, name="", skipped=(7,), **arguments)
    )


def clicked(*iou, seconds=(2.0, 0.5, 0.1)):
    return ClickedObject("s", 0, 0, np.array(iou), np.array(seconds[: len(iou)]))


def test_scores_are_means_over_objects():
    scores = scores_of([clicked(0.2, 0.4, 0.6), clicked(0.4, 0.6, 1.0, seconds=(4, 0.5, 0.3))])
    assert scores.objects == 2
    assert scores.iou == pytest.approx({1: 0.3, 3: 0.8})
    assert scores.first_seconds == 3.0 and scores.next_seconds == pytest.approx(0.4)
    assert math.isnan(scores_of([clicked(0.5)]).next_seconds)
    with pytest.raises(ValueError, match="no object"):
        scores_of([])


def test_any_prompt_segmenter_can_be_evaluated():
    """A box on a floor, with the segmenter that needs no weights."""
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(*[np.arange(40)] * 2), -1).reshape(-1, 2) * 0.02
    floor = np.column_stack([grid, np.zeros(len(grid))])
    inside = (abs(grid - 0.4) < 0.15).all(1)
    top = np.column_stack([grid[inside], np.full(inside.sum(), 0.3)])
    points = np.concatenate([floor, top]) + rng.normal(0, 0.001, (len(grid) + len(top), 3))
    instance = np.repeat([-1, 0], [len(floor), len(top)])
    points = points.astype(np.float32)
    scene = Scene(points, 0 * points, keys_of_points(points, 0.02), 0.02)
    found = click_on_objects(
        GeometricPrompt(), scene, name="", segment=instance, instance=instance, clicks=1
    )
    assert scores_of(list(found)).iou[1] > 0.9


def test_evaluate_prompts_on_a_data_set(tmp_path, capsys):
    """A floor and two boxes on it, as `seg3d synthesize` writes rooms."""
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(*[np.arange(60)] * 2), -1).reshape(-1, 2) * 0.02 + 0.01
    parts = [np.column_stack([grid, np.full(len(grid), 0.01)])]
    for middle in (0.3, 0.8):
        inside = (abs(grid - middle) < 0.12).all(1)
        parts.append(np.column_stack([grid[inside], np.full(inside.sum(), 0.31)]))
    instance = np.repeat([0, 1, 2], [len(part) for part in parts])
    points = np.concatenate(parts) + rng.normal(0, 0.001, (len(instance), 3))
    folder = tmp_path / "data" / "val" / "room"
    folder.mkdir(parents=True)
    np.save(folder / "coord.npy", points.astype(np.float32))
    np.save(folder / "segment.npy", np.minimum(instance, 1))
    np.save(folder / "instance.npy", instance)
    (tmp_path / "data" / "names.txt").write_text("floor\nbox\n")

    command = ["evaluate", str(tmp_path / "data"), "--prompts", "--model", "geometric"]
    assert main([*command, "--objects-only", "-o", str(tmp_path / "out")]) == 0
    (found,) = json.loads((tmp_path / "out" / "prompts.json").read_text())
    assert found["model"] == "geometric" and found["split"] == "val"
    assert found["scores"]["objects"] == 2
    assert found["scores"]["iou"]["10"] > 0.9
    table = capsys.readouterr().out.splitlines()
    assert "IoU@1" in table[0] and table[1].split()[:3] == ["geometric", "val", "2"]
    assert main([*command, "--predictions", str(tmp_path)]) == 2
