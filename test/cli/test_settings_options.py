"""Options made of settings."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from seg3d_ros.cli.settings_options import SettingsCommand, chosen_settings
from seg3d_ros.engine.perception import PerceptionSettings
from seg3d_ros.segmenters.settings import LassmSettings, MiniSettings
from seg3d_ros.settings import walk

GROUPS = tuple(PerceptionSettings.__dataclass_fields__)
MIN_SCORE = {f"model.{name}.min_score": 0.1 for name in ("mini", "spaceformer", "lassm")}


def handed_over(offered: tuple[str, ...], *arguments: str) -> dict[str, object]:
    """Settings that a command gets."""
    got = {}

    @click.command(cls=SettingsCommand, offered=offered)
    def command(settings: dict[str, object]) -> None:
        got.update(settings)

    result = CliRunner().invoke(command, arguments, standalone_mode=False)
    assert result.exception is None, result.exception
    return got


def test_only_what_is_given_is_handed_over() -> None:
    assert handed_over(GROUPS) == {}
    given = ["--voxel-size", "0.05", "--no-carve-free-space", "--text-device", "cpu"]
    assert handed_over(("map", "text"), *given) == {
        "map.voxel_size": 0.05, "map.carve_free_space": False, "text.device": "cpu",
    }  # fmt: skip
    assert handed_over(("segmentation.radius",), "--segment-radius", "2") == {
        "segmentation.radius": 2.0
    }


def test_an_option_is_one_for_all_models_that_read_it() -> None:
    given = handed_over(("model",), "--augmented-views", "2")
    assert given == {"model.mini.augmented_views": 2, "model.spaceformer.augmented_views": 2}


def test_no_two_settings_but_those_of_models_share_an_option() -> None:
    command = SettingsCommand("all", offered=GROUPS)
    flags = [option.opts[0] for option in command.get_params(click.Context(command))[:-1]]
    assert len(flags) == len(set(flags))
    others = [name for name, _, info in walk(PerceptionSettings()) if not info.items]
    models = {name.rpartition(".")[2] for name in others if name.startswith("model.")}
    assert len(flags) == len(models) + sum(not name.startswith("model.") for name in others)


def test_settings_of_models_are_those_of_the_models_in_use() -> None:
    chosen = chosen_settings(PerceptionSettings(), MIN_SCORE, ["mini", "geometric"])
    assert chosen.model.mini == MiniSettings(min_score=0.1)
    assert chosen.model.lassm == LassmSettings()
    with pytest.raises(ValueError, match="geometric does not read --min-score"):
        chosen_settings(PerceptionSettings(), MIN_SCORE, ["geometric"])
    with pytest.raises(ValueError, match=r"model\.mini\.min_score is 2"):
        chosen_settings(PerceptionSettings(), {"model.mini.min_score": 2.0}, ["mini"])
