"""Queues with a reply over Redis.

Who serves a queue holds a lease on its name and takes requests from a list that bears its token. A process that hangs
longer than its lease loses the name: from then on no request reaches it, and when it wakes up it learns that it was
replaced. A request carries the moment after which nobody wants it any more; it is not carried out later. A request is
taken off the list before it is carried out, so none is ever carried out twice.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import redis.asyncio
from django.utils.translation import gettext_lazy as _

from hearthline.lib.errors import UnavailableError
from hearthline.realtime.bus import UnservedError
from hearthline.realtime.queues import AT_ONCE, LARGEST_FRAME, UNANSWERED, WAITING, Handler, reply_of
from hearthline.realtime.redis_bus import scripts
from hearthline.realtime.redis_bus.connections import BLOCK_S, LostError, client_for_loop, stop_if_cancelled
from hearthline.realtime.redis_bus.log import awaited
from hearthline.realtime.sockets import address, private_folder, socket_name

logger = logging.getLogger(__name__)

LEASE_S = 6.0
RENEW_EVERY_S = 2.0
REPLY_KEPT_S = 60
PAUSE_S = 0.5  # between two tries to reach Redis


def _queue_key(queue: str) -> str:
    return f"{scripts.PREFIX}queue:{queue}"


def _reply_key(request: str) -> str:
    return f"{scripts.PREFIX}reply:{request}"


async def request(
    client: redis.asyncio.Redis, queue: str, message: dict[str, Any], *, timeout_s: float
) -> dict[str, Any]:
    """As `Bus.request`."""
    body = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
    if len(body.encode()) > LARGEST_FRAME:
        raise UnavailableError(_("The exchange could not do this. Try again; if it repeats, tell its administrator."))
    id = secrets.token_hex(16)
    try:
        async with asyncio.timeout(timeout_s):
            fate = await awaited(
                client.eval(scripts.ENQUEUE, 1, _queue_key(queue), str(WAITING), str(int(timeout_s * 1000)), id, body)
            )
            if fate == b"queued":
                answer = await _answer(client, id)
    except (*LostError, TimeoutError) as error:
        logger.warning("no reply from queue %s: %s", queue, type(error).__name__)
        raise UnavailableError(UNANSWERED) from error
    if fate == b"nobody":
        logger.warning("nobody serves queue %s", queue)
        raise UnservedError(UNANSWERED)
    return reply_of(queue, {"refused": "busy"} if fate == b"busy" else answer)


async def _answer(client: redis.asyncio.Redis, id: str) -> dict[str, Any]:
    while True:
        stop_if_cancelled()
        found = await awaited(client.blpop([_reply_key(id)], timeout=BLOCK_S))
        if found:
            answer: dict[str, Any] = json.loads(found[1])
            return answer


async def serve(url: str, run_folder: Path, queue: str, handler: Handler, serving: dict[str, Server]) -> None:
    """As `Bus.serve`; meanwhile its server is in `serving`."""
    async with _predecessors(run_folder, queue) as host:
        client = client_for_loop(url, longest_wait_s=BLOCK_S)
        server = serving[queue] = Server(client, queue, handler, host)
        try:
            await server.run()
        finally:
            del serving[queue]
            await server.close()
            await client.aclose()


class Server:
    def __init__(self, client: redis.asyncio.Redis, queue: str, handler: Handler, host: str) -> None:
        self._client = client
        self._queue = queue
        self._key = _queue_key(queue)
        self._host = host
        self._token = host + secrets.token_hex(8)
        self._handler = handler
        self._held_until = 0.0  # by time.monotonic(), from before the lease was asked for
        self._ahead_ms = 0.0  # what Redis's clock shows beyond time.monotonic()
        self._room = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until cancelled. Raises RuntimeError when somebody else serves the queue."""
        await self._get_lease()
        keeping = asyncio.create_task(self._keep_lease(), name=f"realtime: lease of {self._queue}")
        taking = asyncio.create_task(self._take_all(), name=f"realtime: requests to {self._queue}")
        try:
            done, _pending = await asyncio.wait({keeping, taking}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (keeping, taking):
                task.cancel()
            await asyncio.gather(keeping, taking, return_exceptions=True)

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(*LostError):
            await awaited(self._client.eval(scripts.RELEASE, 1, self._key, self._token))

    # --- the lease ----------------------------------------------------------------------------------------------------

    async def _get_lease(self) -> None:
        """A predecessor that was killed on another host, or with another data folder, still has its lease for a while."""
        patience = time.monotonic() + LEASE_S + RENEW_EVERY_S
        while True:
            try:
                if await self._renew():
                    return
                if time.monotonic() > patience:
                    raise RuntimeError(f"another process serves the queue {self._queue!r}; stop it first")
            except LostError as error:
                logger.warning("queue %s waits for Redis: %s", self._queue, type(error).__name__)
                await self._client.connection_pool.disconnect()
            await asyncio.sleep(PAUSE_S)

    async def _keep_lease(self) -> None:
        while True:
            stop_if_cancelled()
            await asyncio.sleep(RENEW_EVERY_S)
            try:
                if not await self._renew():
                    raise RuntimeError(
                        f"another process serves the queue {self._queue!r} now: this one was away too long"
                    )
            except LostError as error:
                logger.warning("queue %s: the lease could not be renewed: %s", self._queue, type(error).__name__)

    async def _renew(self) -> bool:
        asked = time.monotonic()
        ours, now_ms = await awaited(
            self._client.eval(scripts.LEASE, 1, self._key, self._token, str(int(LEASE_S * 1000)), self._host)
        )
        if int(ours):
            self._held_until = asked + LEASE_S
            self._ahead_ms = int(now_ms) - asked * 1000
        return bool(int(ours))

    @property
    def holds(self) -> bool:
        """Whether the lease is ours, by what Redis said last."""
        return time.monotonic() < self._held_until

    async def _still_ours(self) -> bool:
        return self.holds or await self._renew()

    # --- requests -----------------------------------------------------------------------------------------------------

    async def _take_all(self) -> None:
        while True:
            await self._room.acquire()
            try:
                item = await self._next()
            except LostError as error:
                self._room.release()
                logger.warning("queue %s waits for Redis: %s", self._queue, type(error).__name__)
                await asyncio.sleep(PAUSE_S)
                continue
            except BaseException:
                self._room.release()
                raise
            task = asyncio.create_task(self._answer(item), name=f"realtime: a request to {self._queue}")
            self._tasks.add(task)
            task.add_done_callback(self._done)

    async def _next(self) -> bytes:
        while True:
            stop_if_cancelled()
            found = await awaited(self._client.blpop([f"{self._key}:{self._token}"], timeout=BLOCK_S))
            if found:
                return bytes(found[1])

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._room.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a request to queue %s was dropped", self._queue, exc_info=error)

    async def _answer(self, item: bytes) -> None:
        until, id, body = item.split(b" ", 2)
        try:
            if not await self._still_ours() or time.monotonic() * 1000 + self._ahead_ms > int(until):
                logger.warning("a request to queue %s came too late and is not carried out", self._queue)
                return
        except LostError:
            logger.warning("a request to queue %s is not carried out: Redis is away", self._queue)
            return
        message = json.loads(body)
        try:
            reply: dict[str, Any] = {"reply": await self._handler(message)}
        except Exception:
            logger.exception("a handler of queue %s failed on %s", self._queue, message.get("command"))
            reply = {"refused": "failed"}
        await self._send(id.decode(), reply)

    async def _send(self, id: str, reply: dict[str, Any]) -> None:
        key = _reply_key(id)
        pipeline = self._client.pipeline(transaction=True)
        pipeline.rpush(key, json.dumps(reply, ensure_ascii=False, separators=(",", ":")))
        pipeline.expire(key, REPLY_KEPT_S)
        try:
            await pipeline.execute()
        except LostError as error:
            logger.warning("a reply of queue %s was lost: %s", self._queue, type(error).__name__)


@asynccontextmanager
async def _predecessors(run_folder: Path, queue: str) -> AsyncIterator[str]:
    """What the tokens of this host's servers of the queue begin with. Having the lock on the file that says so proves that
    the former one is dead: its lease need not be waited for. Raises RuntimeError when it lives."""
    path = address(private_folder(run_folder), socket_name("redis", queue) + ".lock")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RuntimeError(
                f"another process serves the queue {queue!r} of this data folder; stop it first"
            ) from error
        name = os.read(descriptor, 64).decode()
        if not name:
            name = secrets.token_hex(16) + ":"
            os.write(descriptor, name.encode())
        yield name
    finally:
        os.close(descriptor)
