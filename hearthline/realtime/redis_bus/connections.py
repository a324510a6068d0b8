"""Connections to Redis: with short bounds, never repeating by themselves a command whose fate is unknown, and each asking
first whether this is still the server it was."""

from __future__ import annotations

import asyncio
import re
import weakref
from typing import Any

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from hearthline.realtime.redis_bus import scripts

ANSWER_S = 1.0  # for an answer that needs no waiting
CONNECT_S = 1.0
BLOCK_S = 2.0  # how long a waiting command waits at the server before it is asked again
MOST_CONNECTIONS = 300  # of one process or event loop
ROOM_S = 10.0  # an event loop's request beyond those waits for one of them for so long

_KEYS = ("3", scripts.META, scripts.EVENTS, scripts.HEARD)
_RUN_ID = re.compile(rb"run_id:(\w+)")

LostError = redis.RedisError, OSError  # what a command may fail with when Redis is away, full or starting


def client_for_threads(url: str) -> redis.Redis:
    pool = redis.ConnectionPool.from_url(
        url, socket_timeout=ANSWER_S, socket_connect_timeout=CONNECT_S, retry=Retry(NoBackoff(), 0), protocol=2,
        max_connections=MOST_CONNECTIONS, redis_connect_func=_greet,
    )  # fmt: skip
    return redis.Redis(connection_pool=pool)


def client_for_loop(url: str, *, longest_wait_s: float) -> redis.asyncio.Redis:
    """For the running event loop. `longest_wait_s`: of its blocking commands."""
    pool = redis.asyncio.BlockingConnectionPool.from_url(
        url, timeout=ROOM_S, socket_timeout=ANSWER_S + longest_wait_s, socket_connect_timeout=CONNECT_S,
        retry=AsyncRetry(NoBackoff(), 0), protocol=2, max_connections=MOST_CONNECTIONS, redis_connect_func=_greet_async,
    )  # fmt: skip
    return redis.asyncio.Redis(connection_pool=pool)


class Clients:
    """One client for each event loop, closed with it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._of_loop: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, redis.asyncio.Redis] = (
            weakref.WeakKeyDictionary()
        )

    def here(self) -> redis.asyncio.Redis:
        loop = asyncio.get_running_loop()
        found = self._of_loop.get(loop)
        if found is None:
            found = self._of_loop[loop] = client_for_loop(self._url, longest_wait_s=BLOCK_S)
        return found


def stop_if_cancelled() -> None:
    """redis-py swallows a cancellation that comes while it looks whether a connection is still good: each loop asks here."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _greet(connection: Any) -> None:
    connection.on_connect()
    connection.send_command("INFO", "server")
    connection.send_command("EVAL", scripts.ON_CONNECTION, *_KEYS, _run_id(connection.read_response()))
    connection.read_response()


async def _greet_async(connection: Any) -> None:
    await connection.on_connect()
    await connection.send_command("INFO", "server")
    run_id = _run_id(await connection.read_response())
    await connection.send_command("EVAL", scripts.ON_CONNECTION, *_KEYS, run_id)
    await connection.read_response()


def _run_id(info: bytes | str) -> bytes:
    found = _RUN_ID.search(info if isinstance(info, bytes) else info.encode())
    if found is None:
        raise redis.ConnectionError("Redis does not say which server it is (INFO server)")
    return found[1]
