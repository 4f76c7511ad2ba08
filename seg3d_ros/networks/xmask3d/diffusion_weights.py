"""Stable Diffusion 1 from files: the checkpoint of its authors, or a folder of diffusers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seg3d_ros.networks.checkpoint import (
    REFERENCE_SCALAR,
    CheckpointError,
    load_strictly,
    read_state_dict,
)
from seg3d_ros.networks.meta import without_weights
from seg3d_ros.networks.xmask3d.captioner import TOKENS
from seg3d_ros.networks.xmask3d.diffusion import DiffusionFeatures
from seg3d_ros.packages import INSTALL_DIFFUSION, require_packages
from seg3d_ros.text.hub import quiet_transformers

_PACKAGES = ("torch", "transformers", "diffusers")
_BEGIN, _END = 49406, 49407  # of a text; the end pads as well
_TEXT_HEAD = 64  # channels of a head of the text tower
_TEXT = "cond_stage_model.transformer."
_PARTS = ("unet", "vae", "text_encoder")  # of a folder


class _ModelCheckpoint:
    """Stands for a key in the checkpoint of the authors, a class of their trainer."""


_ALLOWED = (
    *REFERENCE_SCALAR,
    (_ModelCheckpoint, "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint"),
)


def load_diffusion(path: str | Path) -> DiffusionFeatures:
    """The frozen networks, on the CPU, in float32.

    Args:
        path: sd-v1-3.ckpt, or a folder with unet, vae and text_encoder as diffusers writes it.

    Raises:
        FileNotFoundError: there is nothing.
        CheckpointError: it is damaged, or another model.
        ImportError: diffusers or transformers is not installed.
    """
    require_packages("xmask3d", _PACKAGES, install=INSTALL_DIFFUSION)
    path = Path(path).expanduser()
    if path.is_dir():
        return _from_folder(path)
    state = read_state_dict(path, allowed=_ALLOWED)
    text = _text_tower(state, source=path)
    return build_diffusion(state, _embed_nothing(text), source=path)


def build_diffusion(
    state: Mapping[str, Tensor], empty_text: Tensor, *, source: str | Path, heads: int = 8
) -> DiffusionFeatures:
    """Networks from the weights in a checkpoint of the authors.

    Args:
        state: by their names.
        empty_text: (77, C) embedding of the text without words.
        source: where they come from, for errors.
        heads: of the attention of the U-Net, which the weights do not tell.

    Raises:
        CheckpointError: they are those of another model.
    """
    from diffusers.loaders import single_file_utils

    try:
        unet_channels = [
            len(state[f"model.diffusion_model.input_blocks.{i}.0.in_layers.2.weight"])
            for i in (1, 4, 7, 10)
        ]
        vae_channels = [
            len(state[f"first_stage_model.encoder.down.{i}.block.0.conv1.weight"])
            for i in range(4)
        ]
    except KeyError as error:
        raise CheckpointError(
            f"{source} holds no Stable Diffusion 1, whose weights are called as {error}"
        ) from error
    width = empty_text.shape[1]
    with without_weights():
        unet, vae = diffusion_networks(
            unet_channels, vae_channels, context_width=width, heads=heads
        )
    plain = {**unet.config, "class_embed_type": None}  # the identity has no weights
    for network, convert, config in (
        (unet, single_file_utils.convert_ldm_unet_checkpoint, plain),
        (vae, single_file_utils.convert_ldm_vae_checkpoint, vae.config),
    ):
        load_strictly(network, convert(dict(state), config), source=str(source))
    return DiffusionFeatures(unet, vae, empty_text)


def diffusion_networks(
    unet_channels: Sequence[int],
    vae_channels: Sequence[int],
    *,
    context_width: int,
    heads: int = 8,
) -> tuple[Any, Any]:
    """U-Net and autoencoder of diffusers with the layout of Stable Diffusion 1, random weights.

    Args:
        unet_channels: of the four levels of the U-Net.
        vae_channels: of those of the autoencoder.
        context_width: channels of a token of the text.
        heads: of the attention of the U-Net.
    """
    from diffusers import AutoencoderKL, UNet2DConditionModel

    unet: Any = UNet2DConditionModel(
        block_out_channels=list(unet_channels),
        attention_head_dim=heads,  # means their number
        cross_attention_dim=context_width,
        class_embed_type="identity",
    )
    vae = AutoencoderKL(
        block_out_channels=list(vae_channels),
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
        layers_per_block=2,
        latent_channels=4,
    )
    return unet, vae


def _text_tower(state: Mapping[str, Tensor], *, source: str | Path) -> Any:
    """`CLIPTextModel` of the checkpoint."""
    from transformers import CLIPTextConfig, CLIPTextModel

    own = {k.removeprefix(_TEXT): v for k, v in state.items() if k.startswith(_TEXT)}
    own.pop("text_model.embeddings.position_ids", None)
    words = own.get("text_model.embeddings.token_embedding.weight")
    if words is None:
        raise CheckpointError(f"{source} holds no text tower, {_TEXT}*")
    width = words.shape[1]
    layers = 1 + max(int(name.split(".")[3]) for name in own if ".layers." in name)
    config = CLIPTextConfig(
        vocab_size=len(words),
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=layers,
        num_attention_heads=max(1, width // _TEXT_HEAD),
        hidden_act="quick_gelu",
    )
    model = CLIPTextModel(config)
    if not any(name.startswith("text_model.") for name in model.state_dict()):
        own = {name.removeprefix("text_model."): tensor for name, tensor in own.items()}
    load_strictly(model, own, source=str(source))
    return model.eval()


@torch.no_grad()
def _embed_nothing(text: Any) -> Tensor:
    """(77, C) tokens of the text without words."""
    tokens = torch.tensor([[_BEGIN] + [_END] * (TOKENS - 1)])
    embedded: Tensor = text(input_ids=tokens).last_hidden_state[0]
    return embedded.clone()


def _from_folder(folder: Path) -> DiffusionFeatures:
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from safetensors import SafetensorError
    from transformers import CLIPTextModel

    lacking = [part for part in _PARTS if not (folder / part).is_dir()]
    if lacking:
        raise CheckpointError(f"{folder} is no folder of diffusers: it lacks {', '.join(lacking)}")
    try:
        with quiet_transformers():
            unet, vae, text = (
                model.from_pretrained(folder / part, local_files_only=True, **extra)
                for model, part, extra in (
                    (UNet2DConditionModel, "unet", {"class_embed_type": "identity"}),
                    (AutoencoderKL, "vae", {}),
                    (CLIPTextModel, "text_encoder", {}),
                )
            )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"{folder} cannot be read as Stable Diffusion: {reason}") from error
    return DiffusionFeatures(unet.float(), vae.float(), _embed_nothing(text.float()))
