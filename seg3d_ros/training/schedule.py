"""Learning rate schedule: a factor, given how far training has come.

Schedules have no state: a resumed training needs to know nothing but its step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol


class Schedule(Protocol):
    """Factor of the learning rate over the course of training."""

    def __call__(self, epoch: float, epochs: float) -> float:
        """Factor after `epoch` of `epochs` epochs, both with fractions."""


@dataclass(frozen=True)
class StepDecay:
    """Smaller by a factor every few epochs.

    Attributes:
        step_size: epochs between.
        gamma: the factor.
    """

    step_size: int
    gamma: float

    def __call__(self, epoch: float, epochs: float) -> float:
        """See `Schedule`."""
        return self.gamma ** (int(epoch) // self.step_size)


@dataclass(frozen=True)
class PolynomialDecay:
    """Down to nearly zero along a power of what is left.

    Attributes:
        power: 1 is a straight line.
    """

    power: float = 0.9

    def __call__(self, epoch: float, epochs: float) -> float:
        """See `Schedule`."""
        return max(1 - epoch / epochs, 0.0) ** self.power


@dataclass(frozen=True)
class WarmupCosine:
    """Up in a straight line, then down along half a cosine.

    Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts" (2017), without
    restarts.

    Attributes:
        warmup: share of all training that goes up.
        floor: factor at the end.
    """

    warmup: float = 0.02
    floor: float = 0.01

    def __call__(self, epoch: float, epochs: float) -> float:
        """See `Schedule`."""
        share = min(epoch / epochs, 1.0)
        if share < self.warmup:
            return self.floor + (1 - self.floor) * share / self.warmup
        down = (share - self.warmup) / (1 - self.warmup)
        return self.floor + (1 - self.floor) * (1 + math.cos(math.pi * down)) / 2
