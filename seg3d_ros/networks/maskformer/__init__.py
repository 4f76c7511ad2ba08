"""MinkUNet with a mask transformer."""

from seg3d_ros.networks.maskformer.network import MaskFormer

__all__ = ["MaskFormer"]
