"""Real depth and real poses, where they are present: carving must not eat what stands still."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

from seg3d_ros.mapping.settings import MapSettings
from seg3d_ros.mapping.voxel_map import VoxelMap
from seg3d_ros.recordings.open import open_recording
from seg3d_ros.recordings.recording import to_frame
from seg3d_ros.sensing.estimate_intrinsics import estimate_camera

DATA = Path(__file__).parents[3] / "shared" / "data"


def frames_of(name):
    if not (DATA / name).is_dir():
        pytest.skip(f"the recording {name} is not in {DATA}")
    return [to_frame(recorded) for recorded in open_recording(DATA / name).frames()]


def mapped(frames, *, carve):
    voxel_map = VoxelMap(MapSettings(carve_free_space=carve))
    for frame in frames:
        voxel_map.integrate(frame)
    return voxel_map.snapshot()


@pytest.mark.parametrize("name", ["tum_fr1_rpy_14", "tum_fr3_cabinet_10", "redwood_livingroom_5"])
def test_surfaces_survive_carving(name):
    """Carving removes noise beside a surface that stays; holes stay below 0.3 %."""
    frames = frames_of(name)
    carved, whole = mapped(frames, carve=True), mapped(frames, carve=False)
    lost = whole.points[~np.isin(whole.element_ids, carved.element_ids)]
    assert len(lost) < 0.03 * len(whole)
    distances, _ = cKDTree(carved.points).query(lost)
    assert (distances > 0.05).sum() < 0.003 * len(whole)


def test_the_camera_of_a_real_cloud_is_found():
    frame = frames_of("tum_fr1_rpy_14")[0]
    camera = estimate_camera(frame.points, frame.grid)
    expected = [getattr(frame.camera, name) for name in ("fx", "fy", "cx", "cy")]
    np.testing.assert_allclose([camera.fx, camera.fy, camera.cx, camera.cy], expected, rtol=1e-3)
