from __future__ import annotations

import pytest
import torch
from support.point_sam import SMALL, small_network, write_weights

from seg3d_ros.networks.checkpoint import CheckpointError
from seg3d_ros.networks.point_sam.config import LARGE, MINI
from seg3d_ros.networks.point_sam.network import READINGS, Clicks, PointSam, load_point_sam


def cloud(count=200, *, seed=0):
    points = torch.rand(1, count, 3, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return points / 3**0.5, torch.zeros_like(points)


def click(points, *labels, mask=None):
    return Clicks(points[:, : len(labels)], torch.tensor([labels]), mask)


@pytest.mark.parametrize("value", [1.001, -1.001, float("nan"), float("inf")])
def test_positions_outside_of_the_range_are_refused(value):
    network = small_network()
    points, colors = cloud()
    clouds = network.encode(points, colors)
    wrong = points.clone()
    wrong[0, 3, 1] = value
    with pytest.raises(ValueError, match=r"a point of the cloud is outside of \[-1, 1\]"):
        network.encode(wrong, colors)
    with pytest.raises(ValueError, match="a click is outside"):
        network.predict(clouds, click(wrong[:, 3:], 1))


def test_a_rounding_error_beyond_the_range_is_not():
    network = small_network()
    points, colors = cloud()
    points[0, 0, 0] = 1.0000005
    network.encode(points, colors)


@torch.inference_mode()
def test_every_set_of_prompts_gets_its_own_answer():
    """Two clouds with two sets each give what they give one by one."""
    network = small_network()
    a, b = cloud(seed=1), cloud(seed=2)
    clouds = network.encode(torch.cat([a[0], b[0]]), torch.cat([a[1], b[1]]))
    points = torch.stack([a[0][0, :2], a[0][0, 2:4], b[0][0, :2], b[0][0, 2:4]])
    labels = torch.tensor([[1, 0], [1, 1], [0, 1], [1, 0]])
    mask = torch.randn(4, 200)
    together = network.predict(clouds, Clicks(points, labels, mask))
    for i in range(4):
        alone = network.encode(*(a, b)[i // 2])
        one = network.predict(alone, Clicks(points[i : i + 1], labels[i : i + 1], mask[i : i + 1]))
        torch.testing.assert_close(one.logits[0], together.logits[i], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(one.predicted_iou[0], together.predicted_iou[i])


@torch.inference_mode()
def test_the_order_of_points_after_the_first_does_not_matter():
    network = small_network()
    points, colors = cloud()
    colors = torch.rand_like(colors)
    order = torch.cat([torch.zeros(1, dtype=torch.long), 1 + torch.randperm(199)])
    clicks = click(points, 1)
    one = network.predict(network.encode(points, colors), clicks, candidates=READINGS)
    other = network.predict(
        network.encode(points[:, order], colors[:, order]), clicks, candidates=READINGS
    )
    torch.testing.assert_close(one.logits[..., order], other.logits, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("count", [1, 2, 5])
@torch.inference_mode()
def test_small_clouds_get_as_many_patches_as_points(count):
    network = small_network()
    points, colors = cloud(count)
    found = network.predict(network.encode(points, colors), click(points, 1), candidates=READINGS)
    assert found.logits.shape == (1, 3, count)
    assert found.logits.isfinite().all()


def test_large_clouds_get_more_patches():
    assert LARGE.patch_counts(100_000) == (1024, 256)
    assert LARGE.patch_counts(100_001) == (2048, 256)
    assert LARGE.patch_counts(600) == (600, 256)
    assert LARGE.patch_counts(60) == (60, 60)


def test_the_small_one_is_small():
    with torch.device("meta"):
        network = PointSam(MINI)
    assert sum(p.numel() for p in network.parameters()) <= 6_000_000


def test_weights_come_back_from_a_file(tmp_path):
    network = small_network(seed=4)
    path = write_weights(tmp_path / "model.safetensors", network)
    loaded = load_point_sam(path, config=SMALL)
    assert not loaded.training
    for name, tensor in network.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name


def test_weights_of_another_size_are_refused(tmp_path):
    path = write_weights(tmp_path / "model.safetensors", small_network())
    with pytest.raises(CheckpointError, match=r"does not fit PointSam; missing: .*another shape"):
        load_point_sam(path, config=MINI)


def test_a_damaged_file_is_refused(tmp_path):
    path = write_weights(tmp_path / "model.safetensors", small_network())
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(CheckpointError, match="fetch it again"):
        load_point_sam(path, config=SMALL)
    with pytest.raises(FileNotFoundError):
        load_point_sam(tmp_path / "none.safetensors", config=SMALL)
