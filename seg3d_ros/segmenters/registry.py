"""The systems that can be loaded by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from seg3d_ros.segmenters.segmenter import PromptSegmenter, Segmenter


@dataclass(frozen=True)
class ModelInfo:
    """One system.

    Attributes:
        name: what users type.
        summary: one line for lists.
        licence: of the weights; of the code where there are none.
        needs_weights: True when a file must be fetched or given first.
        segmenter: builds the `Segmenter`, None where the system answers clicks only.
        prompt_segmenter: builds the `PromptSegmenter`, None where it answers none.
    """

    name: str
    summary: str
    licence: str
    needs_weights: bool
    segmenter: Callable[[], Segmenter] | None = None
    prompt_segmenter: Callable[[], PromptSegmenter] | None = None


def _geometric() -> Segmenter:
    from seg3d_ros.segmenters.geometric import GeometricSegmenter

    return GeometricSegmenter()


def _geometric_prompt() -> PromptSegmenter:
    from seg3d_ros.segmenters.geometric_prompt import GeometricPrompt

    return GeometricPrompt()


MODELS = {
    info.name: info
    for info in (
        ModelInfo(
            "geometric",
            "planes and convexity; class-agnostic, no labels",
            "Apache-2.0",
            needs_weights=False,
            segmenter=_geometric,
            prompt_segmenter=_geometric_prompt,
        ),
    )
}


def load_segmenter(name: str) -> Segmenter:
    """Build the segmenter of this name.

    Raises:
        ValueError: there is none; the message lists those there are.
    """
    info = MODELS.get(name)
    if info is None or info.segmenter is None:
        known = [m.name for m in MODELS.values() if m.segmenter]
        raise ValueError(f"no segmenter is called {name!r}; use one of {', '.join(known)}")
    return info.segmenter()


def load_prompt_segmenter(name: str) -> PromptSegmenter:
    """Build the prompt segmenter of this name.

    Raises:
        ValueError: there is none; the message lists those there are.
    """
    info = MODELS.get(name)
    if info is None or info.prompt_segmenter is None:
        known = [m.name for m in MODELS.values() if m.prompt_segmenter]
        raise ValueError(f"no prompt segmenter is called {name!r}; use one of {', '.join(known)}")
    return info.prompt_segmenter()
