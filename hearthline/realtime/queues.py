"""Queues with a reply between local processes: a Unix stream socket per queue, one connection per request.

Frame: four bytes of length (big endian), then UTF-8 JSON. A reply is {"reply": {...}} or {"refused": reason}.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import logging
import os
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from django.utils.translation import gettext_lazy as _

from hearthline.lib.errors import UnavailableError
from hearthline.realtime.bus import UnservedError
from hearthline.realtime.sockets import address, socket_name

logger = logging.getLogger(__name__)

LARGEST_FRAME = 1_000_000
AT_ONCE = 256
WAITING = 1_024  # connections beyond those being handled; more are refused
FIRST_FRAME_S = 5.0
UNANSWERED = _("The exchange's telephone part does not answer. Wait a few seconds and try again.")

Handler = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
_LENGTH = struct.Struct("!I")


async def request(run_folder: Path, queue: str, message: dict[str, Any], *, timeout_s: float) -> dict[str, Any]:
    """As `Bus.request`."""
    path = address(run_folder, socket_name("queue", queue))
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_unix_connection(path)
            try:
                await _send(writer, message)
                answer = await _receive(reader)
            finally:
                writer.close()
    except (FileNotFoundError, ConnectionRefusedError) as error:
        logger.warning("nobody serves queue %s", queue)
        raise UnservedError(UNANSWERED) from error
    except (OSError, EOFError, TimeoutError, ValueError) as error:
        logger.warning("no reply from queue %s: %s", queue, type(error).__name__)
        raise UnavailableError(UNANSWERED) from error
    return reply_of(queue, answer)


def reply_of(queue: str, answer: dict[str, Any]) -> dict[str, Any]:
    """What is in {"reply": {...}}. Raises UnavailableError for {"refused": reason}."""
    if "reply" not in answer:
        logger.warning("queue %s refused: %s", queue, answer.get("refused"))
        if answer.get("refused") == "busy":
            raise UnavailableError(_("The exchange is too busy just now. Wait a few seconds and try again."))
        raise UnavailableError(_("The exchange could not do this. Try again; if it repeats, tell its administrator."))
    reply: dict[str, Any] = answer["reply"]
    return reply


async def serve(run_folder: Path, queue: str, handler: Handler) -> None:
    """As `Bus.serve`. Raises RuntimeError when another process serves the queue already."""
    name = socket_name("queue", queue)
    path = address(run_folder, name)
    lock = _lock(path + ".lock", queue)
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)  # left by a process that died: we hold the lock
        desk = _Desk(queue, handler)
        server = await asyncio.start_unix_server(desk.answer, path, limit=LARGEST_FRAME, backlog=WAITING)
        os.chmod(path, 0o600)
        try:
            await asyncio.Event().wait()
        finally:
            server.close()
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            await desk.close()
    finally:
        os.close(lock)


class _Desk:
    """Where the requests of one queue are answered."""

    def __init__(self, queue: str, handler: Handler) -> None:
        self._queue = queue
        self._handler = handler
        self._room = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[Any]] = set()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if len(self._tasks) > AT_ONCE + WAITING:
                await _send(writer, {"refused": "busy"})
                return
            async with asyncio.timeout(FIRST_FRAME_S):
                message = await _receive(reader)
            async with self._room:
                reply = await self._handle(message)
            await _send(writer, reply)
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            logger.info("a request to queue %s was dropped: %s", self._queue, type(error).__name__)
        except asyncio.CancelledError:
            # this task belongs to asyncio's server; being closed is its normal end, not something to report
            return
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _handle(self, message: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"reply": await self._handler(message)}
        except Exception:
            logger.exception("a handler of queue %s failed on %s", self._queue, message.get("command"))
            return {"refused": "failed"}

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _lock(path: str, queue: str) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise RuntimeError(f"another process serves the queue {queue!r} of this data folder; stop it first") from error
    return descriptor


async def _send(writer: asyncio.StreamWriter, message: dict[str, Any]) -> None:
    body = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
    if len(body) > LARGEST_FRAME:
        raise ValueError("the message is too long")
    writer.write(_LENGTH.pack(len(body)) + body)
    await writer.drain()


async def _receive(reader: asyncio.StreamReader) -> dict[str, Any]:
    (length,) = _LENGTH.unpack(await reader.readexactly(4))
    if length > LARGEST_FRAME:
        raise ValueError("the message is too long")
    message = json.loads(await reader.readexactly(length))
    if not isinstance(message, dict):
        raise ValueError("not an object")
    return message
