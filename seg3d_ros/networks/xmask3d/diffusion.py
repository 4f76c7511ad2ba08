"""Features from inside of Stable Diffusion 1: one step of denoising, stopped early.

Rombach et al., "High-Resolution Image Synthesis with Latent Diffusion Models", CVPR 2022. Its
weights are frozen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from seg3d_ros.networks.xmask3d.captioner import Caption

STRIDES = (4, 8, 64, 32, 16, 8, 8, 4)  # of the features in the image
_LATENT_SCALE = 0.18215
_KEPT = 0.99915  # share of the latent image at the first time step; the rest is noise
_NOISE_SEED = 42
_NOISE_EDGE = 64


class _AllFound(Exception):  # noqa: N818 - no error: it ends a computation early
    """Every feature was seen."""


class DiffusionFeatures(nn.Module):
    """Inputs of eight residual blocks: two of the encoder, four of the U-Net, two of the decoder.

    Args:
        unet: `UNet2DConditionModel` of diffusers with `class_embed_type` "identity".
        vae: `AutoencoderKL` of diffusers.
        empty_text: (77, C) embedding of the text without words.
    """

    empty_text: Tensor
    noise: Tensor

    def __init__(self, unet: Any, vae: Any, empty_text: Tensor) -> None:
        super().__init__()
        self.unet, self.vae = unet.eval(), vae.eval()
        generator = torch.Generator().manual_seed(_NOISE_SEED)
        noise = torch.randn(1, 4, _NOISE_EDGE, _NOISE_EDGE, generator=generator)
        self.register_buffer("empty_text", empty_text)
        self.register_buffer("noise", noise)
        self.requires_grad_(False)

    @property
    def channels(self) -> tuple[int, ...]:
        """Of the features."""
        blocks = (*self._encoder_blocks(), *self._unet_blocks(), *self._decoder_blocks())
        return tuple(block.in_channels for block in blocks)

    @property
    def context_width(self) -> int:
        """Channels of a token."""
        return self.empty_text.shape[1]

    @property
    def time_width(self) -> int:
        """Channels of the embedded time step."""
        width: int = self.unet.time_embedding.linear_2.out_features
        return width

    def train(self, mode: bool = True) -> DiffusionFeatures:
        """Stays in evaluation mode."""
        return super().train(False)

    def forward(self, image: Tensor, caption: Caption) -> list[Tensor]:
        """Features of an image; gradients flow to the caption.

        Args:
            image: (1, 3, H, W) RGB in [0, 1].
            caption: offsets from the empty text.

        Returns:
            (1, C, H, W) each, of `STRIDES`.
        """
        with torch.no_grad():
            latent, of_encoder = self.encode(image)
            of_decoder = _inputs(self._decoder_blocks(), lambda: self.vae.decode(latent))
        return [*of_encoder, *self.denoise(_LATENT_SCALE * latent, caption), *of_decoder]

    def encode(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Mean of the latent image (1, 4, H / 8, W / 8), and the features of the encoder."""
        latent: list[Tensor] = []

        def encode() -> None:
            latent.append(self.vae.encode(2 * image - 1).latent_dist.mean)

        features = _inputs(self._encoder_blocks(), encode, to_the_end=True)
        return latent[0], features

    def noisy(self, latent: Tensor) -> Tensor:
        """The scaled latent image as it is at the first time step."""
        noise = self.noise
        if latent.shape[2:] != noise.shape[2:]:
            noise = interpolate(noise, latent.shape[2:], mode="bicubic", align_corners=False)
        return _KEPT**0.5 * latent + (1 - _KEPT) ** 0.5 * noise

    def denoise(self, latent: Tensor, caption: Caption) -> list[Tensor]:
        """Features of the U-Net for the scaled latent image."""
        step = torch.zeros(1, dtype=torch.int64, device=latent.device)
        text = (self.empty_text + caption.context)[None]

        def run() -> None:
            self.unet(self.noisy(latent), step, text, class_labels=caption.time[None])

        return _inputs(self._unet_blocks(), run)

    def _encoder_blocks(self) -> list[Any]:
        return [self.vae.encoder.down_blocks[i].resnets[1] for i in (2, 3)]

    def _unet_blocks(self) -> list[Any]:
        return [block.resnets[2] for block in self.unet.up_blocks]

    def _decoder_blocks(self) -> list[Any]:
        return [self.vae.decoder.up_blocks[i].resnets[2] for i in (0, 1)]


def _inputs(
    blocks: Sequence[nn.Module], run: Callable[[], object], *, to_the_end: bool = False
) -> list[Tensor]:
    """First input of each block, in their order.

    Args:
        blocks: that are run one after the other.
        run: computes them.
        to_the_end: whether it goes on when the last block begins.
    """
    seen: list[Tensor] = []

    def keep(_: nn.Module, given: tuple[Any, ...]) -> None:
        seen.append(given[0])
        if len(seen) == len(blocks) and not to_the_end:
            raise _AllFound

    hooks = [block.register_forward_pre_hook(keep) for block in blocks]
    try:
        run()
    except _AllFound:
        pass
    finally:
        for hook in hooks:
            hook.remove()
    return seen
