from __future__ import annotations

import subprocess
import sys

import pytest

from seg3d_ros.segmenters.registry import MODELS, load_prompt_segmenter, load_segmenter


def test_every_model_loads_under_its_name():
    for name, info in MODELS.items():
        assert info.name == name
        if info.segmenter and info.weights is None and not info.trained_by_user:
            assert load_segmenter(name).name == name
        here = info.weights is None and (info.packaged is None or info.packaged.is_file())
        if info.prompt_segmenter and here:
            assert load_prompt_segmenter(name).name == name


@pytest.mark.parametrize("load", [load_segmenter, load_prompt_segmenter])
def test_an_unknown_name_lists_the_known_ones(load):
    with pytest.raises(ValueError, match=r"'geometrik'; use one of .*geometric"):
        load("geometrik")


def test_listing_the_models_imports_none_of_them():
    code = (
        "import sys, seg3d_ros.segmenters.registry as r; list(r.MODELS);"
        "sys.exit('seg3d_ros.segmenters.geometric' in sys.modules or 'torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
