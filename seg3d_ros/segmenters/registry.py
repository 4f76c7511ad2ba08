"""Registry of segmenters by name."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from seg3d_ros.errors import InputError
from seg3d_ros.packages import missing_packages, require_packages
from seg3d_ros.segmenters.segmenter import PromptSegmenter, Segmenter
from seg3d_ros.segmenters.settings import NetworkSettings, PostprocessSettings
from seg3d_ros.segmenters.weights import (
    LASSM,
    MINI,
    POINT_SAM,
    POINT_SAM_MINI,
    SPACEFORMER,
    Weights,
)

BuildPromptSegmenter = Callable[[NetworkSettings], PromptSegmenter]
_PROMPT_PACKAGES = ("torch", "safetensors")
BuildSegmenter = Callable[[NetworkSettings, PostprocessSettings], Segmenter]
# The others are read by all that compute, and by text encoders.
_OF_SEGMENTERS = (
    "checkpoint", "engine", "precision", "block_points", "augmented_views", "lassm_variant",
)  # fmt: skip
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ModelInfo:
    """Entry of the registry.

    Attributes:
        name: what users type.
        summary: one line for lists.
        licence: of the weights; of the code where there are none.
        weights: the file that must be fetched or given first; None where there is none.
        variants: the files of all its variants by name; `weights` is the first.
        packaged: the file with the weights that comes with the package; None where there is none.
        trained_by_user: whether the weights are the user's own, who has to say where they are.
        segmenter: builds the `Segmenter`, None where the system answers clicks only.
        prompt_segmenter: builds the `PromptSegmenter`, None where it answers none.
        reads: names of the `NetworkSettings` that have an effect on it.
    """

    name: str
    summary: str
    licence: str
    weights: Weights | None = None
    variants: Mapping[str, Weights] = field(default_factory=dict)
    packaged: Path | None = None
    trained_by_user: bool = False
    segmenter: BuildSegmenter | None = None
    prompt_segmenter: BuildPromptSegmenter | None = None
    reads: tuple[str, ...] = ()


def _mini(network: NetworkSettings, postprocess: PostprocessSettings) -> Segmenter:
    require_packages("mini", ("torch",))
    from seg3d_ros.segmenters.mini import load_mini_segmenter

    return load_mini_segmenter(network, postprocess)


def _geometric(_: NetworkSettings, __: PostprocessSettings) -> Segmenter:
    from seg3d_ros.segmenters.geometric.segmenter import GeometricSegmenter

    return GeometricSegmenter()


def _spaceformer(network: NetworkSettings, postprocess: PostprocessSettings) -> Segmenter:
    SPACEFORMER.find(network.checkpoint)  # says so before torch is even asked for
    from seg3d_ros.segmenters.spaceformer import load_spaceformer_segmenter

    return load_spaceformer_segmenter(network, postprocess)


def _maskformer(network: NetworkSettings, postprocess: PostprocessSettings) -> Segmenter:
    if not network.checkpoint:
        raise InputError(
            "maskformer has no weights of its own: train it with `seg3d train`, and set "
            "`checkpoint` to the checkpoint.pt that this writes"
        )
    from seg3d_ros.segmenters.maskformer import load_maskformer_segmenter

    return load_maskformer_segmenter(network, postprocess)


def _lassm(network: NetworkSettings, postprocess: PostprocessSettings) -> Segmenter:
    LASSM[network.lassm_variant].find(network.checkpoint)  # before torch is even asked for
    from seg3d_ros.segmenters.lassm import load_lassm_segmenter

    return load_lassm_segmenter(network, postprocess)


def _geometric_prompt(_: NetworkSettings) -> PromptSegmenter:
    from seg3d_ros.segmenters.prompts.geometric_prompt import GeometricPrompt

    return GeometricPrompt()


def _point_sam(network: NetworkSettings) -> PromptSegmenter:
    path = POINT_SAM.find(network.prompt_checkpoint)  # says so before torch is even asked for
    from seg3d_ros.segmenters.prompts.point_sam import load_point_sam_prompt

    return load_point_sam_prompt(path, network)


def _point_sam_mini(network: NetworkSettings) -> PromptSegmenter:
    require_packages("point_sam_mini", _PROMPT_PACKAGES)
    path = Path(network.prompt_checkpoint or POINT_SAM_MINI).expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            f"the weights of point_sam_mini are not in this installation: {path} is missing; set "
            "`prompt_checkpoint` to what `seg3d train --config-name point_sam_mini` writes"
        )
    from seg3d_ros.segmenters.prompts.point_sam import load_point_sam_prompt

    return load_point_sam_prompt(path, network)


MODELS = {
    info.name: info
    for info in (
        ModelInfo(
            "mini",
            "small open-vocabulary mask transformer, made for CPUs",
            "Apache-2.0",
            packaged=MINI,
            segmenter=_mini,
            reads=("checkpoint", "precision", "block_points", "augmented_views"),
        ),
        ModelInfo(
            "geometric",
            "planes and convexity; class-agnostic, no labels",
            "Apache-2.0",
            segmenter=_geometric,
            prompt_segmenter=_geometric_prompt,
        ),
        ModelInfo(
            "spaceformer",
            "SpaCeFormer, open vocabulary through SigLIP 2",
            SPACEFORMER.licence,
            weights=SPACEFORMER,
            segmenter=_spaceformer,
            reads=("checkpoint", "engine", "precision", "block_points", "augmented_views"),
        ),
        ModelInfo(
            "lassm",
            "LaSSM, superpoints and state-space decoder, for classes of ScanNet or ScanNet++",
            LASSM["scannet"].licence,
            weights=LASSM["scannet"],
            variants=LASSM,
            segmenter=_lassm,
            reads=("checkpoint", "lassm_variant", "precision", "block_points"),
        ),
        ModelInfo(
            "point_sam",
            "Point-SAM, the object at clicked points",
            POINT_SAM.licence,
            weights=POINT_SAM,
            prompt_segmenter=_point_sam,
            reads=("prompt_checkpoint", "precision"),
        ),
        ModelInfo(
            "point_sam_mini",
            "Point-SAM small enough for CPUs",
            "Apache-2.0",
            packaged=POINT_SAM_MINI,
            prompt_segmenter=_point_sam_mini,
            reads=("prompt_checkpoint", "precision"),
        ),
        ModelInfo(
            "maskformer",
            "MaskFormer on a sparse U-Net, for the classes you train it on",
            "yours",
            trained_by_user=True,
            segmenter=_maskformer,
            reads=("checkpoint", "precision", "block_points"),
        ),
    )
}


def load_segmenter(
    name: str,
    *,
    network: NetworkSettings | None = None,
    postprocess: PostprocessSettings | None = None,
) -> Segmenter:
    """Build the segmenter of this name.

    Args:
        name: a key of `MODELS`.
        network: where a learned model's weights are and where it runs.
        postprocess: which of a learned model's masks become instances.

    Raises:
        InputError: there is none, the message lists those there are; or the settings or the
            weights do not fit it.
        FileNotFoundError: its weights are not here; the message says how to get them.
    """
    info = MODELS.get(name)
    if info is None or info.segmenter is None:
        known = [m.name for m in MODELS.values() if m.segmenter]
        raise InputError(f"no segmenter is called {name!r}; use one of {', '.join(known)}")
    network = network or NetworkSettings()
    _warn_of_unread(info, network, _OF_SEGMENTERS)
    return info.segmenter(network, postprocess or PostprocessSettings())


def load_prompt_segmenter(
    name: str = "auto", *, network: NetworkSettings | None = None
) -> PromptSegmenter:
    """Build the prompt segmenter of this name.

    Args:
        name: a key of `MODELS`, or "auto": the best one that can run here.
        network: where a learned model's weights are and where it runs.

    Raises:
        InputError: there is none, the message lists those there are; or the settings or the
            weights do not fit it.
        FileNotFoundError: its weights are not here; the message says how to get them.
    """
    network = network or NetworkSettings()
    info = MODELS.get(_best_prompt_model(network) if name == "auto" else name)
    if info is None or info.prompt_segmenter is None:
        known = ["auto", *(m.name for m in MODELS.values() if m.prompt_segmenter)]
        raise InputError(f"no prompt segmenter is called {name!r}; use one of {', '.join(known)}")
    _warn_of_unread(info, network, ("prompt_checkpoint",))
    return info.prompt_segmenter(network)


def _warn_of_unread(info: ModelInfo, network: NetworkSettings, names: tuple[str, ...]) -> None:
    """Tell of those of the settings that were changed and have no effect on a model."""
    for name in names:
        value = getattr(network, name)
        if name not in info.reads and value != getattr(NetworkSettings(), name):
            logger.warning("%s does not read %s; %r has no effect", info.name, name, value)


def _best_prompt_model(network: NetworkSettings) -> str:
    """Point-SAM where its weights are here, else the small one, which needs torch, too.

    A file that is given may hold either; the segmenter that is loaded from it has the right name.
    """
    if network.prompt_checkpoint or POINT_SAM.path.is_file():
        return "point_sam"
    return "geometric" if missing_packages(_PROMPT_PACKAGES) else "point_sam_mini"
