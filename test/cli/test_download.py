"""`seg3d download` against a server on this machine, with the hub's own client."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.fake_hub import FakeHub, fake_hub

from seg3d_ros.cli import main
from seg3d_ros.segmenters.weights import LASSM, SPACEFORMER

pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")

ROOT = Path(__file__).parents[2]
CONTENT = np.random.default_rng(0).bytes(3_000_000)
MODEL = ("spaceformer",)
HUB_PATH = f"{SPACEFORMER.repository}/{SPACEFORMER.file}"


@pytest.fixture
def hub():
    with fake_hub(FakeHub(HUB_PATH, CONTENT)) as served:
        yield served


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Destination of the file."""
    monkeypatch.setenv("SEG3D_WEIGHTS", str(tmp_path))
    return SPACEFORMER.path


def download(url, *words, answer=None):
    """Run the command; the client reads the server's address when it is imported."""
    arguments = [] if answer else ["--yes"]
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "seg3d_ros.cli",
            "download",
            *(words or ["spaceformer"]),
            *arguments,
        ],
        env={**os.environ, "HF_ENDPOINT": url, "HF_HUB_DISABLE_XET": "1", "no_proxy": "*"},
        input=answer,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )


def test_the_file_arrives_after_the_licence_is_accepted(hub, place):
    run = download(hub.url, answer="y\n")
    assert run.returncode == 0, run.stderr
    assert "CC-BY-NC-4.0: non-commercial" in run.stdout and "Do you accept it?" in run.stdout
    assert place.read_bytes() == CONTENT
    again = download(hub.url)
    assert again.returncode == 0 and "already here" in again.stdout
    assert len(hub.ranges) == 1


def test_without_a_yes_nothing_is_fetched(hub, place):
    run = download(hub.url, answer="n\n")
    assert run.returncode != 0
    assert not hub.ranges and not place.exists()


def test_another_checksum_leaves_nothing_behind(hub, place):
    hub.etag = "ab" * 32
    run = download(hub.url)
    assert run.returncode == 2
    assert run.stderr.splitlines()[-1].startswith("seg3d: what was fetched has the checksum")
    assert not list(place.parent.iterdir())


def test_an_interrupted_download_goes_on_where_it_stopped(hub, place):
    hub.stop_after = 1_000_000
    broken = download(hub.url)
    assert broken.returncode == 2 and "cannot fetch" in broken.stderr
    assert not place.exists()
    hub.stop_after = None
    assert download(hub.url).returncode == 0
    assert place.read_bytes() == CONTENT
    assert hub.ranges == ["bytes=0-", "bytes=1000000-"]
    assert [path.name for path in place.parent.iterdir()] == [place.name]


def test_parts_of_two_versions_are_not_put_together(hub, place):
    hub.stop_after = 1_000_000
    download(hub.url)
    hub.content, hub.stop_after = CONTENT[::-1], None
    assert download(hub.url).returncode == 0
    assert place.read_bytes() == CONTENT[::-1]


def test_no_network_is_one_line(place):
    run = download("http://127.0.0.1:9")
    assert run.returncode == 2
    assert len(run.stderr.splitlines()) == 1
    assert f"cannot fetch {SPACEFORMER.file}" in run.stderr
    assert not place.exists()


def test_models_tells_whether_the_weights_are_here(place, capsys):
    assert main(["models"]) == 0
    assert "CC-BY-NC-4.0; weights not here: seg3d download" in capsys.readouterr().out
    place.parent.mkdir()
    place.write_bytes(b"weights")
    assert main(["models"]) == 0
    assert f"weights: {place}" in capsys.readouterr().out


def test_what_has_no_weights_cannot_be_fetched(capsys):
    assert main(["download", "geometric"]) == 2
    assert "use one of spaceformer, lassm, point_sam, xmask3d, siglip2" in capsys.readouterr().err


def test_variants(place, capsys):
    assert main(["download", "lassm", "--variant", "scannet20"]) == 2
    assert "'scannet20'; use one of scannet, scannet200, scannetpp" in capsys.readouterr().err
    assert main(["download", "spaceformer", "--variant", "small"]) == 2
    assert "spaceformer has no variants" in capsys.readouterr().err
    weights = LASSM["scannet200"]
    weights.path.parent.mkdir(parents=True)
    weights.path.write_bytes(b"weights")
    assert main(["download", "lassm", "--variant", "scannet200"]) == 0
    assert f"already here: {weights.path}" in capsys.readouterr().out


@pytest.mark.parametrize("variant", [None, "scannetpp"])
def test_the_file_of_a_variant_arrives(place, variant):
    weights = LASSM[variant or "scannet"]
    with fake_hub(FakeHub(f"{weights.repository}/{weights.file}", CONTENT)) as hub:
        run = download(hub.url, "lassm", *(["--variant", variant] if variant else []))
    assert run.returncode == 0, run.stderr
    assert weights.path.read_bytes() == CONTENT
    assert hub.revisions == {weights.revision} and len(weights.revision) == 40
