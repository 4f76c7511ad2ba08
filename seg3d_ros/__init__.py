"""Open-vocabulary 3D instance segmentation for robots."""

from pkgutil import extend_path

__version__ = "0.1.0"

# In a checkout the generated msg and srv lie in colcon's install folder, not beside this file.
__path__ = extend_path(__path__, __name__)
