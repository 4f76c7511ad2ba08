"""Networks without weights."""

import subprocess
import sys

import torch
from torch import nn

from seg3d_ros.networks.meta import without_weights


class Drawn(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.randn(3, 4, generator=torch.Generator()))
        self.linear = nn.Linear(4, 2)
        nn.init.normal_(self.linear.weight, std=0.02)
        nn.init.trunc_normal_(tensor=self.linear.bias)


def test_modules_are_built_as_ever_but_hold_nothing():
    with without_weights():
        empty = Drawn()
    full = Drawn()
    assert {n: p.shape for n, p in empty.named_parameters()} == {
        n: p.shape for n, p in full.named_parameters()
    }
    assert all(parameter.is_meta for parameter in empty.parameters())
    empty.load_state_dict(full.state_dict(), assign=True)
    torch.testing.assert_close(dict(empty.named_parameters()), dict(full.named_parameters()))


def test_the_default_model_loads_without_torchs_compiler():
    program = (
        "import sys; from seg3d_ros.segmenters.registry import load_segmenter; "
        "load_segmenter('mini'); print('torch._dynamo' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert told.stdout.strip() == "False", told.stderr
