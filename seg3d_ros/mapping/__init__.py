"""Voxel map: integration of frames, carving, snapshots."""
