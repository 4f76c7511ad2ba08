"""Diagnosis of what a robot publishes, live or recorded; knows no ROS."""
