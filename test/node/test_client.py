"""The Python client asks a node in another process."""

from __future__ import annotations

import numpy as np
import pytest
from support import toy_room

from seg3d_ros.msg import ErrorCode
from seg3d_ros.node.client import RequestFailed, Seg3dClient
from seg3d_ros.node.conversions import cloud_from_msg
from seg3d_ros.objects.edits import Lock, Rename, Split, Undo

pytestmark = pytest.mark.ros


def test_a_planner_s_day(start_node, make_robot, tmp_path) -> None:
    node = start_node(segmentation__period=3600.0)
    robot = make_robot(node.domain)
    robot.listen_to_diagnostics()
    with Seg3dClient("/seg3d", timeout=30.0, context=robot.node.context) as client:
        with pytest.raises(RequestFailed, match="empty"):
            client.segment_now()
        robot.show(toy_room.views(3))
        client.segment_now()
        assert "objects" in client.segment_now()

        box = toy_room.BOXES[0]
        found = client.query_objects(near=box.center, radius=0.05)
        assert found and found[0].score > 0
        item = found[0].instance
        cloud = cloud_from_msg(client.get_object_cloud(item.id))
        assert len(cloud.points) == item.point_count
        assert np.linalg.norm(cloud.points.mean(axis=0) - box.center) < 0.2
        images = client.get_object_image(item.id, max_images=1).images
        assert [image.format for image in images] == ["jpeg"]
        nothing = client.query_objects(label="unicorn")
        assert nothing == [] and nothing.message.startswith("0 objects")

        clicked = client.segment_at_points([(*box.center[:2], box.high[2])], name="crate")
        assert clicked.instance.label == "crate"
        assert [f.instance.label for f in client.query_objects(label="crate")] == ["crate"]
        assert client.edit(Rename(item.id, "box")) == (item.id,)
        assert client.edit(Undo()) == (item.id,)
        assert client.edit(Lock((item.id,))) == (item.id,)
        with pytest.raises(RequestFailed, match="no voxel"):
            client.edit(Split(item.id, box.center[None] + 9, np.ones(1, bool)))
        with pytest.raises(RequestFailed) as failure:
            client.get_object_cloud(4_000_000)
        assert failure.value.code == ErrorCode.UNKNOWN_ID
        assert client.set_vocabulary(["box", "crate"]) == 1

        saved = client.save_map(str(tmp_path / "room.npz"))
        client.clear_map()
        assert client.query_objects() == []
        loaded = client.load_map(str(tmp_path / "room.npz"))
        assert (loaded.objects, loaded.voxels) == (saved.objects, saved.voxels)
        assert loaded.objects == len(client.query_objects())


def test_nobody_there_is_a_timeout(make_robot) -> None:
    from seg3d_ros.node.environment import free_domain

    context = make_robot(free_domain()).node.context
    with (
        Seg3dClient("/nobody", timeout=0.3, context=context) as client,
        pytest.raises(TimeoutError, match="/nobody/segment_now"),
    ):
        client.segment_now()
