"""Point-SAM: masks from clicks on a point cloud."""

from seg3d_ros.networks.point_sam.network import PointSam, load_point_sam, point_sam_of_size

__all__ = ["PointSam", "load_point_sam", "point_sam_of_size"]
