"""Docstrings begin with the noun or verb of the thing, not with a question or a person."""

import ast
import re

import pytest

FOLDERS = ("benchmarks", "launch", "seg3d_ros", "test", "tools")
WORDS = "what|where|which|who|whose|how|when|why|the same|nobody|somebody|someone|everybody"
FORBIDDEN = re.compile(rf"({WORDS}|whatever|wherever|whoever|whenever|everything)\b", re.I)
PREDICATE = re.compile(r"whether\b", re.I)  # the usual beginning where a function returns a bool
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def headings(tree):
    """(line, is of a function, first line) of the docstrings of a file."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, *FUNCTIONS)):
            text = ast.get_docstring(node)
            if text:
                is_function = isinstance(node, FUNCTIONS)
                yield getattr(node, "lineno", 1), is_function, text.splitlines()[0]


def is_riddle(heading, *, is_function):
    return bool(FORBIDDEN.match(heading) or (PREDICATE.match(heading) and not is_function))


@pytest.mark.parametrize("folder", FOLDERS)
def test_docstrings_begin_with_the_thing(folder, request):
    root = request.config.rootpath
    riddles = [
        f"{file.relative_to(root)}:{line}: {heading}"
        for file in sorted((root / folder).rglob("*.py"))
        for line, is_function, heading in headings(ast.parse(file.read_text()))
        if is_riddle(heading, is_function=is_function)
    ]
    assert not riddles, "\n".join(riddles)


@pytest.mark.parametrize(
    ("heading", "is_function", "riddle"),
    [
        ("What a click needs.", False, True),
        ("The same in pinned memory.", True, True),
        ("Whether two boxes overlap.", True, False),
        ("Whether two boxes overlap.", False, True),
        ("Whole evaluations.", False, False),
        ("Optimizers and their parameter groups.", False, False),
    ],
)
def test_riddles_are_told_from_headings(heading, is_function, riddle):
    assert is_riddle(heading, is_function=is_function) == riddle
