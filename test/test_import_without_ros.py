"""Imports without ROS: all but node/ works, and nothing heavy comes along to begin with."""

import subprocess
import sys

import pytest

HEAVY = ["mcp", "open3d", "torch", "transformers"]
LIGHT_IN_SPARSE = ("hash_index", "merge_join", "voxel_keys")  # what the map uses of sparse/
TORCH_IN_SEGMENTERS = (
    "checkpoint_model", "closed_set", "lassm", "maskformer", "masks.postprocess", "mini",
    "on_device", "prompts.point_sam", "prompts.point_sam_session", "prompts.prompt_network",
    "prompts.click_network", "prompts.mini_clicks",
    "spaceformer", "spaceformer_engine", "xmask3d.loading", "xmask3d.proposals",
    "xmask3d.segmenter",
)  # fmt: skip
SHELLS = ("seg3d_ros.demo", "seg3d_ros.node")  # the folders that may import ROS
MADE_OF_TORCH = (
    "seg3d_ros.imaging.efficientdet",
    "seg3d_ros.imaging.efficientnet",
    "seg3d_ros.compute", "seg3d_ros.datasets.click_simulation", "seg3d_ros.datasets.made_rooms",
    "seg3d_ros.datasets.scene_dataset",
    "seg3d_ros.evaluation.published",
    "seg3d_ros.networks.", "seg3d_ros.training.",
)  # fmt: skip

# A fresh interpreter imports the modules named as arguments, and says what went wrong.
IMPORT_ALL = """
import importlib, sys

REFUSED = {"ament_index_python", "builtin_interfaces", "launch", "rclpy", "tf2_ros"}
REFUSED |= set(sys.argv[1].split(","))
OURS = {f"seg3d_ros.{part}" for part in ("demo", "node", "msg", "srv")}

class Refuse:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        ours = ".".join(name.split(".")[:2]) in OURS
        if top in REFUSED or top.endswith(("_msgs", "_srvs", "_interfaces")) or ours:
            raise ImportError(f"it imports {name}")

sys.meta_path.insert(0, Refuse())
for module in sys.argv[2:]:
    try:
        importlib.import_module(module)
    except Exception as error:
        print(f"{module}: {error!r}")
"""


def complaints(modules, *, heavy=HEAVY):
    command = [sys.executable, "-c", IMPORT_ALL, ",".join(heavy), *modules]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def library_modules(repository):
    files = (repository / "seg3d_ros").rglob("*.py")
    paths = [file.relative_to(repository).with_suffix("") for file in files]
    names = [".".join(path.parts).removesuffix(".__init__") for path in paths]
    return [
        name for name in sorted(names) if not name.startswith(("seg3d_ros.demo", "seg3d_ros.node"))
    ]


def test_the_library_imports_neither_ros_nor_what_is_heavy(request):
    modules = library_modules(request.config.rootpath)
    assert "seg3d_ros.scene" in modules
    assert complaints([name for name in modules if not is_made_of_torch(name)]) == ""


def test_networks_and_what_they_are_made_of_need_torch_alone(request):
    pytest.importorskip("torch")
    modules = filter(is_made_of_torch, library_modules(request.config.rootpath))
    assert complaints(modules, heavy=["open3d", "transformers"]) == ""


def is_made_of_torch(module):
    _, _, name = module.partition("seg3d_ros.sparse.")
    of_sparse = name and name not in LIGHT_IN_SPARSE
    learned = module.removeprefix("seg3d_ros.segmenters.") in TORCH_IN_SEGMENTERS
    return module.startswith(MADE_OF_TORCH) or of_sparse or learned


def test_a_module_that_needs_ros_is_noticed():
    assert "seg3d_ros.node" in complaints(["seg3d_ros.node.main"])
