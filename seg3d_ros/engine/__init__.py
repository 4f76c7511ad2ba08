"""Perception of one robot: map, segmenter, objects and vocabulary together."""
