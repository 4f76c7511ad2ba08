"""The ROS 2 shell: the only folder that imports rclpy and message types."""
