"""Both forms of xmask3d on a pretend GPU: nothing stays on the CPU; half precision on request."""

from __future__ import annotations

import pytest
import torch
from support.pretend_cuda import CUDA, pretend_cuda
from support.xmask3d import open_classes, small_branch, small_network, wall_scene

from seg3d_ros.compute import Compute
from seg3d_ros.networks.xmask3d import view_input
from seg3d_ros.segmenters.settings import XMask3DSettings
from seg3d_ros.segmenters.xmask3d.proposals import mask_proposals
from seg3d_ros.segmenters.xmask3d.segmenter import NamedClasses, XMask3DSegmenter

NAMES = ("wall", "floor", "chair", "table", "lamp", "sofa")


def labels(form, compute, scene):
    network, frozen = small_network() if form == "full" else (small_branch(), None)
    segmenter = XMask3DSegmenter(
        network,
        frozen,
        NamedClasses(NAMES, open_classes()),
        mask_proposals("superpoints"),
        compute=compute,
        settings=XMask3DSettings(),
    )
    return segmenter.label(scene).labels


@pytest.fixture(scope="module")
def scene():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(view_input, "IMAGE_EDGE", 64)
        yield wall_scene(views=1)


@pytest.fixture(scope="module", params=["3d", "full"])
def form(request):
    if request.param == "full":
        pytest.importorskip("diffusers")
    return request.param


@pytest.fixture(scope="module")
def exact(form, scene):
    return labels(form, Compute(torch.device("cpu")), scene)


@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
def test_labels_are_those_of_the_cpu(form, scene, exact, precision):
    with pretend_cuda() as device:
        found = labels(form, Compute(CUDA, precision), scene)
        assert device.operations
    agreement = (found == exact).mean()
    assert agreement > (0.999 if precision == "fp32" else 0.9)
