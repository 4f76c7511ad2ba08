"""Answers to requests that fail: faults of the request, and faults of the program."""

from __future__ import annotations

import pytest

from seg3d_ros.errors import InputError
from seg3d_ros.msg import ErrorCode
from seg3d_ros.node.service_host import answered
from seg3d_ros.objects.object_map import UnknownObjectError
from seg3d_ros.objects.storage import MapFileError
from seg3d_ros.srv import QueryObjects


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("radius is -1"), ErrorCode.INVALID_ARGUMENT),
        (UnknownObjectError(7), ErrorCode.UNKNOWN_ID),
        (MapFileError("no map"), ErrorCode.FILE_ERROR),
        (ValueError("operands could not be broadcast together"), ErrorCode.INTERNAL),
        (KeyError("x"), ErrorCode.INTERNAL),
    ],
)
def test_the_code_tells_whose_fault_it_is(error: Exception, code: int) -> None:
    def fail(request: object, response: object) -> None:
        raise error

    answer = answered(fail, QueryObjects.Request(), QueryObjects.Response())
    assert (answer.success, answer.code) == (False, code)
    assert ("fault of the program" in answer.message) == (code == ErrorCode.INTERNAL)
