import dataclasses
import json

import pytest
import torch
from support.parity import OWN
from support.small_spaceformer import CONFIG

from seg3d_ros.networks.checkpoint import CheckpointError
from seg3d_ros.networks.spaceformer.network import Spaceformer, load_spaceformer

MANIFEST = json.loads((OWN / "spaceformer/manifest.json").read_text())

SMALL = dataclasses.replace(
    CONFIG,
    backbone=dataclasses.replace(
        CONFIG.backbone, enc_patch_size=(4, 16), enc_depths=(1, 2), dec_patch_size=(4,)
    ),
    clip_dim=10,
    num_queries=5,
    voxel_size=0.1,
)


def test_released_tensors_are_those_of_the_manifest():
    with torch.device("meta"):
        state = Spaceformer().state_dict()
    ours = {
        name: [list(t.shape), str(t.dtype).removeprefix("torch.")] for name, t in state.items()
    }
    assert ours == MANIFEST["tensors"]


def lightning_file(path, network, **extra):
    state = {f"net.{name}": tensor for name, tensor in network.state_dict().items()}
    state["caption_loss.logit_scale"] = torch.tensor(2.0)
    torch.save({"state_dict": state | extra, "epoch": 3, "global_step": 100}, path)
    return path


def test_checkpoint_of_the_released_format_loads(tmp_path):
    torch.manual_seed(1)
    network = Spaceformer(SMALL).eval()
    loaded = load_spaceformer(lightning_file(tmp_path / "it.ckpt", network), config=SMALL)
    points, colors = torch.rand(200, 3), torch.rand(200, 3)
    with torch.inference_mode():
        one, other = network(points, colors), loaded(points, colors)
    assert torch.equal(one.logits, other.logits)
    assert torch.equal(one.masks[0], other.masks[0])


def test_wrong_checkpoint_names_what_is_wrong(tmp_path):
    network = Spaceformer(dataclasses.replace(SMALL, clip_dim=11))
    path = lightning_file(tmp_path / "it.ckpt", network, **{"net.more": torch.zeros(1)})
    with pytest.raises(
        CheckpointError,
        match=r"network: more; of another shape: clip_head.bias \(11,\) instead of \(10,\)",
    ):
        load_spaceformer(path, config=SMALL)
    torch.save({"weights": torch.zeros(2)}, path)
    with pytest.raises(CheckpointError, match=r"missing: backbone\.inner_module\..* more"):
        load_spaceformer(path, config=SMALL)
    with pytest.raises(FileNotFoundError):
        load_spaceformer(tmp_path / "none.ckpt")


@pytest.fixture
def small():
    torch.manual_seed(5)
    return Spaceformer(SMALL).eval()


def scene(count=300, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, 3, generator=generator) * 2, torch.rand(count, 3, generator=generator)


def outputs(network, *args, **settings):
    with torch.inference_mode():
        out = network(*args, **settings)
    return torch.cat([out.masks[0].flatten(), out.logits.flatten(), out.clip_features.flatten()])


def test_a_call_is_repeatable_and_its_seed_matters(small):
    one = outputs(small, *scene())
    assert torch.equal(one, outputs(small, *scene()))
    assert not torch.allclose(one, outputs(small, *scene(), order_seed=1))
    torch.manual_seed(3)
    drawn = outputs(small, *scene(), order_seed=None)
    torch.manual_seed(3)
    assert torch.equal(drawn, outputs(small, *scene(), order_seed=None))


@pytest.mark.parametrize(
    ("seed", "expected"),
    [
        (
            0,
            "xyz xyz yz zero xyz xzy zyx yxz yzx zxy xzy random xyz zxy xzy yzx yzx xzy "
            "xyz yz xy xyz",
        ),
        (
            42,
            "xz xz xy xyz yzx yxz zxy zxy random random random zxy zyx yzx xyz xzy zyx zyx "
            "xz xy xyz xy",
        ),
    ],
)
def test_orders_from_torch_are_those_of_the_reference(seed, expected):
    with torch.device("meta"):
        backbone = Spaceformer().backbone.inner_module
    torch.manual_seed(seed)
    orders = [order.removeprefix("morton_") for order in backbone.draw_orders()]
    assert orders == expected.split()


def test_order_of_points_does_not_matter(small):
    fixed = dataclasses.replace(
        SMALL, backbone=dataclasses.replace(SMALL.backbone, shuffle_orders=False)
    )
    network = Spaceformer(fixed).eval()
    network.load_state_dict(small.state_dict())
    points, colors = scene()
    order = torch.randperm(len(points))
    with torch.inference_mode():
        one, other = network(points, colors), network(points[order], colors[order])
    torch.testing.assert_close(one.masks[0][order], other.masks[0], rtol=1e-3, atol=1e-3)


def test_more_queries_repeat_the_learned_ones(small):
    with torch.inference_mode():
        out = small(*scene(), num_queries=7)
    torch.testing.assert_close(out.logits[0, 5:], out.logits[0, :2])


@pytest.mark.parametrize("count", [1, 2])
def test_a_few_points_are_enough(small, count):
    assert outputs(small, *scene(count)).isfinite().all()


def test_no_points_are_refused(small):
    with pytest.raises(ValueError, match="at least one point"):
        small(*scene(0))


def test_own_features_can_be_appended(device):
    config = dataclasses.replace(SMALL, concat_unpooled_pc=True, use_iou_head=True)
    network = Spaceformer(config).to(device).eval()
    points, colors = (part.to(device) for part in scene())
    with torch.inference_mode():
        out = network(points, colors, sizes=(200, 100))
    assert torch.equal(out.point_features[:, -3:], colors)
    assert out.predicted_iou.shape == (2, 5, 1)
    assert [masks.shape for masks in out.masks] == [(200, 5), (100, 5)]


@pytest.mark.parametrize("block_type", ["stream_norm", "pre_norm", "post_norm"])
def test_every_weight_learns(block_type, device):
    backbone = dataclasses.replace(SMALL.backbone, block_type=block_type, drop_path=0.1)
    network = Spaceformer(dataclasses.replace(SMALL, backbone=backbone)).to(device).train()
    out = network(*(part.to(device) for part in scene()))
    (
        out.logits.sum() + out.masks[0].square().mean() + out.clip_features.square().mean()
    ).backward()
    without = [name for name, p in network.named_parameters() if p.grad is None]
    assert without == []
    assert all(p.grad.isfinite().all() for p in network.parameters())


def test_autocast_stays_close(small, device):
    network = small.to(device)
    points, colors = (part.to(device) for part in scene())
    exact = outputs(network, points, colors)
    with torch.autocast(device.type, torch.bfloat16):
        half = outputs(network, points, colors).float()
    assert half.isfinite().all()
    assert torch.nn.functional.cosine_similarity(exact, half, dim=0) > 0.95
