"""Folders of models in the Hugging Face hub's cache on this machine."""

from __future__ import annotations

from pathlib import Path


def cached_folder(model: str, repository: str) -> Path:
    """Folder of a repository in the cache; never uses the network.

    Args:
        model: name for the message.
        repository: on the hub, "owner/name".

    Raises:
        FileNotFoundError: it is not there; the message says how to get it.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(snapshot_download(repository, local_files_only=True))
    except LocalEntryNotFoundError:
        raise FileNotFoundError(
            f"the weights of {model} are not here: with a network, run "
            f"`hf download {repository}`; without one, copy that folder from a machine that has it"
        ) from None
