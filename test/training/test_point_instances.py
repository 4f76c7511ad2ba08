from __future__ import annotations

import pytest
import torch

from seg3d_ros.networks.maskformer.network import MaskFormerOutput
from seg3d_ros.networks.mini.decoder import DecodedQueries
from seg3d_ros.networks.mini.network import MiniOutput
from seg3d_ros.training.point_instances import point_instances

THRESHOLDS = {"score_thresh": 0.5, "mask_thresh": 0.0}


def test_the_first_scene_of_maskformer_with_the_names_of_its_queries():
    sure, no_object = [-9.0, 9.0, 0.0], [0.0, 0.0, 9.0]
    logits = torch.tensor([[no_object, sure], [sure, sure]])
    masks = (torch.tensor([[5.0, 5.0, 5.0], [1.0, -1.0, 2.0]]), torch.ones(2, 7))
    found = point_instances(
        MaskFormerOutput(logits, masks), **THRESHOLDS, class_names=("bed", "sofa")
    )
    assert found.ids.tolist() == [1, -1, 1]
    assert found.names[1] == "sofa"
    assert not point_instances(MaskFormerOutput(logits, masks), **THRESHOLDS).names


@pytest.mark.parametrize(
    ("score_thresh", "mask_thresh", "ids"),
    [(0.5, 0.0, [0, 0]), (0.7, 0.0, [-1, -1]), (0.5, 1.0, [-1, 0])],
)
def test_thresholds_are_those_given(score_thresh, mask_thresh, ids):
    logits, masks = torch.tensor([[[0.6, 0.0]]]), (torch.tensor([[0.5, 2.0]]),)  # p = 0.65
    found = point_instances(
        MaskFormerOutput(logits, masks), score_thresh=score_thresh, mask_thresh=mask_thresh
    )
    assert found.ids.tolist() == ids


def test_points_of_mini_have_the_query_of_their_voxel():
    masks = torch.tensor([[3.0, -1.0], [2.0, 2.0], [9.0, 9.0]])
    quality = torch.tensor([2.0, 1.0, -1.0])  # the last is too bad
    nothing = torch.zeros(0)
    queries = DecodedQueries(nothing, nothing, (), nothing, quality)
    rows = torch.tensor([1, 0, 0, 2, 3])  # two points are of a second scene
    output = MiniOutput(rows, [], [], [], [queries] * 2, [masks] * 2, [], [], nothing)
    assert point_instances(output, **THRESHOLDS).ids.tolist() == [1, 0, 0]


def test_an_unknown_output_is_called_by_its_name():
    with pytest.raises(TypeError, match="turn dict into instances"):
        point_instances({}, **THRESHOLDS)
