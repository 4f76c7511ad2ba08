from __future__ import annotations

import subprocess
import sys

import pytest

from seg3d_ros.segmenters.registry import MODELS, load_prompt_segmenter, load_segmenter
from seg3d_ros.segmenters.settings import NetworkSettings
from seg3d_ros.settings import settings_of


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


def test_a_setting_without_effect_is_told(caplog):
    network = NetworkSettings(engine="torch", augmented_views=8, device="cpu")
    load_segmenter("geometric", network=network)
    assert [record.message for record in caplog.records] == [
        "geometric does not read engine; 'torch' has no effect",
        "geometric does not read augmented_views; 8 has no effect",
    ]
    caplog.clear()
    load_prompt_segmenter("geometric", network=NetworkSettings(prompt_checkpoint="it.pt"))
    assert "geometric does not read prompt_checkpoint; 'it.pt' has no effect" in caplog.text


def test_what_a_model_reads_are_settings():
    names = {name for name, _, _ in settings_of(NetworkSettings())}
    assert all(set(info.reads) <= names for info in MODELS.values())


def test_listing_the_models_imports_none_of_them():
    code = (
        "import sys, seg3d_ros.segmenters.registry as r; list(r.MODELS);"
        "heavy = {'seg3d_ros.segmenters.geometric.segmenter', 'torch'};"
        "sys.exit(bool(heavy & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
