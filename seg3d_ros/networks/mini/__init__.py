"""Network of the model in the package."""

from seg3d_ros.networks.mini.network import Mini

__all__ = ["Mini"]
