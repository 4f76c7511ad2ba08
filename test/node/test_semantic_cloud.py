"""Labelled points as a message."""

import numpy as np
from std_msgs.msg import Header

from seg3d_ros.node.publishers import colored_by_class
from seg3d_ros.scene import Scene
from seg3d_ros.segmenters.segmenter import SemanticLabels


def test_classes_of_points():
    points = np.array([[0, 0, 1], [1, 0, 0], [2, 0, 0]], np.float32)
    scene = Scene(points, 0 * points, np.arange(3), 0.02, origin=np.array([10.0, 0, 0]))
    found = SemanticLabels(np.array([1, -1, 0]), ("wall", "chair"))
    msg = colored_by_class(Header(), scene, found)
    assert [field.name for field in msg.fields] == ["x", "y", "z", "rgb", "class_id"]
    kinds = [("xyz", "<f4", 3), ("rgb", "<u4"), ("class_id", "<u4")]
    rows = np.frombuffer(bytes(msg.data), kinds)
    np.testing.assert_array_equal(rows["class_id"], [2, 0, 1])
    np.testing.assert_array_equal(rows["xyz"] - points, np.tile([10, 0, 0], (3, 1)))
    assert rows["rgb"][1] == 0x808080 and len(set(rows["rgb"])) == 3
