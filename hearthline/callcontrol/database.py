"""Database work of call control: in threads of its own with connections that stay open, so that the event loop never waits
for a disk and a key press never waits for a connection."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from django.db import InterfaceError, OperationalError, connection, connections

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger(__name__)

POSTGRES_THREADS = 8
SQLITE_THREADS = 1  # one writer at a time anyway: a queue here is fairer and quicker than its busy handler
CLOSE_BOUND_S = 10.0


class Database:
    def __init__(self) -> None:
        self._size = SQLITE_THREADS if connection.vendor == "sqlite" else POSTGRES_THREADS
        self._pool = ThreadPoolExecutor(self._size, thread_name_prefix="callcontrol-db")

    async def run(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Do it in a thread. A cancelled caller does not stop work that has begun."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, partial(_with_connection, partial(work, *args, **kwargs)))

    def close(self) -> None:
        """Finish what was begun and close the connections of the threads."""
        barrier = threading.Barrier(self._size)
        for _ in range(self._size):
            self._pool.submit(_close_connections, barrier)
        self._pool.shutdown(wait=True)


def _with_connection(work: Callable[[], T]) -> T:
    try:
        return work()
    except (OperationalError, InterfaceError):
        # the server may have gone: the next piece of work gets a new connection
        if not connection.in_atomic_block:
            connection.close()
        raise


def _close_connections(barrier: threading.Barrier) -> None:
    try:
        barrier.wait(CLOSE_BOUND_S)  # so that each thread takes exactly one of these
    except threading.BrokenBarrierError:
        logger.warning("a database thread was still busy when call control closed")
    connections.close_all()
