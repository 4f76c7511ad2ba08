"""The reference's single operations: convolutions, pooling, groups, rotations, blocks."""

import pytest
import torch
from support.parity import assert_agrees, recordings

from seg3d_ros.networks.spaceformer.block import Block, BlockConfig
from seg3d_ros.sparse.convolution import SparseConv3d
from seg3d_ros.sparse.grid import VoxelGrid
from seg3d_ros.sparse.grouping import curve_groups, window_groups
from seg3d_ros.sparse.pooling import max_pool, unpool
from seg3d_ros.sparse.rope import rotate, rotation_table
from seg3d_ros.sparse.tensor import SparseTensor
from seg3d_ros.sparse.voxelize import voxelize

RECORDINGS = recordings("spaceformer", having="ops")
BLOCKS = {
    "StreamNormBlock": "stream_norm",
    "PreNormBlock": "pre_norm",
    "PostNormBlock": "post_norm",
}


def operations(chosen):
    """Parameters (arrays, description) of the recorded operations whose name is chosen."""
    return [
        pytest.param(recording, name, id=f"{recording}-{name}")
        for recording in RECORDINGS
        for name in recording.description["ops"]
        if chosen(name, recording.description["ops"][name])
    ]


def grid_of(coordinates):
    return VoxelGrid(coordinates, int(coordinates[:, 0].max()) + 1)


@pytest.mark.parametrize(
    ("recording", "name"), operations(lambda _, about: isinstance(about, dict) and "cin" in about)
)
def test_convolution(recording, name):
    about, arrays = recording.description["ops"][name], recording.below(f"{name}/")
    conv = SparseConv3d(about["cin"], about["cout"], about["kernel_size"], bias=about["bias"])
    conv.load_state_dict({k: arrays[k] for k in ("weight", "bias") if k in arrays})
    x = arrays["x"].clone().requires_grad_()
    y = conv(SparseTensor(grid_of(arrays["coords"]), x)).features
    y.backward(arrays["grad_y"])
    assert_agrees(y, arrays["y"])
    assert_agrees(x.grad, arrays["grad_x"])
    assert_agrees(conv.weight.grad, arrays["grad_weight"])
    if about["bias"]:
        assert_agrees(conv.bias.grad, arrays["grad_bias"])


@pytest.mark.parametrize(("recording", "name"), operations(lambda name, _: name == "conv_k2s2"))
def test_strided_convolution_and_back(recording, name):
    arrays = recording.below(f"{name}/")
    down_shape, up_shape = arrays["weight_down"].shape, arrays["weight_up"].shape
    down = SparseConv3d(*down_shape[1:], 2, stride=2, bias=False)
    up = SparseConv3d(*up_shape[1:], 2, stride=2, transposed=True, bias=False)
    down.load_state_dict({"weight": arrays["weight_down"]})
    up.load_state_dict({"weight": arrays["weight_up"]})
    x = SparseTensor(grid_of(arrays["coords"]), arrays["x"].clone().requires_grad_())
    y = down(x)
    rows = grid_of(arrays["coords_down"]).sorted_keys[1]
    assert torch.equal(y.grid.coordinates, arrays["coords_down"][rows])
    assert_agrees(y.features, arrays["y_down"][rows])
    z = up(y, x).features
    z.backward(arrays["grad_z"])
    assert_agrees(z, arrays["z_up"])
    assert_agrees(x.features.grad, arrays["grad_x"])
    assert_agrees(down.weight.grad, arrays["grad_weight_down"])
    assert_agrees(up.weight.grad, arrays["grad_weight_up"])


@pytest.mark.parametrize(("recording", "name"), operations(lambda name, _: name == "pool"))
def test_pooling_and_unpooling(recording, name):
    arrays, above = recording.below("pool/"), recording.below("unpool/")
    x = SparseTensor(grid_of(arrays["coords"]), arrays["x"].clone().requires_grad_())
    y = max_pool(x)
    rows = grid_of(arrays["coords_down"]).sorted_keys[1]
    y.features.backward(arrays["grad_y"][rows])
    assert_agrees(y.features, arrays["y"][rows])
    assert_agrees(x.features.grad, arrays["grad_x"])
    assert_agrees(unpool(y.with_features(above["x_coarse"][rows]), x).features, above["concat"])


@pytest.mark.parametrize(
    ("recording", "name"), operations(lambda name, _: name == "point_to_voxel")
)
def test_points_to_voxels_and_back(recording, name):
    about, arrays = recording.description["ops"][name], recording.below(f"{name}/")
    made = voxelize(
        arrays["points"],
        arrays["x"],
        voxel_size=about["voxel_size"],
        sizes=tuple(arrays["offset"].diff().tolist()),
    )
    rows = grid_of(arrays["coords"]).sorted_keys[1]
    assert torch.equal(made.voxels.grid.coordinates, arrays["coords"][rows])
    assert_agrees(made.voxels.features, arrays["voxel_x"][rows])
    assert_agrees(made.to_points(2 * made.voxels.features + 1), arrays["points_out"])


@pytest.mark.parametrize(("recording", "name"), operations(lambda name, _: name == "group"))
def test_windows_and_curves(recording, name):
    arrays = recording.below("group/")
    grid = grid_of(arrays.pop("coords"))
    compared = 0
    for key, labels in arrays.items():
        kind, *rest = key.split("_", 2)
        if kind == "window":
            groups = window_groups(grid, int(rest[0].removeprefix("ws")), rest[1])
            assert_same_partition(groups, labels)
        elif rest[0].startswith("patch"):
            groups = curve_groups(grid, int(rest[0].removeprefix("patch")), rest[1])
            assert torch.equal(labels_of(groups), labels.long())
        elif rest[0] == "rank":
            order = curve_groups(grid, 8, rest[1]).order
            assert torch.equal(order.argsort(), labels.long())
        else:
            continue
        compared += 1
    assert compared > 20


def labels_of(groups):
    labels = torch.empty_like(groups.order)
    numbers = torch.arange(len(groups.lengths))
    labels[groups.order] = numbers.repeat_interleave(torch.tensor(groups.lengths))
    return labels


def assert_same_partition(groups, labels):
    both = torch.stack([labels_of(groups), labels.long()])
    assert both.unique(dim=1).shape[1] == len(groups.lengths) == len(labels.unique())


@pytest.mark.parametrize(
    ("recording", "name"), operations(lambda name, _: name.startswith("rope_h"))
)
def test_rotation_of_voxels(recording, name):
    about, arrays = recording.description["ops"][name], recording.below(f"{name}/")
    positions = arrays["coords"] - arrays["coords"].amin(0) + 1
    table = rotation_table(positions, head_dim=about["head_dim"], base=about["base"])
    heads = arrays["qkv"].unflatten(2, (about["num_heads"], about["head_dim"]))
    q, k, v = heads.unbind(1)
    out = torch.stack([rotate(q, table), rotate(k, table), v], dim=1)
    assert_agrees(out, arrays["out"])


@pytest.mark.parametrize(
    ("recording", "name"), operations(lambda name, _: name.startswith("rope_dec"))
)
def test_rotation_of_queries_and_keys(recording, name):
    about, arrays = recording.description["ops"][name], recording.below(f"{name}/")
    x = arrays["x"].unflatten(1, (about["num_heads"], about["head_dim"]))
    moved = arrays["coords"] - arrays["coords"].amin(0) + 1
    for positions, expected in (
        (moved, arrays["out"]),
        (torch.ones(1, 3), arrays["out_zero_coords"]),
    ):
        table = rotation_table(positions, head_dim=about["head_dim"], base=about["base"])
        assert_agrees(rotate(x, table).flatten(1), expected)


@pytest.mark.parametrize(
    ("recording", "name"), operations(lambda _, about: isinstance(about, dict) and "cls" in about)
)
def test_block(recording, name):
    about, arrays = recording.description["ops"][name], recording.below(f"{name}/")
    block = Block(
        BlockConfig(
            about["channels"],
            about["num_heads"],
            about["attn_type"][0],
            about["patch_size"],
            block_type=BLOCKS[about["cls"]],
            mlp_ratio=about["mlp_ratio"],
            rope_base=about["rope_base"] if about["use_rope"] else None,
        )
    ).eval()
    block.load_state_dict(recording.below(f"{name}/param/"))
    sublayers = {}
    for part in ("conv", "norm1", "attention", "mlp"):
        getattr(block, part).register_forward_hook(
            lambda _, __, out, part=part: sublayers.update({part: getattr(out, "features", out)})
        )
    x = SparseTensor(grid_of(arrays["coords"]), arrays["x"])
    for order in about["orders"]:
        with torch.inference_mode():
            y = block(x, block.groups(x.grid, order))
        assert_agrees(y.features, arrays[f"y_{order}"], order)
        for part, out in sublayers.items():
            if f"{part}_{order}" in arrays:
                assert_agrees(out, arrays[f"{part}_{order}"], f"{part}, {order}")
