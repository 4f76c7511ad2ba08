"""Independent tasks in worker processes, where one failure stops no other task."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TypeVar

Task = TypeVar("Task")

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
_NO_STORAGE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def run_tasks(
    function: Callable[[Task], None], tasks: Iterable[Task], *, workers: int
) -> Iterator[tuple[Task, str | None]]:
    """Call a function with every task, in worker processes of one thread each.

    Args:
        function: picklable.
        tasks: picklable.
        workers: number of processes.

    Yields:
        Each task when it has ended, and None or a sentence on how it failed.

    Raises:
        OSError: there is no storage left; every other task would fail as well.
    """
    waiting = deque(tasks)
    with one_thread_each():
        while waiting:
            suspects = yield from _run_until_break(function, waiting, workers)
            for task in suspects:
                alone = deque([task])
                if (yield from _run_until_break(function, alone, 1)):
                    yield task, "its process was killed, perhaps for want of memory"


def _run_until_break(
    function: Callable[[Task], None], waiting: deque[Task], workers: int
) -> Generator[tuple[Task, str | None], None, list[Task]]:
    """Run waiting tasks; returns those that were under way when a process died, else none.

    No more tasks are submitted than can run, so that there are few of them.
    """
    context = multiprocessing.get_context("spawn")  # threads of libraries do not survive a fork
    pool = ProcessPoolExecutor(workers, context, initializer=start_worker)
    running: dict[Future[str | None], Task] = {}
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                running[pool.submit(_call, function, waiting[0])] = waiting[0]
                waiting.popleft()
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                error = future.result()
                yield running.pop(future), error
    except BrokenProcessPool:
        return list(running.values())
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return []


def _call(function: Callable[[Task], None], task: Task) -> str | None:
    try:
        function(task)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _NO_STORAGE:
            raise
        sentence = " ".join(str(error).split())
        known = isinstance(error, OSError | ValueError)
        return sentence if known and sentence else f"{type(error).__name__}: {sentence}"
    return None


def start_worker() -> None:
    """Leave Ctrl-C to the parent, and end with it: a pool's processes would wait for ever."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Make processes that are started meanwhile compute with one thread: there are several."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
