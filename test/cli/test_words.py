"""Words after `--labels` and the options among them."""

import click
from click.testing import CliRunner

from seg3d_ros.cli.words import WordsCommand, chosen_words, words_options


@click.command(cls=WordsCommand, offered=())
@click.option("-o", "--output", default="")
@words_options
def echo(
    labels: tuple[str, ...], vocabulary: str | None, output: str, settings: dict[str, object]
) -> None:
    click.echo(f"{chosen_words(labels, vocabulary)} {output}")


def test_one_letter_words_are_words_unless_they_could_be_an_option() -> None:
    words = ["--labels", "椅子", "-墙", "床", "-wall", "-o", "out"]
    result = CliRunner().invoke(echo, words)
    assert result.output == "['椅子', '-墙', '床', '-wall'] out\n"
    assert "No such option" in CliRunner().invoke(echo, ["--labels", "bed", "-x"]).output
