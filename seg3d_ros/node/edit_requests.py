"""Edits of objects as messages ask for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from seg3d_ros.errors import InputError
from seg3d_ros.node.conversions import point_msg
from seg3d_ros.objects.edits import Delete, Edit, ForgetName, Lock, Merge, Rename, Split, Undo
from seg3d_ros.scene import Bool, Float64
from seg3d_ros.srv import EditObjects

_REQUEST = EditObjects.Request
_OF_ONE = (_REQUEST.RENAME, _REQUEST.SPLIT)
_OF_ANY: dict[int, Callable[[tuple[int, ...]], Edit]] = {
    _REQUEST.DELETE: Delete,
    _REQUEST.MERGE: Merge,
    _REQUEST.LOCK: Lock,
    _REQUEST.UNLOCK: lambda ids: Lock(ids, locked=False),
}


def edit_of_request(request: Any, clicks: Callable[[], tuple[Float64, Bool]]) -> Edit:
    """Edit that an EditObjects request asks for.

    Args:
        request: the request.
        clicks: gives its points (K, 3) in the fixed frame, and which of them are on the part;
            called for a split only.

    Raises:
        InputError: the operation is none, or the ids or clicks are not those that it takes.
    """
    ids = tuple(map(int, request.ids))
    if request.operation == _REQUEST.UNDO:
        return Undo()
    if request.operation == _REQUEST.FORGET_NAME:
        return ForgetName(request.name)
    if request.operation in _OF_ONE and len(ids) != 1:
        raise InputError(f"{len(ids)} ids given; this operation takes one")
    if request.operation == _REQUEST.RENAME:
        return Rename(ids[0], request.name)
    if request.operation == _REQUEST.SPLIT:
        return Split(ids[0], *clicks(), request.name)
    if request.operation not in _OF_ANY:
        raise InputError(f"operation is {request.operation}; see EditObjects.srv")
    if not ids:
        raise InputError("no ids given; name the objects")
    return _OF_ANY[request.operation](ids)


def request_of_edit(edit: Edit, frame_id: str = "") -> Any:
    """EditObjects request for an edit; clicks of a split are in the frame `frame_id`.

    Raises:
        TypeError: an edit that no request can ask for.
    """
    request = _REQUEST()
    if isinstance(edit, Rename):
        request.operation, request.ids, request.name = _REQUEST.RENAME, [edit.id], edit.name
    elif isinstance(edit, Split):
        request.operation, request.ids, request.name = _REQUEST.SPLIT, [edit.id], edit.name
        request.header.frame_id = frame_id
        request.points = [point_msg(xyz) for xyz in np.reshape(edit.points, (-1, 3))]
        request.foreground = [bool(flag) for flag in edit.foreground]
    elif isinstance(edit, Lock):
        request.operation = _REQUEST.LOCK if edit.locked else _REQUEST.UNLOCK
        request.ids = list(edit.ids)
    elif isinstance(edit, Delete | Merge):
        request.operation = _REQUEST.DELETE if isinstance(edit, Delete) else _REQUEST.MERGE
        request.ids = list(edit.ids)
    elif isinstance(edit, ForgetName):
        request.operation, request.name = _REQUEST.FORGET_NAME, edit.name
    elif isinstance(edit, Undo):
        request.operation = _REQUEST.UNDO
    else:
        raise TypeError(f"{type(edit).__name__} is no edit that a node takes")
    return request
