"""Keyframes in map files: they come back, and what is damaged is refused."""

import numpy as np
import pytest
from support import toy_room
from support.toy_frames import toy_keyframe

from seg3d_ros.errors import InputError
from seg3d_ros.mapping.keyframes.archive import pack_keyframes, unpack_keyframes

KEYFRAMES = [toy_keyframe(pose, 3 * n + 2) for n, pose in enumerate(toy_room.views(2))]


@pytest.fixture
def arrays():
    return pack_keyframes(KEYFRAMES, next_id=9)


def test_keyframes_come_back(arrays):
    keyframes, next_id = unpack_keyframes(arrays)
    assert next_id == 9
    for found, packed in zip(keyframes, KEYFRAMES, strict=True):
        for name, value in vars(packed).items():
            assert np.array_equal(vars(found)[name], value), name


def test_no_keyframes_come_back_too():
    assert unpack_keyframes(pack_keyframes([], next_id=4)) == ((), 4)
    assert unpack_keyframes({}) == ((), 1)


def changed(name, place, value):
    def change(arrays):
        arrays[name] = arrays[name].copy()
        arrays[name][place] = value

    return change


@pytest.mark.parametrize(
    "damage, complaint",
    [
        (lambda arrays: arrays.pop("camera"), "camera is missing"),
        (lambda arrays: arrays.update(id=arrays["id"][:1]), "entries for 1"),
        (lambda arrays: arrays.update(id=arrays["id"][::-1]), "ascending"),
        (lambda arrays: arrays.update(next_id=np.array(5)), "ascending"),
        (lambda arrays: arrays.update(next_id=np.array(2**62)), "ascending"),
        (lambda arrays: arrays.update(next_id=np.zeros(1, np.int64)), "next_id"),
        (lambda arrays: arrays.update(color=arrays["color"][:-1]), "color"),
        (lambda arrays: arrays.update(depth=arrays["depth"].astype(np.int8)), "no bytes"),
        (lambda arrays: arrays.update(source=np.array(["a", "b\n"])), "printable"),
        (changed("depth_length", 0, -1), "wrong length"),
        (changed("sharpness", 0, np.nan), "sharpness"),
        (changed("camera", (0, 0), 319), "JPEG"),
        (changed("camera", (0, 0), 1e9), "size"),
        (changed("camera", (1, 2), 0), "calibrated"),
        (changed("map_from_camera", (0, 0, 0), 2), "rotation"),
        (changed("color", slice(0, 4), 0), "JPEG"),
        (changed("depth", slice(0, 4), 0), "packed depth"),
    ],
)
def test_what_is_damaged_is_refused(arrays, damage, complaint):
    damage(arrays)
    with pytest.raises(InputError, match=complaint):
        unpack_keyframes(arrays)
