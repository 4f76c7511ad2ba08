"""NVIDIA's engine, with a package in its place that has the same names and lacks what a test says.

The package itself needs CUDA to be built.
"""

from __future__ import annotations

import logging
import sys

import pytest
import torch
from support.pretend_cuda import pretend_cuda
from support.small_spaceformer import CONFIG, small_network, write_checkpoint

from seg3d_ros.compute import Compute
from seg3d_ros.segmenters import spaceformer_engine
from seg3d_ros.segmenters.settings import SpaceformerSettings
from seg3d_ros.segmenters.spaceformer_engine import WarpConvNetEngine, load_engine

MODEL = """
import torch
{at_import}

class Network(torch.nn.Module):
    def load_state_dict(self, state):
        self.names = set(state)

    def forward(self, scene):
        {at_call}
        count = len(scene["coord"])
        self.drawn = int(torch.randint(0, 1000, (1,)))
        device = scene["coord"].device
        return {{
            "logit": torch.zeros(1, 3, 2, device=device),
            "mask": torch.zeros(1, count, 3, device=device),
            "clip_feat": torch.ones(1, 3, 1152, device=device),
        }}

def build_spaceformer(device):
    {at_build}
    return Network()
"""
CACHE = """
cleared = 0

def clear_encode_cache():
    global cleared
    cleared += 1
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Makes a package `warpconvnet` that can be imported."""

    def write(*, at_import="", at_build="pass", at_call="pass", cache=CACHE):
        text = MODEL.format(at_import=at_import, at_build=at_build, at_call=at_call)
        files = {"models/spaceformer": text, "nn/functional/voxel_encode": cache}
        for name, content in files.items():
            folder = tmp_path / "packages/warpconvnet" / name
            folder.mkdir(parents=True)
            (folder / "__init__.py").write_text(content)

    monkeypatch.syspath_prepend(tmp_path / "packages")
    yield write
    for name in [name for name in sys.modules if name.startswith("warpconvnet")]:
        del sys.modules[name]


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Loads an engine for a small checkpoint on a pretend GPU."""
    read = spaceformer_engine.load_spaceformer
    monkeypatch.setattr(
        spaceformer_engine, "load_spaceformer", lambda path: read(path, config=CONFIG)
    )
    path = write_checkpoint(tmp_path / "it.ckpt", small_network())

    def engine(name="auto"):
        with pretend_cuda():
            return load_engine(path, SpaceformerSettings(device="cuda", engine=name))

    return engine


def test_it_is_taken_on_a_gpu_where_it_runs(install, load):
    install()
    engine = load()
    assert engine.name == "warpconvnet"
    assert "clip_head.bias" in engine._network.names


BROKEN = {
    "extension": {"at_import": "raise ImportError('undefined symbol: _ZN3c10')"},
    "einops": {"at_import": "import einops_that_is_not_here"},
    "flash-attn": {"at_build": "assert False, 'Make sure flash_attn is installed.'"},
    "torch-scatter": {"at_call": "raise ImportError('torch_scatter is an optional dependency')"},
    "kernel": {"at_call": "raise RuntimeError('CUDA error: no kernel image is available')"},
    "cache": {"cache": ""},
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_where_a_part_is_missing_torch_runs_and_one_line_says_why(install, load, broken, caplog):
    install(**broken)
    with caplog.at_level(logging.WARNING):
        assert load().name == "torch"
    (record,) = caplog.records
    assert "warpconvnet cannot run here" in record.message and "\n" not in record.message
    with pytest.raises(ImportError, match="warpconvnet is installed, but cannot run here"):
        load("warpconvnet")
    assert load("torch").name == "torch"


def test_each_call_clears_the_cache_and_draws_the_same_orders(install):
    install()
    engine = WarpConvNetEngine({}, Compute(torch.device("cpu")))
    cache = sys.modules["warpconvnet.nn.functional.voxel_encode"]
    before = cache.cleared
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    drawn = []
    for _ in range(3):
        queries = engine(torch.zeros(5, 3), torch.zeros(5, 3))
        drawn.append(engine._network.drawn)
    assert queries.masks.shape == (5, 3)
    assert cache.cleared == before + 3
    assert len(set(drawn)) == 1
    assert torch.equal(torch.rand(1), expected)  # the chance of others is left alone


def test_its_kernels_run_on_the_device_that_was_asked_for(install, monkeypatch):
    install()
    entered = []
    with pretend_cuda():
        current = torch.cuda.device
        monkeypatch.setattr(torch.cuda, "device", lambda d: entered.append(str(d)) or current(d))
        engine = WarpConvNetEngine({}, Compute(torch.device("cuda", 0)))
        count = len(entered)
        points = torch.zeros(5, 3, device="cuda:0")
        engine(points, points)
        monkeypatch.undo()
    assert count >= 2 and entered[count:] == ["cuda:0"]
