from __future__ import annotations

import numpy as np
import pytest

from seg3d_ros.recordings.recording import RecordingError
from seg3d_ros.recordings.scene_file import read_scene_file

COLORED = ["0 0 1 87 66 57", "1 0.5 0 255 0 1", "0 2 -1e-1 0 9 250"]
NORMALS = ["0 0 1", "0.6 0 0.8", "1 0 0"]


def read(path, lines):
    path.write_text("\n".join(lines) + "\n")
    return read_scene_file(path)


def joined(separator, *columns):
    return [separator.join(" ".join(row).split(" ")) for row in zip(*columns, strict=True)]


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("it.xyz", COLORED),
        ("it.txt", joined("\t", COLORED)),
        ("it.xyz", joined(",", COLORED)),
        ("it.csv", ["X,Y,Z,R,G,B", *joined(",", COLORED)]),
        ("it.asc", ["//X Y Z R G B", "3", *COLORED]),
        ("it.txt", ["# a comment", '"x";"y";"z";"r";"g";"b"', *joined(";", COLORED)]),
        ("it.xyz", joined(" ", COLORED, NORMALS)),
        ("it.xyz", ["0 0 1 0 0 1 87 66 57", "1 .5 0 0 1 0 255 0 1", "0 2 -.1 1 0 0 0 9 250"]),
        ("it.pts", ["2", *(f"{c[:5]} -900 {c[6:]}" for c in COLORED[:1]), "1 .5 0 12 255 0 1",
                    "1", "0 2 -0.1 8 0 9 250"]),
        ("it.xyzrgb", ["0 0 1 .341176 .258824 .223529", "1 .5 0 1 0 .003922",
                       "0 2 -.1 0 .035294 .980392"]),
    ],
)  # fmt: skip
def test_colours_are_found_in_the_columns_people_write(tmp_path, name, lines):
    cloud = read(tmp_path / name, lines)
    np.testing.assert_allclose(cloud.points, [[0, 0, 1], [1, 0.5, 0], [0, 2, -0.1]], atol=1e-6)
    assert cloud.colors.tolist() == [[87, 66, 57], [255, 0, 1], [0, 9, 250]]


def test_unit_normals_are_no_colours(tmp_path, caplog):
    assert (read(tmp_path / "it.xyz", joined(" ", NORMALS, NORMALS)).colors == 128).all()
    assert "x, y, z, column 4, column 5, column 6" in caplog.text


def test_decimal_commas(tmp_path):
    assert read(tmp_path / "it.txt", ["1,5;2;0,25"] * 2).points[0].tolist() == [1.5, 2, 0.25]


@pytest.mark.parametrize(
    ("name", "lines", "complaint"),
    [
        ("it.xyz", ["3", "water", "O 0 0 0"], "line 2 is 'water'"),
        ("it.xyz", [*COLORED, "1 2"], "cannot be read as lines of x y z"),
        ("it.pts", ["9", *COLORED], "9 points are promised and 3 there"),
        ("it.pts", ["1", *COLORED], "follows the points that were promised"),
        ("it.csv", ["a,b,c", "1,2,3"], "line 1 is 'a,b,c'"),
        ("it.xyz", ["1 2", "3 4"], "line 1 is '1 2'"),
        ("it.xyz", [""], "no line holds three numbers"),
    ],
)
def test_other_texts_are_refused(tmp_path, name, lines, complaint):
    with pytest.raises(RecordingError, match=complaint):
        read(tmp_path / name, lines)
