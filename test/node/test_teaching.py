"""Names taught to a node in another process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support import toy_room
from support.harness import wait_until
from support.room_frames import SECOND, frame_of
from support.word_vectors import WordVectors

from seg3d_ros.mapping.voxel_map import VoxelMap
from seg3d_ros.masks import Masks
from seg3d_ros.msg import ErrorCode
from seg3d_ros.msg import Vocabulary as VocabularyMsg
from seg3d_ros.node.client import RequestFailed, Seg3dClient
from seg3d_ros.objects.edits import ForgetName, Rename
from seg3d_ros.objects.object_map import ObjectMap, TrackingSettings
from seg3d_ros.objects.storage import save_map
from seg3d_ros.scene import Instances

TILES = [(0.4, -0.8), (0.4, -0.3), (0.4, 0.2), (1.4, -0.5)]  # on the floor, away from the boxes
LOOKS = ["gizmo", "gizmo", "gizmo", "gizmo"]


@pytest.fixture
def map_file(tmp_path: Path) -> Path:
    """The toy room with four tiles of the floor as objects that look alike."""
    voxels = VoxelMap()
    for number, pose in enumerate(toy_room.views(4)):
        voxels.integrate(frame_of(pose, (number + 1) * SECOND))
    scene = voxels.snapshot()
    near = [np.abs(scene.points[:, :2] - tile).max(axis=1) < 0.15 for tile in TILES]
    masks = np.stack([mask & (scene.points[:, 2] < 0.05) for mask in near])
    scores = np.full(len(TILES), 0.9, np.float32)
    looks = WordVectors().encode(LOOKS)
    objects = ObjectMap(TrackingSettings(confirm_views=1))
    objects.update(scene, Instances(Masks.of(masks), scores, looks, WordVectors.name))
    assert len(objects.confirmed()) == len(TILES)
    return save_map(tmp_path / "tiles.map", voxels.to_arrays(), objects.to_arrays())


def test_a_name_for_three_objects_names_the_fourth(start_node, make_robot, map_file) -> None:
    node = start_node(node__map_file=str(map_file))
    robot = make_robot(node.domain)
    words = robot.listen(VocabularyMsg, "seg3d/vocabulary")
    with Seg3dClient(timeout=30.0, context=robot.node.context) as client:
        first, *others, last = sorted(found.instance.id for found in client.query_objects())
        for number in (first, *others):
            client.edit(Rename(number, "gizmo"))
        (found,) = client.query_objects(ids=[last])
        assert found.instance.label == "gizmo" and found.instance.candidate_scores[0] > 0.5
        wait_until(lambda: words and list(words[-1].taught_names) == ["gizmo"], "the taught name")
        assert list(words[-1].taught_objects) == [3]

        path = str(map_file.with_name("taught.map"))
        client.save_map(path)
        client.edit(ForgetName("gizmo"))
        assert client.query_objects(ids=[last])[0].instance.label == "object"
        wait_until(lambda: not words[-1].taught_names, "the name to be forgotten")
        with pytest.raises(RequestFailed, match="no name 'gizmo' was taught") as failure:
            client.edit(ForgetName("gizmo"))
        assert failure.value.code == ErrorCode.INVALID_ARGUMENT
        client.load_map(path)
        assert client.query_objects(ids=[last])[0].instance.label == "gizmo"
