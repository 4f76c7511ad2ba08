"""Image encoders, and what they see of the objects in keyframes."""
