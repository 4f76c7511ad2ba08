from __future__ import annotations

import subprocess
import sys
from dataclasses import fields

import pytest

from seg3d_ros.segmenters.registry import MODELS, load_prompt_segmenter, load_segmenter
from seg3d_ros.segmenters.settings import ModelSettings
from seg3d_ros.settings import with_values

GEOMETRIC = with_values(ModelSettings(), {"geometric.plane_area": 2.0})


def test_every_model_loads_under_its_name():
    pytest.importorskip("safetensors")
    pytest.importorskip("transformers")
    for name, info in MODELS.items():
        assert info.name == name
        at_hand = info.weights is None and not (info.trained_by_user or info.outside_of_hub)
        if info.segmenter and at_hand:
            assert load_segmenter(name).name == name
        here = info.weights is None and (info.packaged is None or info.packaged.is_file())
        if info.prompt_segmenter and here:
            assert load_prompt_segmenter(name).name == name


@pytest.mark.parametrize("load", [load_segmenter, load_prompt_segmenter])
def test_an_unknown_name_lists_the_known_ones(load):
    with pytest.raises(ValueError, match=r"'geometrik'; use one of .*geometric"):
        load("geometrik")


def test_every_model_has_its_own_settings():
    assert {field.name for field in fields(ModelSettings)} == set(MODELS)
    assert load_segmenter("geometric", GEOMETRIC).settings.plane_area == 2.0
    assert load_prompt_segmenter("geometric", GEOMETRIC).settings.plane_area == 2.0


def test_listing_the_models_imports_none_of_them():
    code = (
        "import sys, seg3d_ros.segmenters.registry as r; list(r.MODELS);"
        "heavy = {'seg3d_ros.segmenters.geometric.segmenter', 'torch'};"
        "sys.exit(bool(heavy & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
