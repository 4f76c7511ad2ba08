"""Open-vocabulary 3D instance segmentation for robots: the public names of the library.

Each is imported when it is first asked for, so that `import seg3d_ros` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import extend_path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seg3d_ros.engine.engine import Engine as Engine
    from seg3d_ros.engine.perception import PerceptionSettings as PerceptionSettings
    from seg3d_ros.engine.still_scene import segment_file as segment_file
    from seg3d_ros.mapping.voxel_map import VoxelMap as VoxelMap
    from seg3d_ros.objects.map_object import MapObject as MapObject
    from seg3d_ros.objects.object_map import ObjectMap as ObjectMap
    from seg3d_ros.pictures.results import write_results as write_results
    from seg3d_ros.recordings.open import open_recording as open_recording
    from seg3d_ros.recordings.scene_file import read_scene_file as read_scene_file
    from seg3d_ros.scene import Frame as Frame
    from seg3d_ros.scene import Instances as Instances
    from seg3d_ros.scene import Scene as Scene
    from seg3d_ros.segmenters.registry import load_segmenter as load_segmenter
    from seg3d_ros.text.vocabulary import Vocabulary as Vocabulary

__version__ = "0.1.0"

# In a checkout the generated msg and srv lie in colcon's install folder, not beside this file.
__path__ = extend_path(__path__, __name__)

_MODULES = {
    "Engine": "engine.engine",
    "Frame": "scene",
    "Instances": "scene",
    "MapObject": "objects.map_object",
    "ObjectMap": "objects.object_map",
    "PerceptionSettings": "engine.perception",
    "Scene": "scene",
    "Vocabulary": "text.vocabulary",
    "VoxelMap": "mapping.voxel_map",
    "load_segmenter": "segmenters.registry",
    "open_recording": "recordings.open",
    "read_scene_file": "recordings.scene_file",
    "segment_file": "engine.still_scene",
    "write_results": "pictures.results",
}
__all__ = ["__version__", *_MODULES]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
