"""Segmentation by geometry alone: surfaces, planes, supervoxels, structure."""
