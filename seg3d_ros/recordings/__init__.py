"""Recordings: folders of images and bags, read without ROS, one frame at a time."""
