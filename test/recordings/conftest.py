from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

REAL = Path(__file__).resolve().parents[3] / "shared" / "data"
WIDTH, HEIGHT = 8, 6


@pytest.fixture
def real_recording() -> Callable[[str], Path]:
    def find(name: str) -> Path:
        path = REAL / name
        if not path.exists():
            pytest.skip(f"the recording {name} is not on this machine")
        return path

    return find


@pytest.fixture
def save_images() -> Callable[..., None]:
    """Write one colour and one depth image; the depth says which frame it is."""

    def save(color: Path, depth: Path, *, value: int = 1000, width: int = WIDTH) -> None:
        for path in (color, depth):
            path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((HEIGHT, width, 3), (200, 100, 50), np.uint8)).save(color)
        Image.fromarray(np.full((HEIGHT, WIDTH), value, np.uint16)).save(depth)

    return save


@pytest.fixture
def save_camera() -> Callable[..., None]:
    def save(folder: Path, **changes: float) -> None:
        camera = {"width": WIDTH, "height": HEIGHT, "fx": 10, "fy": 10, "cx": 3.5, "cy": 2.5}
        (folder / "camera.json").write_text(json.dumps({**camera, **changes}))

    return save
