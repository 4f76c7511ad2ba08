"""Sparse voxel grids.

`voxel_keys` and `hash_index` serve the map and need no torch; the other modules are what the
networks are made of: tensors on voxels, convolution, pooling and attention.
"""
