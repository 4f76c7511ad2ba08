from __future__ import annotations

import numpy as np
import pytest
import torch
from support.parity import recordings

from seg3d_ros.networks import point_operations
from seg3d_ros.networks.point_operations import (
    MAX_POINTS,
    Interpolation,
    check_cloud_size,
    find_nearest,
    gather,
    interpolation_between,
    sample_farthest,
)
from seg3d_ros.networks.point_sam.network import PointEncoder
from seg3d_ros.networks.point_sam.patches import PatchEncoder, knn_patches, voronoi_patches

OPS = recordings("point_sam", having="num_groups")
pytestmark = pytest.mark.skipif(not OPS, reason="the recording is not here")


@pytest.fixture(params=OPS, ids=str)
def ops(request):
    return request.param.arrays


def slow_farthest(points, count):
    """The definition, in float32 as the reference; ties go to the first."""
    chosen, nearest = [0], np.full(len(points), np.inf, np.float32)
    while len(chosen) < count:
        nearest = np.minimum(nearest, ((points - points[chosen[-1]]) ** 2).sum(1))
        chosen.append(int(nearest.argmax()))
    return chosen


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("uniform", "idx"),
        ("scene", "idx"),
        ("duplicates", "idx_cuda_rule_emulated"),
        ("grid_ties", "idx_cuda_rule_emulated"),
    ],
)
def test_farthest_points_are_the_reference_s(ops, name, key, device):
    points, expected = ops[f"fps/{name}/points"].to(device), ops[f"fps/{name}/{key}"]
    assert sample_farthest(points, expected.shape[1]).tolist() == expected.tolist()


def test_farthest_points_by_definition(device):
    """More points than one block of the compiled loop."""
    points = np.random.default_rng(0).normal(size=(5000, 3)).astype(np.float32)
    found = sample_farthest(torch.from_numpy(points)[None].to(device), 50)
    assert found[0].tolist() == slow_farthest(points, 50)


def test_the_loop_for_gpus_agrees_with_the_compiled_one():
    """Ties and duplicates included; runs on any device."""
    rng = np.random.default_rng(1)
    points = torch.from_numpy(rng.integers(0, 6, (2, 700, 3)).astype(np.float32))
    order = torch.from_numpy(point_operations._tie_order(700))
    columns = points[:, order].permute(0, 2, 1).contiguous()
    in_torch = order[point_operations._farthest_in_torch(columns, 260)]
    assert torch.equal(sample_farthest(points, 260), in_torch)
    distinct = len(points[0].unique(dim=0))
    assert len(in_torch[0].unique()) == distinct < 260  # then the last one, again and again


@pytest.mark.parametrize("count", [0, 4])
def test_more_points_than_there_are(count):
    with pytest.raises(ValueError, match=f"{count} of 3 points"):
        sample_farthest(torch.zeros(1, 3, 3), count)
    with pytest.raises(ValueError, match=f"{count} neighbours among 3"):
        find_nearest(torch.zeros(1, 3, 3), torch.zeros(1, 1, 3), count)


@pytest.mark.parametrize("count", [0, MAX_POINTS + 1])
def test_clouds_have_a_bound(count):
    with pytest.raises(ValueError, match=f"the cloud has {count} points"):
        check_cloud_size(count)


def test_neighbours_are_the_nearest(device):
    rng = np.random.default_rng(2)
    points, queries = rng.random((2, 300, 3)), rng.random((2, 40, 3))
    found = find_nearest(
        torch.tensor(points, dtype=torch.float32, device=device),
        torch.tensor(queries, dtype=torch.float32, device=device),
        7,
    )
    distance = np.linalg.norm(queries[:, :, None] - points[:, None], axis=-1)
    np.testing.assert_array_equal(found.cpu().numpy(), distance.argsort(-1)[..., :7])


def test_neighbours_on_a_gpu_are_found_in_parts(monkeypatch):
    rng = np.random.default_rng(3)
    points, queries = torch.from_numpy(rng.random((2, 100, 3), np.float32))
    monkeypatch.setattr(point_operations, "_DISTANCES_AT_ONCE", 700)
    in_parts = point_operations._nearest_in_torch(points, queries, 5)
    assert torch.equal(in_parts, find_nearest(points[None], queries[None], 5)[0])


def test_groups_are_the_reference_s(ops, device):
    points, features = ops["group/xyz"].to(device), ops["group/features"].to(device)
    patches = knn_patches(points, 24, 8)
    members = ops["group/knn_idx_by_distance"].long()
    assert torch.equal(patches.centers.cpu(), ops["group/centers"])
    assert torch.equal(patches.members.cpu(), members)
    grouped = torch.cat([patches.offsets, gather(features, patches.members)], -1).cpu()
    torch.testing.assert_close(grouped, ops["group/plain/grouped"], atol=1e-6, rtol=0)
    twice, logits = patches.repeated(2), ops["mask_group/logits"].to(device)
    values = gather(logits[..., None], twice.members)
    masks = torch.cat([twice.offsets, values], -1).cpu()
    torch.testing.assert_close(masks, ops["mask_group/grouped"], atol=1e-6, rtol=0)


def test_cells_are_the_reference_s(ops, device):
    cells = voronoi_patches(ops["group/xyz"].to(device), 24)
    assert torch.equal(cells.members.cpu(), ops["voronoi/nn_idx"].long())
    expected = ops["voronoi/features"]
    offsets = expected[..., :3] * expected[..., 3:4]  # direction and length
    torch.testing.assert_close(cells.offsets.cpu(), offsets, atol=1e-6, rtol=0)


def test_interpolation_is_the_reference_s(ops, device):
    ours = interpolation_between(ops["interp/key"].to(device), ops["interp/query"].to(device))
    assert torch.equal(ours.index.cpu(), ops["interp/idx_by_distance"].long())
    torch.testing.assert_close(ours.weight.cpu(), ops["interp/weight_exact"], atol=1e-5, rtol=0)
    out = ours(ops["interp/values"].to(device)).cpu()
    torch.testing.assert_close(out, ops["interp/out_exact"], atol=1e-5, rtol=0)


def test_several_sets_of_values_for_each_cloud():
    index = torch.tensor([[[0, 1, 2]], [[2, 1, 0]]])
    to_points = Interpolation(index, torch.tensor([[[1.0, 0, 0]], [[0.5, 0.5, 0]]]))
    values = torch.arange(12.0).view(4, 3, 1)
    assert to_points(values).flatten().tolist() == [0, 3, 7.5, 10.5]


def test_patch_encoder_is_the_reference_s(ops, monkeypatch):
    encoder = PatchEncoder(6, 10, (128, 512))
    weights = {k.removeprefix("patch_encoder/w/"): v for k, v in ops.items() if "/w/" in k}
    encoder.load_state_dict(weights)
    monkeypatch.setattr("seg3d_ros.networks.point_sam.patches._ROWS_AT_ONCE", 30)
    with torch.inference_mode():
        out = encoder(ops["patch_encoder/in"])
    torch.testing.assert_close(out, ops["patch_encoder/out"], atol=1e-5, rtol=0)


def test_click_tokens_are_the_reference_s(ops):
    encoder = PointEncoder(24)
    encoder.load_state_dict(
        {
            "pe_layer.positional_encoding_gaussian_matrix": ops["prompt/gaussian"],
            "point_embeddings.0.weight": ops["prompt/embed0"],
            "point_embeddings.1.weight": ops["prompt/embed1"],
        }
    )
    with torch.inference_mode():
        code = encoder.pe_layer(ops["prompt/coords"])
        tokens = encoder(ops["prompt/coords"], ops["prompt/labels"])
    torch.testing.assert_close(code, ops["prompt/fourier"], atol=1e-5, rtol=0)
    torch.testing.assert_close(tokens, ops["prompt/out"], atol=1e-5, rtol=0)
