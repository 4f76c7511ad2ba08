"""Weights that are downloaded to the user's machine, and their paths."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.request import Request, urlopen

from tqdm import tqdm

_CHUNK = 1 << 20
_TIMEOUT_S = 30


@dataclass(frozen=True)
class Weights:
    """A file on the Hugging Face hub.

    Attributes:
        model: name users type.
        repository: on the hub, "owner/name".
        file: in the repository.
        megabytes: size, for the question before a download.
        licence: SPDX identifier.
        notice: what the licence means, one sentence.
        revision: commit of the repository, or a branch.
        variant: of the model; empty where there is but one.
    """

    model: str
    repository: str
    file: str
    megabytes: int
    licence: str
    notice: str
    revision: str = "main"
    variant: str = ""

    @property
    def command(self) -> str:
        """Command that fetches it."""
        variant = f" --variant {self.variant}" if self.variant else ""
        return f"seg3d download {self.model}{variant}"

    @property
    def path(self) -> Path:
        """Path of the file on this machine, whether it is there or not."""
        return weights_folder() / self.model / self.file

    def find(self, given: str = "") -> Path:
        """The given file, else the downloaded one.

        Raises:
            FileNotFoundError: it is not there; the message says how to get it.
        """
        return _given_or_usual(
            given,
            self.path,
            f"the weights of {self.model} are",
            f"Fetch them with `{self.command}` (licence {self.licence}: {self.notice}), or set "
            f"`model.{self.model}.checkpoint` to a copy of {self.file}",
        )


class DownloadError(OSError):
    """The file could not be fetched, or is not the one that the hub describes."""


SPACEFORMER = Weights(
    model="spaceformer",
    repository="chrischoy/SpaCeFormer",
    file="spaceformer_512_siglip2_ssccc.ckpt",
    megabytes=344,
    licence="CC-BY-NC-4.0",
    notice="non-commercial use only, with credit to the authors",
)
# Sizes are those of the weights and of the two moments of AdamW, which the files hold as well.
LASSM = {
    variant: Weights(
        model="lassm",
        repository="RayYoh/LaSSM",
        file=f"{folder}/model/model_best.pth",
        megabytes=megabytes,
        licence="MIT",
        notice="any use, with the notice kept",
        revision="808b276319aef89e84bd2a59f791aa35aa4b0132",
        variant=variant,
    )
    for variant, folder, megabytes in (
        ("scannet", "scannet-lassm-spunet-v2-3", 220),
        ("scannet200", "scannet200-lassm-minkunet-3", 545),
        ("scannetpp", "scannetpp-lassm-spunet-v2-3", 221),
    )
}
XMASK3D_PAGE = "https://github.com/wangzy22/XMask3D"  # links to the five files
XMASK3D_LICENCE = "MIT"
STABLE_DIFFUSION = Weights(
    model="xmask3d",
    repository="CompVis/stable-diffusion-v-1-3-original",
    file="sd-v1-3.ckpt",
    megabytes=4270,
    licence="CreativeML-OpenRAIL-M",
    notice="any use but those that its appendix forbids, which binds your users too",
    variant="diffusion",
)
POINT_SAM = Weights(
    model="point_sam",
    repository="yuchen0187/Point-SAM",
    file="model.safetensors",
    megabytes=1244,
    licence="Apache-2.0",
    notice="any use, with the notice kept",
)
# They come with the package.
_PACKAGED = Path(__file__).parents[1] / "weights"
MINI = _PACKAGED / "mini.pt"
POINT_SAM_MINI = _PACKAGED / "point_sam_mini.safetensors"
MINI_CLICKS = _PACKAGED / "mini_clicks.safetensors"


def find_xmask3d(partition: str, given: str = "") -> Path:
    """The given checkpoint of XMask3D, else that of a partition where the download says.

    Raises:
        FileNotFoundError: it is not there; the message says how to get it.
    """
    return _given_or_usual(
        given,
        weights_folder() / "xmask3d" / f"{partition}.pth.tar",
        "the weights of xmask3d are",
        "Its authors keep them outside of the hub, see `seg3d download xmask3d` (licence "
        f"{XMASK3D_LICENCE}); put the file there, or set `model.xmask3d.checkpoint` to it",
    )


def find_diffusion(given: str | None = None) -> Path:
    """The given Stable Diffusion 1.3, file or folder, else that where the download puts it.

    Raises:
        FileNotFoundError: it is not there; the message says how to get it.
    """
    weights = STABLE_DIFFUSION
    return _given_or_usual(
        given,
        weights.path,
        "Stable Diffusion 1.3 is",
        f"Fetch it with `seg3d download xmask3d` (licence {weights.licence}: {weights.notice}), "
        f"or set `model.xmask3d.diffusion` to {weights.file} or to a folder of diffusers; the "
        "form 3d does without",
    )


def _given_or_usual(given: str | None, usual: Path, what: str, remedy: str) -> Path:
    """The path that the user gives, else the usual one.

    Raises:
        FileNotFoundError: there is nothing.
    """
    path = Path(given).expanduser() if given else usual
    if path.exists():
        return path
    raise FileNotFoundError(f"{what} not here: {path} is missing. {remedy}")


def weights_folder() -> Path:
    """$SEG3D_WEIGHTS, else `seg3d_ros/weights` in $XDG_DATA_HOME or ~/.local/share."""
    if own := os.environ.get("SEG3D_WEIGHTS"):
        return Path(own).expanduser()
    root = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(root).expanduser() / "seg3d_ros" / "weights"


def download(weights: Weights) -> Path:
    """Fetch the file from the hub; an interrupted download goes on where it stopped.

    The hub's own client finds the file; it keeps no part of a broken download, so the bytes are
    fetched here. The file takes its place only when it is whole and has the hub's checksum.

    Raises:
        DownloadError: no network, no such file, or another checksum.
        ImportError: huggingface_hub is not installed.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    try:
        url = hf_hub_url(weights.repository, weights.file, revision=weights.revision)
        described = get_hf_file_metadata(url)
        tag, size = described.etag or "", described.size or 0
        # Named after the checksum, so that parts of two versions are never put together.
        part = weights.path.with_name(f".{weights.path.name}.{tag[:12]}.part")
        part.parent.mkdir(parents=True, exist_ok=True)
        _fetch_rest(described.location, part, size=size)
    except Exception as error:  # OSErrors, and those of the hub and of its HTTP library
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DownloadError(
            f"cannot fetch {weights.file} from {weights.repository}: {reason}"
        ) from error
    _verify(part, tag)
    part.replace(weights.path)
    return weights.path


def _fetch_rest(url: str, part: Path, *, size: int) -> None:
    """Append to a file what it lacks of `size` bytes."""
    present = part.stat().st_size if part.exists() else 0
    if present == size:
        return
    request = Request(url, headers={"Range": f"bytes={present}-"})
    with urlopen(request, timeout=_TIMEOUT_S) as answer:
        if answer.status != HTTPStatus.PARTIAL_CONTENT:
            present = 0  # the server sends all of it again
        with (
            part.open("ab" if present else "wb") as file,
            tqdm(total=size, initial=present, unit="B", unit_scale=True, disable=None) as bar,
        ):
            while chunk := answer.read(_CHUNK):
                file.write(chunk)
                bar.update(len(chunk))
    if part.stat().st_size != size:
        raise DownloadError(
            f"the connection broke after {part.stat().st_size} of {size} bytes; run the command "
            "again to go on from there"
        )


def _verify(path: Path, tag: str) -> None:
    """Compare with the SHA-256 that the hub gives as the tag of large files."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    if digest.hexdigest() != tag:
        path.unlink()
        raise DownloadError(
            f"what was fetched has the checksum {digest.hexdigest()}, the hub says {tag!r}; "
            "it was removed, try again"
        )
