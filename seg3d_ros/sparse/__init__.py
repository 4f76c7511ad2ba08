"""Sparse voxel grids: keys, hash index."""
