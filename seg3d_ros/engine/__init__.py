"""Engine: the one owner of map, objects and words, and its shells without ROS."""
