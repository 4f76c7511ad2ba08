"""Depth to points, points to the voxel map, poses from transforms."""
