"""SpaCeFormer against recordings of the reference: outputs, every level, every iteration."""

import dataclasses
import importlib.util

import pytest
import torch
from support.parity import OWN, assert_agrees, recordings

from seg3d_ros.networks.spaceformer.config import BackboneConfig, SpaceformerConfig
from seg3d_ros.networks.spaceformer.network import RELEASED, Spaceformer
from seg3d_ros.sparse.grid import pack

TRAINING_ONLY = {"max_sample_size", "rope_learnable_theta"}  # keys of recorded configurations
WITH_WEIGHTS = recordings("spaceformer", having="config")
RELEASED_SIZE = recordings("spaceformer", having="attribute_changes")


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
    """Tensors that pass through the stages of a network, by the names in the recordings."""

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


def follow_recorded_orders(backbone, description):
    """Orders drawn at random are given; those that are counted off have to come out alike."""
    recorded = [order for _, order in description["orders_used"]]
    if backbone.config.shuffle_orders:
        backbone.draw_orders = lambda generator: recorded
    assert backbone.draw_orders(None) == recorded


def run(recording, device):
    network = network_of(recording).to(device)
    follow_recorded_orders(network.backbone.inner_module, recording.description)
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
