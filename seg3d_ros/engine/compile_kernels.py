"""Compilation of the kernels at installation: the first start is then as fast as later ones."""

from __future__ import annotations

from importlib.util import find_spec

from seg3d_ros.engine.models import Models
from seg3d_ros.engine.perception import PerceptionSettings
from seg3d_ros.engine.second_compiler import start_second_compiler
from seg3d_ros.kernel_folder import are_compiled


def compile_kernels() -> None:
    """Compile what the node would at its first start, with two processes where there are cores."""
    if are_compiled():
        return
    start_second_compiler()
    model = "mini" if find_spec("torch") else "geometric"
    models = Models(PerceptionSettings.of({"segmentation.model": model}))
    models.warm_up()
    models.warm_up_clicks()


if __name__ == "__main__":
    compile_kernels()
