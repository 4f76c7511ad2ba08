"""Registry of segmenters by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seg3d_ros.errors import InputError
from seg3d_ros.packages import missing_packages, require_packages
from seg3d_ros.segmenters.geometric.settings import GeometricSettings
from seg3d_ros.segmenters.segmenter import PromptSegmenter, Segmenter
from seg3d_ros.segmenters.settings import (
    LassmSettings,
    MaskFormerSettings,
    MiniClicksSettings,
    MiniSettings,
    ModelSettings,
    PointSamSettings,
    SpaceformerSettings,
    XMask3DSettings,
)
from seg3d_ros.segmenters.weights import (
    LASSM,
    MINI,
    MINI_CLICKS,
    POINT_SAM,
    POINT_SAM_MINI,
    SPACEFORMER,
    XMASK3D_LICENCE,
    Weights,
    find_xmask3d,
)
from seg3d_ros.text.settings import TextSettings

BuildSegmenter = Callable[[Any, TextSettings], Segmenter]  # the model's own settings come first
BuildPromptSegmenter = Callable[[Any], PromptSegmenter]
_PROMPT_PACKAGES = ("torch", "safetensors")


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
        outside_of_hub: whether the weights are no download away; `seg3d download` says where.
        trained_by_user: whether the weights are the user's own, who has to say where they are.
        segmenter: builds the `Segmenter`, None where the system answers clicks only.
        prompt_segmenter: builds the `PromptSegmenter`, None where it answers none.
    """

    name: str
    summary: str
    licence: str
    weights: Weights | None = None
    variants: Mapping[str, Weights] = field(default_factory=dict)
    packaged: Path | None = None
    outside_of_hub: bool = False
    trained_by_user: bool = False
    segmenter: BuildSegmenter | None = None
    prompt_segmenter: BuildPromptSegmenter | None = None


def _mini(settings: MiniSettings, _: TextSettings) -> Segmenter:
    require_packages("mini", ("torch",))
    from seg3d_ros.segmenters.mini import load_mini_segmenter

    return load_mini_segmenter(settings)


def _geometric(settings: GeometricSettings, _: TextSettings) -> Segmenter:
    from seg3d_ros.segmenters.geometric.segmenter import GeometricSegmenter

    return GeometricSegmenter(settings)


def _spaceformer(settings: SpaceformerSettings, _: TextSettings) -> Segmenter:
    SPACEFORMER.find(settings.checkpoint)  # says so before torch is even asked for
    from seg3d_ros.segmenters.spaceformer import load_spaceformer_segmenter

    return load_spaceformer_segmenter(settings)


def _maskformer(settings: MaskFormerSettings, text: TextSettings) -> Segmenter:
    if not settings.checkpoint:
        raise InputError(
            "maskformer has no weights of its own: train it with `seg3d train`, and set "
            "`model.maskformer.checkpoint` to the checkpoint.pt that this writes"
        )
    from seg3d_ros.segmenters.maskformer import load_maskformer_segmenter

    return load_maskformer_segmenter(settings, text)


def _lassm(settings: LassmSettings, text: TextSettings) -> Segmenter:
    LASSM[settings.variant].find(settings.checkpoint)  # before torch is even asked for
    from seg3d_ros.segmenters.lassm import load_lassm_segmenter

    return load_lassm_segmenter(settings, text)


def _xmask3d(settings: XMask3DSettings, text: TextSettings) -> Segmenter:
    find_xmask3d(settings.partition, settings.checkpoint)  # before torch is even asked for
    require_packages("xmask3d", ("torch", "transformers"))
    from seg3d_ros.segmenters.xmask3d.loading import load_xmask3d_segmenter

    return load_xmask3d_segmenter(settings, text)


def _geometric_prompt(settings: GeometricSettings) -> PromptSegmenter:
    from seg3d_ros.segmenters.prompts.geometric_prompt import GeometricPrompt

    return GeometricPrompt(settings)


def _point_sam(settings: PointSamSettings) -> PromptSegmenter:
    path = POINT_SAM.find(settings.checkpoint)  # says so before torch is even asked for
    from seg3d_ros.segmenters.prompts.point_sam import load_point_sam_prompt

    return load_point_sam_prompt(path, settings)


def _point_sam_mini(settings: PointSamSettings) -> PromptSegmenter:
    path = _packaged("point_sam_mini", settings.checkpoint or POINT_SAM_MINI)
    from seg3d_ros.segmenters.prompts.point_sam import load_point_sam_prompt

    return load_point_sam_prompt(path, settings)


def _mini_clicks(settings: MiniClicksSettings) -> PromptSegmenter:
    path = _packaged("mini_clicks", settings.checkpoint or MINI_CLICKS)
    from seg3d_ros.segmenters.prompts.mini_clicks import load_mini_clicks_prompt

    return load_mini_clicks_prompt(path, settings)


def _packaged(name: str, file: str | Path) -> Path:
    """Path of the weights of a prompt segmenter, in the package or where the settings say.

    Raises:
        FileNotFoundError: there is no such file.
    """
    require_packages(name, _PROMPT_PACKAGES)
    path = Path(file).expanduser()
    if path.is_file():
        return path
    raise FileNotFoundError(
        f"the weights of {name} are not in this installation: {path} is missing; set "
        f"`model.{name}.checkpoint` to what `seg3d train --config-name {name}` writes"
    )


MODELS = {
    info.name: info
    for info in (
        ModelInfo(
            "mini",
            "small open-vocabulary mask transformer, made for CPUs",
            "Apache-2.0",
            packaged=MINI,
            segmenter=_mini,
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
        ),
        ModelInfo(
            "lassm",
            "LaSSM, superpoints and state-space decoder, for classes of ScanNet or ScanNet++",
            LASSM["scannet"].licence,
            weights=LASSM["scannet"],
            variants=LASSM,
            segmenter=_lassm,
        ),
        ModelInfo(
            "xmask3d",
            "XMask3D, labels of points from keyframes, open vocabulary through CLIP",
            XMASK3D_LICENCE,
            outside_of_hub=True,
            segmenter=_xmask3d,
        ),
        ModelInfo(
            "point_sam",
            "Point-SAM, the object at clicked points",
            POINT_SAM.licence,
            weights=POINT_SAM,
            prompt_segmenter=_point_sam,
        ),
        ModelInfo(
            "point_sam_mini",
            "Point-SAM small enough for CPUs",
            "Apache-2.0",
            packaged=POINT_SAM_MINI,
            prompt_segmenter=_point_sam_mini,
        ),
        ModelInfo(
            "mini_clicks",
            "masks of point_sam_mini, refined at every voxel on the features of mini",
            "Apache-2.0",
            packaged=MINI_CLICKS,
            prompt_segmenter=_mini_clicks,
        ),
        ModelInfo(
            "maskformer",
            "MaskFormer on a sparse U-Net, for the classes you train it on",
            "yours",
            trained_by_user=True,
            segmenter=_maskformer,
        ),
    )
}


def load_segmenter(
    name: str, models: ModelSettings | None = None, *, text: TextSettings | None = None
) -> Segmenter:
    """Build the segmenter of this name.

    Args:
        name: a key of `MODELS`.
        models: settings of all models, of which its own are read.
        text: where the text encoder is, for models that know a closed set of classes.

    Raises:
        InputError: there is none, the message lists those there are; or the settings or the
            weights do not fit it.
        FileNotFoundError: its weights are not here; the message says how to get them.
    """
    info = MODELS.get(name)
    if info is None or info.segmenter is None:
        known = [m.name for m in MODELS.values() if m.segmenter]
        raise InputError(f"no segmenter is called {name!r}; use one of {', '.join(known)}")
    own = getattr(models or ModelSettings(), name, None)
    return info.segmenter(own, text or TextSettings())


def load_prompt_segmenter(
    name: str = "auto", models: ModelSettings | None = None
) -> PromptSegmenter:
    """Build the prompt segmenter of this name.

    Args:
        name: a key of `MODELS`, or "auto": the best one that can run here.
        models: settings of all models, of which its own are read.

    Raises:
        InputError: there is none, the message lists those there are; or the settings or the
            weights do not fit it.
        FileNotFoundError: its weights are not here; the message says how to get them.
    """
    models = models or ModelSettings()
    name = best_prompt_model(models) if name == "auto" else name
    info = MODELS.get(name)
    if info is None or info.prompt_segmenter is None:
        known = ["auto", *(m.name for m in MODELS.values() if m.prompt_segmenter)]
        raise InputError(f"no prompt segmenter is called {name!r}; use one of {', '.join(known)}")
    return info.prompt_segmenter(getattr(models, name, None))


def best_prompt_model(models: ModelSettings) -> str:
    """Point-SAM where its weights are here, else mini_clicks, which needs torch, too."""
    if models.point_sam.checkpoint or POINT_SAM.path.is_file():
        return "point_sam"
    return "geometric" if missing_packages(_PROMPT_PACKAGES) else "mini_clicks"
