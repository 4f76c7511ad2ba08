"""Models of transformers in folders as the Hugging Face hub has them; never over the network."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seg3d_ros.errors import InputError

_WIDTHS = ("projection_dim", "projection_size", "hidden_size")  # the first that a config has


def find_folder(
    model: str, repository: str, given: str | Path | None = None, *, files: Sequence[str] = ()
) -> Path:
    """The given folder of a model, else that of the hub's cache on this machine.

    Args:
        model: name for the message.
        repository: on the hub, "owner/name".
        given: what the user set, if anything.
        files: patterns of the files that are needed.

    Raises:
        FileNotFoundError: it is not there, or incomplete; the message says how to get it.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        cached = given or snapshot_download(repository, local_files_only=True)
    except LocalEntryNotFoundError:
        raise _missing(model, repository, "the hub's cache on this machine has no copy") from None
    folder = Path(cached).expanduser()
    missing = [pattern for pattern in files if not any(folder.glob(pattern))]
    if missing:
        raise _missing(model, repository, f"{folder} has no {', '.join(missing)}")
    return folder


def _missing(model: str, repository: str, what: str) -> FileNotFoundError:
    return FileNotFoundError(
        f"the weights of {model} are not here: {what}. With a network, run "
        f"`hf download {repository}`; without one, copy that folder from a machine that has it"
    )


def load_tower(folder: Path, model: str, *, repository: str, dimension: int) -> Any:
    """Text or image tower of transformers, in evaluation mode; the other tower stays on the disk.

    Args:
        folder: as the hub has it.
        model: class of transformers.
        repository: that it should be a copy of, for errors.
        dimension: of its vectors.

    Raises:
        InputError: the files are damaged, or those of another model.
    """
    import transformers
    from safetensors import SafetensorError

    try:
        with quiet_transformers():
            tower, report = getattr(transformers, model).from_pretrained(
                folder, local_files_only=True, output_loading_info=True
            )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{folder} cannot be read as {repository}: {reason}") from error
    lacking = len(report["missing_keys"])
    width = next(getattr(tower.config, name) for name in _WIDTHS if hasattr(tower.config, name))
    if lacking or width != dimension:
        raise InputError(
            f"{folder} holds no {repository}: it lacks {lacking} weights, and its vectors have "
            f"{width} numbers instead of {dimension}"
        )
    return tower.eval()


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Without the progress bar and the report that the other tower's weights are not used."""
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    logger = logging.getLogger("transformers")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
