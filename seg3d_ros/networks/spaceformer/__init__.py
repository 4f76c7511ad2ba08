"""SpaCeFormer: open-vocabulary instances of a scene in one pass."""

from seg3d_ros.networks.spaceformer.backbone import Backbone
from seg3d_ros.networks.spaceformer.config import BackboneConfig, SpaceformerConfig
from seg3d_ros.networks.spaceformer.network import Spaceformer, load_spaceformer

__all__ = ["Backbone", "BackboneConfig", "Spaceformer", "SpaceformerConfig", "load_spaceformer"]
