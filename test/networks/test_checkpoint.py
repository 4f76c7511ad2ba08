import re

import pytest
import torch
from torch import nn

from seg3d_ros.networks.checkpoint import CheckpointError, load_strictly, read_state_dict


def test_prefix_is_taken_off_and_the_rest_left_out(tmp_path):
    weight = torch.ones(2)
    state = {"net.a": weight, "net.b.net.c": weight, "loss.scale": weight}
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "file.ckpt")
    assert read_state_dict(tmp_path / "file.ckpt", prefix="net.").keys() == {"a", "b.net.c"}


def test_a_plain_dictionary_is_read_too(tmp_path):
    torch.save({"a": torch.ones(2)}, tmp_path / "file.pth")
    assert read_state_dict(tmp_path / "file.pth")["a"].tolist() == [1, 1]


class Payload:
    """Something that is not a tensor."""


@pytest.mark.parametrize("content", [Payload(), [1, 2], b""])
def test_what_is_no_checkpoint_is_refused(tmp_path, content):
    path = tmp_path / "file.ckpt"
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    with pytest.raises(CheckpointError, match=re.escape(str(path))):
        read_state_dict(path)


@pytest.mark.parametrize(
    ("state", "complaint"),
    [
        (None, "nothing where the dictionary"),
        ("weights", "a str where the dictionary"),
        (torch.ones(2), "a Tensor where the dictionary"),
        ({3: torch.ones(2)}, "name is 3, not text"),
        ({"a": torch.eye(2).to_sparse()}, "a as no plain array"),
        ({"a": torch.ones(2, device="meta")}, "a as no plain array"),
    ],
)
def test_the_right_key_with_a_wrong_value_is_said(tmp_path, state, complaint):
    torch.save({"state_dict": state}, tmp_path / "file.ckpt")
    with pytest.raises(CheckpointError, match=complaint):
        read_state_dict(tmp_path / "file.ckpt")


def test_tensors_take_the_type_of_the_network():
    network = nn.BatchNorm1d(3)
    state = {name: torch.full_like(t, 2).half() for name, t in network.state_dict().items()}
    load_strictly(network, state, source="memory")
    assert network.weight.tolist() == [2, 2, 2]
    assert network.weight.dtype == torch.float32
    assert network.num_batches_tracked.dtype == torch.int64


def test_everything_wrong_is_named_at_once():
    network = nn.Linear(3, 2)
    with pytest.raises(CheckpointError) as error:
        load_strictly(
            network, {"weight": torch.ones(3, 2), "scale": torch.ones(1)}, source="f.pth"
        )
    assert str(error.value) == (
        "f.pth does not fit Linear; missing: bias; not part of the network: scale; "
        "of another shape: weight (3, 2) instead of (2, 3)"
    )


def test_long_lists_are_cut():
    network = nn.Sequential(*[nn.Linear(1, 1) for _ in range(8)])
    with pytest.raises(CheckpointError, match="and 8 more"):
        load_strictly(network, {}, source="f.pth")
