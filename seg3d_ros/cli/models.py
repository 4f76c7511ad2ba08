"""`seg3d models` and `seg3d download`: list of the models, and download of their weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from seg3d_ros.cli.errors import one_line_errors

if TYPE_CHECKING:
    from seg3d_ros.segmenters.registry import ModelInfo
    from seg3d_ros.segmenters.weights import Weights


@click.command()
def models() -> None:
    """List the segmenters, the licences of their weights, and whether those are here."""
    from seg3d_ros.segmenters.registry import MODELS

    width = max(map(len, MODELS))
    for info in MODELS.values():
        click.echo(f"{info.name:<{width}}  {info.summary} ({info.licence}; {_weights(info)})")


def _weights(info: ModelInfo) -> str:
    if info.trained_by_user:
        return "weights: train them with seg3d train, then give --checkpoint"
    if info.outside_of_hub:
        return f"weights: seg3d download {info.name} says where"
    if info.packaged is not None:
        return "in the package"
    if info.weights is None:
        return "no weights needed"
    here = [w.path for w in info.variants.values() or [info.weights] if w.path.is_file()]
    if here:
        return f"weights: {', '.join(map(str, here))}"
    return f"weights not here: seg3d download {info.name}"


@click.command()
@click.argument("model")
@click.option("--variant", help="Of lassm: scannet, scannet200 or scannetpp.")
@click.option("-y", "--yes", is_flag=True, help="Accept the licence without being asked.")
def download(model: str, *, variant: str | None, yes: bool) -> None:
    """Fetch the weights of MODEL from the Hugging Face hub, after you accept their licence.

    MODEL is a segmenter, or siglip2: the text encoder that spaceformer's labels need, and the
    image tower beside it. What xmask3d needs lies in three places, of which two are the hub's.
    """
    from seg3d_ros.segmenters.registry import MODELS
    from seg3d_ros.segmenters.weights import download as fetch

    if model == "xmask3d":
        _download_xmask3d(yes=yes)
        return
    if model == "siglip2":
        _download_siglip2(yes=yes)
        return
    known = {info.name: info.weights for info in MODELS.values() if info.weights}
    weights = known.get(model)
    if weights is None:
        raise click.UsageError(
            f"{model!r} has no weights to fetch; use one of "
            f"{', '.join([*known, 'xmask3d', 'siglip2'])}"
        )
    if variant:
        weights = _variant(MODELS[model], variant)
    if weights.path.is_file():
        click.echo(f"already here: {weights.path}")
        return
    _ask(
        f"{weights.file}, about {weights.megabytes} MB, https://huggingface.co/{weights.repository}",
        f"{weights.licence}: {weights.notice}",
        yes=yes,
    )
    with one_line_errors():
        click.echo(f"fetched: {fetch(weights)}")


def _variant(info: ModelInfo, name: str) -> Weights:
    if name not in info.variants:
        known = ", ".join(info.variants)
        raise click.UsageError(
            f"{info.name} has no variant {name!r}; use one of {known}"
            if known
            else f"{info.name} has no variants; leave --variant out"
        )
    return info.variants[name]


def _download_siglip2(*, yes: bool) -> None:
    from seg3d_ros.text.siglip2 import SIGLIP2_REPOSITORY
    from seg3d_ros.text.text_tower import download_tower

    _ask(
        f"SigLIP 2, 4600 MB, https://huggingface.co/{SIGLIP2_REPOSITORY}",
        "Apache-2.0: any use, with the notice kept",
        yes=yes,
    )
    with one_line_errors():
        click.echo(f"fetched: {download_tower(SIGLIP2_REPOSITORY)}")


def _download_xmask3d(*, yes: bool) -> None:
    """Say where its own files are, and fetch CLIP and Stable Diffusion."""
    from seg3d_ros.segmenters.weights import (
        STABLE_DIFFUSION,
        XMASK3D_LICENCE,
        XMASK3D_PAGE,
        weights_folder,
    )
    from seg3d_ros.segmenters.weights import download as fetch
    from seg3d_ros.text.class_splits import class_splits
    from seg3d_ros.text.clip import CLIP_REPOSITORY
    from seg3d_ros.text.text_tower import download_tower

    names = ", ".join(f"{partition}.pth.tar" for partition in class_splits())
    click.echo(
        f"XMask3D, five files, 330 MB of weights each and what its optimizer remembers.\n"
        f"Licence {XMASK3D_LICENCE}: any use, with the notice kept.\n"
        f"The hub does not have them: {XMASK3D_PAGE}#checkpoint links them on\n"
        "Google Drive and Tsinghua Cloud, and copies of CLIP and Stable Diffusion 1.3 as well.\n"
        f"Fetch those you need and call them {names}\n"
        f"in {weights_folder() / 'xmask3d'}, or give --checkpoint.\n"
    )
    clip = f"CLIP ViT-L/14, 1710 MB, https://huggingface.co/{CLIP_REPOSITORY}"
    diffusion = (
        f"{STABLE_DIFFUSION.file}, {STABLE_DIFFUSION.megabytes} MB, for the full form alone, "
        f"https://huggingface.co/{STABLE_DIFFUSION.repository}"
    )
    licence = f"{STABLE_DIFFUSION.licence}: {STABLE_DIFFUSION.notice}"
    with one_line_errors():
        if _agreed(clip, "MIT (OpenAI's repository; the hub names none): any use", yes=yes):
            click.echo(f"fetched: {download_tower(CLIP_REPOSITORY)}")
        if STABLE_DIFFUSION.path.is_file():
            click.echo(f"already here: {STABLE_DIFFUSION.path}")
        elif _agreed(diffusion, licence, yes=yes):
            click.echo(f"fetched: {fetch(STABLE_DIFFUSION)}")


def _agreed(what: str, licence: str, *, yes: bool) -> bool:
    """Show what is fetched under which licence; whether to do so."""
    click.echo(f"{what}\nLicence {licence}.")
    return yes or click.confirm("Do you accept it?")


def _ask(what: str, licence: str, *, yes: bool) -> None:
    """Show what is fetched under which licence; a no ends the command."""
    if not _agreed(what, licence, yes=yes):
        raise click.Abort
