import dataclasses
import importlib.util
import json

import pytest
import torch
from support.parity import OWN, assert_agrees, recordings

from seg3d_ros.networks.checkpoint import CheckpointError
from seg3d_ros.networks.spaceformer import RELEASED, Spaceformer, load_spaceformer
from seg3d_ros.networks.spaceformer_config import BackboneConfig, SpaceformerConfig
from seg3d_ros.sparse.grid import pack

MANIFEST = json.loads((OWN / "spaceformer/manifest.json").read_text())
TRAINING_ONLY = {"max_sample_size", "rope_learnable_theta"}  # keys of recorded configurations
WITH_WEIGHTS = recordings("spaceformer", having="config")
RELEASED_SIZE = recordings("spaceformer", having="attribute_changes")

SMALL = SpaceformerConfig(
    BackboneConfig(
        out_channels=20,
        enc_channels=(12, 24),
        enc_num_head=(1, 2),
        enc_patch_size=(4, 16),
        enc_depths=(1, 2),
        enc_attn_types="sc",
        dec_channels=(24,),
        dec_num_head=(2,),
        dec_patch_size=(4,),
        dec_depths=(1,),
        dec_attn_types="s",
        enc_rope_bases=(250, 250),
        dec_rope_bases=(250,),
    ),
    hidden_dim=24,
    feedforward_dim=32,
    clip_dim=10,
    num_queries=5,
    num_heads=2,
    voxel_size=0.1,
)


def config_of(recording):
    """The configuration that a recording describes."""
    if "config" not in recording.description:
        changes = recording.description["attribute_changes"]
        backbone = {key.rpartition(".")[2]: value for key, value in changes.items()}
        return dataclasses.replace(
            RELEASED, backbone=dataclasses.replace(RELEASED.backbone, **tuples(backbone))
        )
    config = recording.description["config"]
    assert not config["head"].get("rope_learnable_theta"), "there is no such network here"
    head = {key: value for key, value in config["head"].items() if key not in TRAINING_ONLY}
    return SpaceformerConfig(BackboneConfig(**tuples(config["backbone"])), **head)


def tuples(settings):
    return {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}


def network_of(recording):
    with torch.device("meta"):
        network = Spaceformer(config_of(recording))
    state = recording.below("param/") or made_up_weights(recording, network)
    network.load_state_dict(state, assign=True)
    return network.eval()


def made_up_weights(recording, network):
    """Weights that are a function of name and shape, by the recipe beside the recording."""
    beside = recording.path.with_name("released_weights.py")
    recipe = beside if beside.exists() else OWN / "spaceformer/released_weights.py"
    spec = importlib.util.spec_from_file_location("released_weights", recipe)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {
        name: torch.as_tensor(module.tensor_for(name, tuple(tensor.shape)))
        for name, tensor in network.state_dict().items()
    }


class Stages:
    """What passes through the stages of a network, by the names in the recordings."""

    def __init__(self, network):
        backbone = network.backbone.inner_module
        self.features, self.queries, self.allowed = {}, [], []
        backbone.register_forward_pre_hook(lambda _, args: self._keep("voxel_input", args[0]))
        self._watch("stem", backbone.conv)
        self._watch("final", backbone)
        for kind, parts in (("enc", backbone.encs), ("dec", backbone.decs)):
            for i, part in enumerate(parts):
                self._watch(f"{kind}{i}", part[-1])
        for kind, parts in (("down", backbone.down_convs), ("up", backbone.up_convs)):
            for i, part in enumerate(parts):
                self._watch(f"{kind}{i}", part)
        network.decoder_norm.register_forward_pre_hook(
            lambda _, args: self.queries.append(args[0])
        )
        network.cross_attention.register_forward_pre_hook(
            lambda _, args: self.allowed.append(args[2])
        )

    def _watch(self, name, module):
        module.register_forward_hook(lambda _, __, out: self._keep(name, out))

    def _keep(self, name, tensor):
        self.features[name] = tensor


def run(recording, device):
    network = network_of(recording).to(device)
    stages = Stages(network)
    arrays = recording.below("in/")
    with torch.inference_mode():
        out = network(
            arrays["coord"].to(device),
            arrays["feat"].to(device),
            sizes=tuple(arrays["offset"].diff().tolist()),
            num_queries=int(arrays["num_queries"]) if "num_queries" in arrays else None,
        )
    return out, stages


@pytest.mark.parametrize("recording", WITH_WEIGHTS + RELEASED_SIZE, ids=str)
def test_network_agrees_with_the_reference(recording, device):
    out, stages = run(recording, device)
    expected = recording.below("out/")
    assert_agrees(out.logits, expected["logit"], "logits")
    assert_agrees(out.clip_features, expected["clip_feat"], "CLIP features")
    for scene, masks in enumerate(out.masks):
        assert_agrees(masks, expected[f"mask/{scene}"], f"masks of scene {scene}")
    rows = expected.get("backbone_features_rows", torch.arange(len(out.point_features)))
    features = expected.get("backbone_features", expected.get("backbone_features_sample"))
    assert_agrees(out.point_features[rows.to(device)], features, "point features")
    if "pred_iou" in expected:
        predicted = expected["pred_iou"]
        assert_agrees(out.predicted_iou.reshape(predicted.shape), predicted, "predicted IoU")
    assert_stages_agree(stages.features, recording.below("mid/"))
    assert_decoder_agrees(stages, recording.below("mid/decoder/"), len(out.masks))


def assert_stages_agree(stages, expected):
    names = [name for name in expected if name.startswith("coords")]
    assert names
    for name in names:
        tensor = stages[name.rpartition("/")[2]]
        keys, rows = tensor.grid.sorted_keys
        wanted = pack(expected[name].to(keys.device))
        place = torch.searchsorted(keys, wanted)
        assert torch.equal(keys[place], wanted), name
        features = expected[name.replace("coords", "feat", 1)]
        assert_agrees(tensor.features[rows[place]], features, name)


def assert_decoder_agrees(stages, expected, scenes):
    rounds = len(stages.allowed) // scenes
    for name, array in expected.items():
        kind, _, number = name.rpartition("_iter")
        if kind == "queries_in":
            queries = stages.queries[int(number) :: rounds + 1]  # the last goes to the heads
            assert_agrees(torch.stack(queries), array, name)
        elif kind == "blocked":
            allowed = torch.cat([mask.t() for mask in stages.allowed[int(number) :: rounds]])
            assert_same_keys(allowed.cpu(), ~array, [len(m.t()) for m in stages.allowed[::rounds]])


def assert_same_keys(allowed, expected, sizes):
    for ours, theirs in zip(allowed.split(sizes), expected.split(sizes), strict=True):
        assert torch.equal(ours, theirs | ~theirs.any(0))


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
