"""The voxel size of scenes from files, where the user gives none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from seg3d_ros.recordings.scene_file import PointCloud


def chosen_voxel_size(cloud: PointCloud, voxel_size: float, *, given: bool) -> float:
    """The value of `--voxel-size`, or else one that the density of the cloud supports.

    Args:
        cloud: at least one point.
        voxel_size: value or default of the option, metres.
        given: whether the user gave it.
    """
    from seg3d_ros.recordings.scene_file import supported_by

    if given:
        return voxel_size
    supported = supported_by(cloud, voxel_size)
    reason = "" if supported == voxel_size else ", since its points are far apart"
    click.echo(f"voxels of {1000 * supported:.0f} mm{reason} (--voxel-size changes it)")
    return supported
