"""Opening a recording of any kind: the path says which."""

from __future__ import annotations

from pathlib import Path

from seg3d_ros.recordings.bag_path import is_bag
from seg3d_ros.recordings.recording import Recording, RecordingError
from seg3d_ros.recordings.redwood import is_redwood, read_redwood
from seg3d_ros.recordings.sens_file import SUFFIX as SENS_SUFFIX
from seg3d_ros.recordings.sens_file import SensFile
from seg3d_ros.recordings.tum import is_tum, read_tum
from seg3d_ros.recordings.up_axis import Up


def open_recording(
    path: Path, *, up: Up = "auto", topic: str = "", fixed_frame: str = ""
) -> Recording:
    """Open a folder of images, a .sens file, or a bag of ROS 2 or ROS 1.

    Args:
        path: the recording.
        up: axis of the recording's world that points up, for folders of images; "auto" finds
            it in the images. Bags are z up, as REP-103 asks.
        topic: cloud or depth image topic of a bag; empty takes the only one there is.
        fixed_frame: frame of a bag that becomes the map; empty takes map, odom, world or the
            root of the transforms.

    Raises:
        RecordingError: the path holds nothing that is understood; the message says what is.
    """
    path = Path(path)
    if not path.exists():
        raise RecordingError(f"{path} does not exist")
    if is_bag(path):
        from seg3d_ros.recordings.bag import Bag

        return Bag(path, topic=topic, fixed_frame=fixed_frame)
    if fixed_frame:
        raise RecordingError(f"{path} is no bag; only bags have frames to choose from")
    if path.suffix == SENS_SUFFIX:
        return SensFile(path, up=up)
    if path.is_dir() and is_tum(path):
        return read_tum(path, up=up)
    if path.is_dir() and is_redwood(path):
        return read_redwood(path, up=up)
    raise RecordingError(
        f"{path} is no recording: expected a folder with groundtruth.txt and rgb.txt + depth.txt "
        "(TUM), a folder with color/ + depth/ or results/ and poses (Redwood, 3DMatch, ScanNet, "
        "Replica), a .sens file, a rosbag2 folder, or an .mcap, .db3 or .bag file"
    )
