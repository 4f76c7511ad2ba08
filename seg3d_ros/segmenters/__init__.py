"""Segmenters: a scene in, instances out."""
