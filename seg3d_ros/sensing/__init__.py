"""Sensor data to arrays: clouds, images, camera models, transforms, frame filters."""
