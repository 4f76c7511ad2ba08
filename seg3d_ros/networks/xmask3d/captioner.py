"""Implicit captioner: what a diffusion network is told in the place of words.

Xu et al., "Open-Vocabulary Panoptic Segmentation with Text-to-Image Diffusion Models", CVPR 2023;
the image that describes itself there is a view of voxels here.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from seg3d_ros.networks.xmask3d.point_branch import CLIP_WIDTH

TOKENS = 77  # of a text


@dataclass(frozen=True, eq=False)
class Caption:
    """Offsets from the empty text.

    Attributes:
        context: (77, C) offsets of the tokens.
        time: (T,) offset of the embedded time step.
    """

    context: Tensor
    time: Tensor


class PositionalLinear(nn.Module):
    """Linear layer whose result is repeated, with a learned offset for each copy.

    Args:
        in_channels: of the input.
        out_channels: of the result.
        copies: of it.
    """

    def __init__(self, in_channels: int, out_channels: int, copies: int) -> None:
        super().__init__()
        self.linear = nn.Linear(in_channels, out_channels)
        self.positional_embedding = nn.Parameter(torch.zeros(1, copies, out_channels))

    def forward(self, x: Tensor) -> Tensor:
        """(C_in,) -> (copies, C_out)."""
        out: Tensor = self.linear(x) + self.positional_embedding[0]
        return out


class Captioner(nn.Module):
    """Caption from the condition of a view; the learned gates begin closed.

    Args:
        clip_width: D of the condition.
        context_width: C of a token of the diffusion network.
        time_width: T of its embedded time step.
    """

    def __init__(
        self,
        clip_width: int = CLIP_WIDTH,
        *,
        context_width: int = 768,
        time_width: int = 1280,
    ) -> None:
        super().__init__()
        self.alpha_cond = nn.Parameter(torch.zeros(1, TOKENS, context_width))
        self.alpha_cond_time_embed = nn.Parameter(torch.zeros(time_width))
        self.clip_project = PositionalLinear(clip_width, context_width, TOKENS)
        self.time_embed_project = PositionalLinear(clip_width, time_width, 1)

    def forward(self, condition: Tensor) -> Caption:
        """(D,) -> caption."""
        return Caption(
            self.alpha_cond[0].tanh() * self.clip_project(condition),
            self.alpha_cond_time_embed.tanh() * self.time_embed_project(condition)[0],
        )
