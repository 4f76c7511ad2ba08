"""Options of the vocabulary."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import click

from seg3d_ros.cli.settings_options import SettingsCommand

_LABELS = "--labels"


class WordsCommand(SettingsCommand):
    """Lets several words follow one `--labels`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat the option before each of its words, which is what click understands."""
        return super().parse_args(ctx, list(_one_word_each(args)))


def words_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--labels` and `--vocabulary` to a command."""
    labels = click.option(
        _LABELS, multiple=True, metavar="WORD...",
        help='Names for the objects: chair table "sofa|couch"; -wall is background.',
    )  # fmt: skip
    vocabulary = click.option(
        "--vocabulary",
        help="File with one label a line, or a bundled list; if nothing is given: household.",
    )
    return labels(vocabulary(command))


def chosen_words(labels: tuple[str, ...], vocabulary: str | None) -> list[str]:
    """The words that the options name; none if they were not given.

    Raises:
        click.UsageError: both were given.
        FileNotFoundError: there is no such list.
        InputError: a label cannot be one.
    """
    from seg3d_ros.text.vocabulary_files import load_vocabulary_file

    if labels and vocabulary:
        raise click.UsageError("--labels and --vocabulary name the objects; give one of them")
    return load_vocabulary_file(vocabulary) if vocabulary else list(labels)


def _one_word_each(args: list[str]) -> Iterator[str]:
    """Words after `--labels` up to the next option."""
    taking = False
    for word in args:
        if word == _LABELS:
            taking = True
        elif taking and not _is_option(word):
            yield f"{_LABELS}={word}"
        else:
            taking = False
            yield word


def _is_option(word: str) -> bool:
    """Whether it is an option: "--model" and "-o" are, the words "-wall" and "-墙" are not."""
    return word.startswith("--") or (word.isascii() and word[:1] == "-" and len(word) == 2)
