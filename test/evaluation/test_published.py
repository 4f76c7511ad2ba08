"""LaSSM on labelled scenes gives the recorded instances of the reference."""

import dataclasses

import numpy as np
import pytest
import torch
from support.lassm import network_of
from support.parity import assert_agrees, recordings

from seg3d_ros.compute import Compute
from seg3d_ros.datasets.scene_dataset import SceneSample, load_class_names
from seg3d_ros.errors import InputError
from seg3d_ros.evaluation.published import PublishedLassm, variant_for
from seg3d_ros.evaluation.scenes import LabelledScene
from seg3d_ros.networks.lassm.releases import RELEASES

CASES = [
    (recording, "sceneA")
    for recording in recordings("lassm", having="scenes")
    if "sceneA/pred.scores" in recording.arrays
]
BENCHMARKS = {"scannet20": "scannet", "scannet200": "scannet200", "scannetpp": "scannetpp"}
CPU = Compute(torch.device("cpu"))


@pytest.fixture(params=CASES, ids=lambda case: str(case[0]))
def case(request):
    return request.param


def _sample(recording, name):
    """The raw scene, the points that stand for the recorded voxels first; and their order."""
    raw = {key: value.numpy() for key, value in recording.below(f"{name}/raw.").items()}
    chosen = recording.arrays[f"{name}/in.voxel_point"].numpy()
    order = np.concatenate([chosen, np.setdiff1d(np.arange(len(raw["coord"])), chosen)])
    none = np.full(len(order), -1)
    sample = SceneSample(
        name, raw["coord"][order], raw["color"][order] / np.float32(255),
        np.zeros((len(order), 3), np.float32), none, none, superpoint=raw["superpoint"][order],
    )  # fmt: skip
    return sample, order


def _release(recording, monkeypatch, config):
    classes = recording.description["model"]["decoder"]["num_class"]
    release = dataclasses.replace(
        RELEASES["scannet"], num_classes=classes, top_k=config["topk_insts"]
    )
    names = [f"class {i}" for i in range(classes)]
    monkeypatch.setattr(type(release), "class_names", property(lambda _: names))
    return release, names


def test_instances_of_all_points_are_those_of_the_reference(case, monkeypatch):
    recording, name = case
    config = recording.description["model"]
    release, names = _release(recording, monkeypatch, config)
    sample, order = _sample(recording, name)
    source = PublishedLassm(network_of(recording), release, names[::-1], CPU)
    found = source.predict(LabelledScene(sample, None, None, None))

    expected = recording.below(f"{name}/pred.")
    assert_agrees(torch.from_numpy(found.instances.scores), expected["scores"], "scores")
    assert found.classes.tolist() == [len(names) - 1 - i for i in expected["classes"].tolist()]
    found_masks = found.instances.masks.dense()
    masks = np.zeros_like(found_masks)
    masks[:, order] = found_masks
    assert np.array_equal(np.packbits(masks, axis=1), expected["masks_packed"].numpy())


def test_another_data_set_is_refused(case, monkeypatch):
    recording, _ = case
    release, _ = _release(recording, monkeypatch, recording.description["model"])
    with pytest.raises(InputError, match=r"class 0, class 1, class 2 and so on.*--label-set"):
        PublishedLassm(network_of(recording), release, ["sofa"], CPU)


def test_the_data_set_chooses_the_model(tmp_path):
    names = {label_set: load_class_names(label_set, tmp_path) for label_set in BENCHMARKS}
    assert {key: variant_for(value) for key, value in names.items()} == BENCHMARKS
    instances = [n for n in names["scannetpp"] if n in RELEASES["scannetpp"].class_names]
    assert len(instances) == 84 and variant_for(instances) == "scannetpp"
    with pytest.raises(InputError, match="unicorn and so on"):
        variant_for(["unicorn", "sofa"])
