"""Parts of LaSSM against recordings of spconv, MinkowskiEngine and the reference."""

from __future__ import annotations

import pytest
import torch
from support.parity import OWN, Recording

from seg3d_ros.networks.lassm import mamba
from seg3d_ros.networks.lassm.curve_order import curve_codes, curve_orders
from seg3d_ros.networks.lassm.instances import matrix_nms
from seg3d_ros.networks.lassm.layers import LocalAggregation, MaskedAttention, StateSpace
from seg3d_ros.networks.lassm.mamba import Mamba2, selective_scan
from seg3d_ros.networks.lassm.spunet import DownConv3d, SpConv3d, UpConv3d, grid_extent
from seg3d_ros.networks.minkunet34c import MinkConv3d, MinkDownConv3d, MinkUpConv3d
from seg3d_ros.networks.point_operations import sample_farthest
from seg3d_ros.sparse.grid import VoxelGrid, pack
from seg3d_ros.sparse.tensor import SparseTensor

RECORDED = Recording(OWN / "lassm/ops.npz")


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.no_grad():
        yield


@pytest.fixture
def arrays():
    return RECORDED.arrays


def assert_close(ours, theirs):
    """The recordings' own tolerance: 1e-5 of the largest magnitude."""
    assert ours.shape == theirs.shape
    assert float((ours - theirs).abs().max() / theirs.abs().max()) < 1e-5


def loaded(module, prefix):
    module.load_state_dict(RECORDED.below(prefix))
    return module


def with_weight(layer, weight):
    (parameter,) = layer.parameters()
    assert parameter.shape == weight.shape
    parameter.copy_(weight)
    return layer


def assert_same_voxels(ours, coordinates, features, *, stride=1):
    """Rows may come in any order; coordinates are those of the finest grid."""
    coordinates = coordinates.clone()
    coordinates[:, 1:] //= stride
    order = pack(coordinates).argsort()
    keys, rows = ours.grid.sorted_keys
    assert torch.equal(keys, pack(coordinates)[order])
    assert_close(ours.features[rows], features[order])


@pytest.fixture
def sp(arrays):
    grid = VoxelGrid(arrays["sp/coords"], 2)
    extent = tuple(RECORDED.description["ops"]["sp"]["spatial_shape"])
    grid.cached("spconv extent", lambda: extent)
    return SparseTensor(grid, arrays["sp/feats"])


@pytest.mark.parametrize("size", [1, 3])
def test_submanifold_convolution_is_that_of_spconv(arrays, sp, size):
    layer = with_weight(SpConv3d(5, 7, size), arrays[f"sp/subm{size}.weight"])
    assert_close(layer(sp).features, arrays[f"sp/subm{size}.out"])


def test_strided_convolution_drops_what_spconv_drops(arrays, sp):
    down = with_weight(DownConv3d(5, 6), arrays["sp/down.weight"])(sp)
    assert_same_voxels(down, arrays["sp/down.out_coords"], arrays["sp/down.out"])
    up = with_weight(UpConv3d(6, 4), arrays["sp/up.weight"])(down, sp.grid)
    assert_close(up.features, arrays["sp/up.out"])
    dropped = int((up.features == 0).all(1).sum())
    assert dropped == RECORDED.description["ops"]["sp"]["dropped_voxels"]


def test_only_long_scenes_have_a_border():
    short, long = (
        VoxelGrid(torch.tensor([[0, 0, 0, 0], [0, edge, 5, 5]], dtype=torch.int32))
        for edge in (126, 130)
    )
    assert grid_extent(short) == (128, 128, 128)
    assert grid_extent(long) == (131, 128, 128)


@pytest.fixture
def me(arrays):
    grid = VoxelGrid(arrays["me/sparse_coords"], 2)
    return SparseTensor(grid, arrays["me/sparse_feats"])


@pytest.mark.parametrize("size", [1, 3, 5])
def test_convolution_is_that_of_minkowski(arrays, me, size):
    layer = with_weight(MinkConv3d(4, 6, size), arrays[f"me/k{size}.kernel"])
    assert_close(layer(me).features, arrays[f"me/k{size}.out"])


def test_the_way_down_and_up_is_that_of_minkowski(arrays, me):
    half = with_weight(MinkDownConv3d(4, 5), arrays["me/down.kernel"])(me)
    assert_same_voxels(half, arrays["me/down.coords"], arrays["me/down.out"], stride=2)
    quarter = with_weight(MinkDownConv3d(5, 5), arrays["me/down2.kernel"])(half)
    assert_same_voxels(quarter, arrays["me/down2.coords"], arrays["me/down2.out"], stride=4)
    x = with_weight(MinkConv3d(5, 5, 3), arrays["me/k3_stride4.kernel"])(quarter)
    assert_same_voxels(x, arrays["me/down2.coords"], arrays["me/k3_stride4.out"], stride=4)
    x = with_weight(MinkUpConv3d(5, 6), arrays["me/up2.kernel"])(x, half.grid)
    assert_same_voxels(x, arrays["me/up2.coords"], arrays["me/up2.out"], stride=2)
    x = with_weight(MinkUpConv3d(6, 3), arrays["me/up.kernel"])(x, me.grid)
    assert_same_voxels(x, arrays["me/up.coords"], arrays["me/up.out"])


@pytest.mark.parametrize("chunk", [mamba.CHUNK, 16, None])
@pytest.mark.parametrize(("name", "hidden"), [("mamba", 64), ("mamba_long", 32)])
def test_mamba_block(arrays, monkeypatch, name, hidden, chunk):
    """In chunks, as with gradients, and compiled."""
    monkeypatch.setattr(mamba.selective_scan, "__kwdefaults__", {"chunk": chunk})
    block = loaded(Mamba2(hidden), f"{name}/w.")
    straight = torch.arange(arrays[f"{name}/x"].shape[1])[None]
    with torch.set_grad_enabled(chunk is not None):
        ours = [block(tokens, straight, straight) for tokens in arrays[f"{name}/x"]]
    assert_close(torch.stack(ours).detach(), arrays[f"{name}/out"])


def test_a_mamba_block_along_two_orders_is_the_mean_of_both():
    torch.manual_seed(0)
    block, tokens = Mamba2(64), torch.randn(50, 64)
    rows = torch.stack([torch.randperm(50), torch.randperm(50)])
    places = rows.argsort(1)
    expected = [block(tokens, rows[[i]], places[[i]]) for i in (0, 1)]
    assert_close(block(tokens, rows, places), torch.stack(expected).mean(0))
    with torch.enable_grad():
        trained = block(tokens, rows, places)
    assert trained.requires_grad
    assert_close(trained.detach(), torch.stack(expected).mean(0))


@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_the_scan_is_the_recurrence(chunk):
    torch.manual_seed(0)
    x, decay = torch.randn(2, 20, 3, 4), -torch.rand(2, 20, 3) * 3
    b, c = torch.randn(2, 2, 20, 5)
    state, expected = torch.zeros(2, 3, 4, 5), []
    for t in range(20):
        entering = torch.einsum("bhp,bn->bhpn", x[:, t], b[:, t])
        state = decay[:, t].exp()[..., None, None] * state + entering
        expected.append(torch.einsum("bhpn,bn->bhp", state, c[:, t]))
    assert_close(selective_scan(x, decay, b, c, chunk=chunk), torch.stack(expected, 1))


@pytest.mark.parametrize("place", ["room", "tiny", "big"])
def test_curve_orders(arrays, place):
    recorded = RECORDED.below(f"ser_{place}/")
    names = RECORDED.description["ops"][f"ser_{place}"]["orders"]
    assert torch.equal(curve_codes(recorded["pos"], names), recorded["code"].long())
    rows, places = curve_orders(recorded["pos"], names)
    assert torch.equal(rows, recorded["order"].long())
    assert torch.equal(places, recorded["inverse"].long())


def test_positions_that_are_no_numbers_have_some_order():
    positions = torch.tensor([[torch.nan, 0, 0], [torch.inf, 1, 2], [1e30, 0, 0], [0, 0, 0]])
    rows, _ = curve_orders(positions, ["hilbert", "z"])
    assert torch.equal(rows.sort(1).values, torch.arange(4).expand(2, 4))


def test_farthest_points(arrays):
    ours = sample_farthest(arrays["fps/xyz"][None], len(arrays["fps/idx"]))[0]
    assert torch.equal(ours, arrays["fps/idx"].long())


@pytest.mark.parametrize("name", ["agg", "agg_few"])
def test_local_aggregation(arrays, name):
    layer = loaded(LocalAggregation(64), f"{name}/w.")
    names = ("query", "query_pos", "sp_feats", "sp_coords")
    out = layer(*(arrays[f"{name}/{part}"] for part in names))
    assert_close(out, arrays[f"{name}/out"])


def test_state_space_blocks_share_their_norms(arrays):
    layer = loaded(StateSpace(64, blocks=2, orders=("hilbert", "hilbert-trans")), "ssm/w.")
    assert_close(layer(arrays["ssm/query"], arrays["ssm/query_pos"]), arrays["ssm/out"])


def test_masked_attention(arrays):
    layer = loaded(MaskedAttention(64), "xattn/w.")
    logits = torch.where(arrays["xattn/mask"], -1.0, 0.0)  # the recorded ones are hidden
    out = layer(arrays["xattn/query"], arrays["xattn/source"], logits)
    assert_close(out, arrays["xattn/out"])


def test_a_query_that_would_see_nothing_sees_everything(arrays):
    layer = loaded(MaskedAttention(64), "xattn/w.")
    query, source = arrays["xattn/query"], arrays["xattn/source"]
    logits = torch.rand(len(query), len(source))
    assert_close(layer(query, source, -1 - logits), layer(query, source, logits))


def test_matrix_nms(arrays):
    order = arrays["nms/scores"].argsort(descending=True, stable=True)
    masks, labels = arrays["nms/masks"][order], arrays["nms/labels"][order]
    scores = matrix_nms(masks, labels, arrays["nms/scores"][order])
    again = scores.argsort(descending=True, stable=True)
    assert_close(scores[again], arrays["nms/out_scores"])
    assert torch.equal(order[again], arrays["nms/out_keep"].long())
    assert torch.equal(labels[again], arrays["nms/out_labels"])


def test_repeated_masks_score_nothing():
    masks = torch.tensor([[1.0, 1, 0], [1, 1, 0], [1, 1, 0], [0, 0, 1]])
    scores = matrix_nms(masks, torch.zeros(4), torch.tensor([0.9, 0.8, 0.7, 0.6]))
    torch.testing.assert_close(scores, torch.tensor([0.9, 0, 0, 0.6]))
