"""Open-vocabulary 3D instance segmentation for robots."""
