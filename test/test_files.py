"""Files are written whole or not at all, and nothing stays beside them."""

import os
import signal
import subprocess
import sys

import pytest

from seg3d_ros.files import replacing, replacing_folder


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["a.txt", "b" * 255, "é" * 120, "a [x]*.?"])
def test_any_name_can_be_written_and_replaced(tmp_path, name):
    path = tmp_path / "new" / "folder" / name
    for text in ("old", "new"):
        with replacing(path) as temporary:
            temporary.write_text(text)
        assert path.read_text() == text
    assert list(path.parent.iterdir()) == [path]


def test_files_have_the_usual_rights(tmp_path):
    usual = tmp_path / "usual"
    usual.touch()
    with replacing(tmp_path / "ours") as temporary:
        temporary.write_text("x")
    assert (tmp_path / "ours").stat().st_mode == usual.stat().st_mode


def test_what_a_killed_writer_left_is_removed_and_a_living_one_is_not_disturbed(tmp_path):
    program = (
        "import sys, time\n"
        "from seg3d_ros.files import replacing\n"
        "with replacing(sys.argv[1]) as temporary:\n"
        "    temporary.write_text('half')\n"
        "    print('writing', flush=True)\n"
        "    time.sleep(60)\n"
    )
    path, other = tmp_path / "a.map", tmp_path / ".a.map.notes"
    other.write_text("not a temporary file")
    command = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout.readline() == "writing\n"
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait()
    assert len(list(tmp_path.iterdir())) == 2, "what the killed one left"
    with replacing(path) as first:
        first.write_text("first")
        with replacing(path) as second:
            second.write_text("second")
        assert path.read_text() == "second"
    assert path.read_text() == "first"
    assert set(tmp_path.iterdir()) == {path, other}


def test_a_folder_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "new" / "scene"
    for text in ("old", "new"):
        with replacing_folder(path) as temporary:
            (temporary / "a").write_text(text)
            assert not path.exists() or (path / "a").read_text() == "old"
        assert (path / "a").read_text() == text
    with pytest.raises(RuntimeError), replacing_folder(path) as temporary:
        (temporary / "b").write_text("half")
        raise RuntimeError
    assert [file.name for file in path.iterdir()] == ["a"]
    assert list(path.parent.iterdir()) == [path]


def test_folders_of_killed_writers_go_and_those_of_living_ones_stay(tmp_path):
    code = (
        "import os, sys; from seg3d_ros.files import replacing_folder\n"
        "with replacing_folder(sys.argv[1]) as t:\n"
        "    (t / 'a').write_text('half'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "scene")])
    assert len(list(tmp_path.iterdir())) == 1
    with replacing_folder(tmp_path / "scene") as first, replacing_folder(tmp_path / "scene"):
        assert first.is_dir()
        assert list(tmp_path.iterdir()).count(first) == 1
        assert len(list(tmp_path.iterdir())) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["scene"]
