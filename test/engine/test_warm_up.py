"""Warming up compiles every kernel that real frames need: frames that come meanwhile are lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "prompt_model"), [("geometric", "geometric"), ("mini", "mini_clicks")]
)
def test_nothing_compiles_after_the_warm_up(model: str, prompt_model: str) -> None:
    if model == "mini":
        pytest.importorskip("torch")
    command = [sys.executable, "-m", "support.compiled_late", model, prompt_model]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
