"""Write the table of parameters in the README: `python tools/write_parameter_table.py`.

The rows come from the settings of the code; a test fails when they are not the same. What several
models read alike is one row.
"""

from __future__ import annotations

from pathlib import Path

from seg3d_ros.node.settings import AllSettings
from seg3d_ros.settings import walk

README = Path(__file__).resolve().parent.parent / "README.md"
BEGIN = "<!-- written by tools/write_parameter_table.py -->\n"
END = "<!-- end of the table -->\n"
HEAD = "| parameter | default | live | what |\n|---|---|---|---|\n"


def table() -> str:
    """Rows of all parameters, in Markdown."""
    names_of_row: dict[tuple[str, ...], list[str]] = {}
    for name, default, info in walk(AllSettings()):
        last = name.rpartition(".")[2]
        row = (last, in_words(default), "yes" if info.live else "", info.text)
        names_of_row.setdefault(row, []).append(name)
    lines = []
    for (last, default, live, text), names in names_of_row.items():
        name, what = names[0], text
        if len(names) > 1:
            name, what = (
                f"model.NAME.{last}",
                f"{', '.join(n.split('.')[1] for n in names)}: {text}",
            )
        lines.append(f"| `{name}` | `{default}` | {live} | {what} |\n")
    return HEAD + "".join(lines)


def in_words(value: object) -> str:
    """A value as YAML has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple):
        return "[" + ", ".join(in_words(item) for item in value) + "]"
    return str(value)


def with_table(text: str) -> str:
    """A README with the table of today."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return before + BEGIN + table() + END + after


if __name__ == "__main__":
    README.write_text(with_table(README.read_text(encoding="utf-8")), encoding="utf-8")
