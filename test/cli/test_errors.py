from __future__ import annotations

import click
import pytest

from seg3d_ros.cli.errors import one_line_errors
from seg3d_ros.recordings.recording import RecordingError


@pytest.mark.parametrize("fault", [lambda: [].index(0), lambda: [1, 2][3], lambda: int("a")])
def test_a_fault_of_the_program_keeps_its_traceback(fault):
    with pytest.raises((ValueError, IndexError)), one_line_errors():
        fault()


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (RecordingError("a file\nis damaged"), "a file is damaged"),
        (FileNotFoundError("no weights"), "no weights"),
        (MemoryError("std::bad_alloc"), "there is not enough memory"),
    ],
)
def test_what_a_person_can_put_right_is_one_line(error, line):
    with pytest.raises(click.ClickException, match=line), one_line_errors():
        raise error
