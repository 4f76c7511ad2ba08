"""The image tower of CLIP from files: a folder of the hub, or OpenAI's archive."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seg3d_ros.networks.checkpoint import SHOWN, CheckpointError, load_strictly
from seg3d_ros.networks.xmask3d.point_branch import CLIP_WIDTH
from seg3d_ros.text.clip import CLIP_REPOSITORY
from seg3d_ros.text.hub import load_tower

_HEAD = 64  # channels of a head of attention, in every CLIP
_PREFIX = "visual."
_MLP = 4  # times the width
_NAMES = {  # of OpenAI's parts, and of those of transformers
    "class_embedding": "vision_model.embeddings.class_embedding",
    "positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "conv1": "vision_model.embeddings.patch_embedding",
    "ln_pre": "vision_model.pre_layrnorm",
    "ln_post": "vision_model.post_layernorm",
    "transformer.resblocks": "vision_model.encoder.layers",
    "attn.out_proj": "self_attn.out_proj",
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}


def load_clip_vision(path: str | Path) -> Any:
    """`CLIPVisionModelWithProjection` of transformers, frozen, on the CPU, in float32.

    Args:
        path: folder with config.json and the weights, as the hub has it; or ViT-L-14.pt, the
            archive of OpenAI.

    Raises:
        FileNotFoundError: there is nothing.
        InputError: it is damaged, or another model.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing; give the folder or the archive of CLIP")
    if path.is_dir():
        name = "CLIPVisionModelWithProjection"
        tower = load_tower(path, name, repository=CLIP_REPOSITORY, dimension=CLIP_WIDTH)
        return tower.requires_grad_(False)
    model = clip_vision(_archived(path), source=path)
    width = model.config.projection_dim
    if width != CLIP_WIDTH:
        raise CheckpointError(
            f"{path} holds a CLIP whose embeddings have {width} numbers; ViT-L/14 is needed, "
            f"with {CLIP_WIDTH}"
        )
    return model.eval().requires_grad_(False)


def clip_vision(state: Mapping[str, Tensor], *, source: str | Path) -> Any:
    """`CLIPVisionModelWithProjection` with weights that OpenAI and open_clip name.

    Args:
        state: of the whole CLIP or of its image tower.
        source: where they come from, for errors.

    Raises:
        CheckpointError: they are those of another model.
    """
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    tower = {k.removeprefix(_PREFIX): v.float() for k, v in state.items() if k.startswith(_PREFIX)}
    try:
        width, _, patch, _ = tower["conv1.weight"].shape
        patches = len(tower["positional_embedding"]) - 1
        config = CLIPVisionConfig(
            hidden_size=width,
            intermediate_size=_MLP * width,
            num_hidden_layers=1 + max(int(k.split(".")[2]) for k in tower if "resblocks" in k),
            num_attention_heads=width // _HEAD,
            projection_dim=tower["proj"].shape[1],
            image_size=round(patches**0.5) * patch,
            patch_size=patch,
            hidden_act="quick_gelu",
        )
    except (KeyError, ValueError) as error:
        shown = ", ".join(sorted(state)[:SHOWN])
        raise CheckpointError(f"{source} holds no image tower of CLIP; it has {shown}") from error
    model = CLIPVisionModelWithProjection(config)
    load_strictly(model, _renamed(tower), source=str(source))
    return model


def _renamed(tower: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights by the names of transformers."""
    renamed: dict[str, Tensor] = {}
    for name, tensor in tower.items():
        if name == "proj":
            renamed["visual_projection.weight"] = tensor.t().contiguous()
            continue
        for theirs, ours in _NAMES.items():
            name = name.replace(theirs, ours)
        if "attn.in_proj_" not in name:
            renamed[name] = tensor
            continue
        for part, rows in zip("qkv", tensor.chunk(3), strict=True):
            own = name.replace("attn.in_proj_", f"self_attn.{part}_proj.")
            renamed[own] = rows
    return renamed


def _archived(path: Path) -> Mapping[str, Tensor]:
    """Weights in an archive of TorchScript, whose programs are not run."""
    try:
        opened: Any = torch.jit.load(path, map_location="cpu")  # type: ignore[no-untyped-call]
        return dict(opened.state_dict())
    except RuntimeError as error:
        raise CheckpointError(f"{path} is no archive of OpenAI's CLIP, or is damaged") from error
