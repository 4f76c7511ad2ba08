"""Service servers: every request gets an answer, also when the node is cleaned up meanwhile."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.task import Future

from seg3d_ros.engine.job_queue import MAX_WAITING, JobQueue, Priority
from seg3d_ros.engine.map_segmentation import EmptyMapError
from seg3d_ros.errors import DeviceLostError, InputError
from seg3d_ros.msg import ErrorCode
from seg3d_ros.node.qos import SERVICE
from seg3d_ros.objects.approach import NoApproachError
from seg3d_ros.objects.object_map import UnknownObjectError
from seg3d_ros.objects.query import NoEmbeddingsError
from seg3d_ros.objects.relocalisation import NotRecognisedError
from seg3d_ros.objects.storage import MapFileError
from seg3d_ros.segmenters.segmenter import NothingThereError
from seg3d_ros.sensing.transform_buffer import TransformError

log = logging.getLogger(__name__)

Handle = Callable[[Any, Any], None]  # fills in a response to a request, or raises
Receive = Callable[[Any], Handle]  # notes at once what may have changed when the turn comes

_NOT_ACTIVE = "the node is not active; activate it and ask again"
_FAULT = "this is a fault of the program; its traceback is in the node's log"
# How errors of the core read to a caller.
_CODES: dict[type[Exception], int] = {
    EmptyMapError: ErrorCode.EMPTY_MAP,
    UnknownObjectError: ErrorCode.UNKNOWN_ID,
    NothingThereError: ErrorCode.NOTHING_THERE,
    NoEmbeddingsError: ErrorCode.NO_EMBEDDINGS,
    NoApproachError: ErrorCode.NO_APPROACH,
    NotRecognisedError: ErrorCode.NOT_RECOGNISED,
    MapFileError: ErrorCode.FILE_ERROR,
    FileNotFoundError: ErrorCode.FILE_ERROR,
    TransformError: ErrorCode.UNKNOWN_FRAME,
    InputError: ErrorCode.INVALID_ARGUMENT,
}


class RequestError(Exception):
    """A request that cannot be fulfilled: a code of ErrorCode.msg and a sentence."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Handler:
    """Answer to the requests of one service, and the queue that they wait in.

    Attributes:
        receive: called in the executor's thread when a request comes in; must not block or raise.
            What it returns is called with the request when its turn comes.
        jobs: queue of the requests.
        priority: theirs in the queue.
    """

    receive: Receive
    jobs: JobQueue
    priority: Priority


class ServiceHost:
    """The servers of the node's services; a configured node lends them handlers.

    They outlive a configuration: a request whose handler has gone still needs its server for
    the answer. A request waits in a job queue and the executor goes on with other callbacks until
    the answer is there, so that a slow request never delays a frame.
    """

    def __init__(self, node: Node, kinds: Mapping[str, Any]) -> None:
        """Serve services by name and type; they refuse until `lend` is called."""
        self._node = node
        self._handlers: Mapping[str, Handler] = {}
        # An answer that is awaited would block every other callback of an exclusive group.
        group = ReentrantCallbackGroup()
        for name, kind in kinds.items():
            server = self._server(name)
            node.create_service(
                kind, f"~/{name}", server, qos_profile=SERVICE, callback_group=group
            )

    def lend(self, handlers: Mapping[str, Handler]) -> None:
        """Answer with these handlers, by the name of the service; none: refuse."""
        self._handlers = handlers

    def _server(self, name: str) -> Callable[[Any, Any], Any]:
        async def serve(request: Any, response: Any) -> Any:
            handler = self._handlers.get(name)
            if handler is None:
                return failed(response, ErrorCode.NOT_ACTIVE, _NOT_ACTIVE)
            executor = self._node.executor
            done: Future = Future(executor=executor)
            handle = handler.receive(request)

            def end(answer: Any) -> None:
                done.set_result(answer)
                executor.wake()  # else the answer leaves with the next event

            if not handler.jobs.submit(
                handler.priority,
                lambda: end(answered(handle, request, response)),
                on_drop=lambda: end(failed(response, ErrorCode.NOT_ACTIVE, _NOT_ACTIVE)),
            ):
                message = f"{MAX_WAITING} requests are waiting; ask again later"
                return failed(response, ErrorCode.BUSY, message)
            return await done

        return serve


def check_active(active: bool) -> None:
    """Refuse a request unless the node is active.

    Raises:
        RequestError: it is not.
    """
    if not active:
        raise RequestError(ErrorCode.NOT_ACTIVE, _NOT_ACTIVE)


def answered(handle: Handle, request: Any, response: Any) -> Any:
    """Fill in a response; whatever goes wrong becomes a failure with a code and a sentence."""
    try:
        handle(request, response)
        response.success = True
        return response
    except RequestError as error:
        return failed(response, error.code, str(error))
    except DeviceLostError as error:
        log.critical("the node ends: %s", error)
        return failed(response, ErrorCode.INTERNAL, str(error))
    except Exception as error:
        for kind, code in _CODES.items():
            if isinstance(error, kind):
                return failed(response, code, str(error))
        log.exception("a request failed")
        return failed(response, ErrorCode.INTERNAL, f"{_FAULT} ({error!r})")


def failed(response: Any, code: int, message: str) -> Any:
    """A failed response of the same kind, with nothing half filled in."""
    response = type(response)()
    response.success = False
    response.message = message
    if hasattr(response, "code"):
        response.code = code
    return response
