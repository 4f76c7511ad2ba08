"""Rendered results: pictures, coloured point clouds, tables of objects."""
