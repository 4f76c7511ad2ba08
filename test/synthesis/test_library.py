import subprocess
from pathlib import Path

import pytest
from support.furniture_library import write_library

from seg3d_ros.synthesis import library
from seg3d_ros.synthesis.library import (
    LibraryError,
    fetch_libraries,
    find_libraries,
    read_libraries,
    read_library,
)


def test_the_catalogue_is_read_with_its_escapes_in_metres(tmp_path: Path) -> None:
    table, lamp = read_library(write_library(tmp_path / "Tests.sh3f"))
    assert table.key == "tests/table"
    assert table.title == "Café table: small"
    assert table.creator == "Jörg"
    assert (table.width, table.depth, table.height) == (1.2, 0.8, 0.75)
    assert table.surface == 0.75  # things stay on top unless the catalogue says otherwise
    assert table.elevation is None
    assert lamp.elevation == 1.4
    assert lamp.surface is None
    assert lamp.rotation == (0, 0, -1, 0, 1, 0, 1, 0, 0)
    assert table.library == "Tests"


def test_libraries_are_found_below_a_folder_by_name(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    second = write_library(tmp_path / "a2.sh3f")
    first = write_library(tmp_path / "b" / "a1.sh3f")
    assert find_libraries(tmp_path) == [first, second]
    assert fetch_libraries(tmp_path) == [first, second]  # nothing to download
    assert set(read_libraries([first])) == {"tests/table", "tests/lamp"}


def test_without_libraries_the_error_says_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match="apt-get download sweethome3d-furniture"):
        find_libraries(tmp_path)


def test_a_file_that_is_no_library_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.sh3f"
    path.write_bytes(b"no zip")
    with pytest.raises(LibraryError, match=r"x\.sh3f"):
        read_library(path)


def test_fetching_runs_apt_and_dpkg_and_keeps_the_libraries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Programs of the same names stand in for the network and for Debian."""
    programs = tmp_path / "bin"
    programs.mkdir()
    made = write_library(tmp_path / "made.sh3f")
    _program(
        programs / "apt-get", 'test "$1 $2" = "download sweethome3d-furniture" && touch x.deb'
    )
    _program(programs / "dpkg", f'test "$1 $2 $3" = "-x x.deb ." && mkdir u && cp {made} u/L.sh3f')
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    folder = tmp_path / "cache"
    assert fetch_libraries(folder) == [folder / "L.sh3f"]
    assert [path.name for path in folder.iterdir()] == ["L.sh3f"]


def test_a_failed_download_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*command: str, directory: Path) -> None:
        raise subprocess.CalledProcessError(100, command, stderr="E: no network\n")

    monkeypatch.setattr(library.shutil, "which", lambda name: name)
    monkeypatch.setattr(library, "_run", fail)
    with pytest.raises(LibraryError, match=r"no network.*dpkg -x"):
        fetch_libraries(tmp_path / "cache")


def _program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
