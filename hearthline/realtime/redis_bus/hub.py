"""What one event loop hears of the events in Redis: one connection, one place in the stream, and who wants what."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Collection
from typing import Any

import redis.asyncio

from hearthline.realtime.bus import Audience
from hearthline.realtime.readers import READ_AT_ONCE, Reader, ReadingRoom
from hearthline.realtime.redis_bus import log, scripts
from hearthline.realtime.redis_bus.connections import BLOCK_S, LostError, client_for_loop, stop_if_cancelled

logger = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0  # between two tries to reach Redis


class Hub:
    """Reads while it has readers, and by itself comes back to where it was when Redis was away. Where it finds that it has
    missed something, it lets all readers go: they come back with the last id they have."""

    def __init__(self, url: str) -> None:
        self.closed = False
        self._url = url
        self._room = ReadingRoom(self._close)
        self._position = 0
        self._task: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()

    async def add(self, audiences: Collection[Audience]) -> Reader:
        """Raises RedisError or OSError when Redis cannot be reached for the first reader."""
        async with self._starting:
            if self._task is None:
                client = client_for_loop(self._url, longest_wait_s=BLOCK_S)
                try:
                    self._position, _horizon, _oldest = await log.extent(client)
                except BaseException:
                    await client.aclose()
                    raise
                self._task = asyncio.create_task(self._run(client), name="realtime: events from Redis")
            return self._room.add(audiences, self._position)

    def _close(self) -> None:
        self.closed = True
        if self._task is not None and not self._task.get_loop().is_closed():
            self._task.cancel()

    async def _run(self, client: redis.asyncio.Redis) -> None:
        pause = FIRST_PAUSE_S
        try:
            while True:
                try:
                    await self._compare(client)
                    while True:
                        stop_if_cancelled()
                        await self._read(client)
                        pause = FIRST_PAUSE_S
                except LostError as error:
                    logger.warning("events are not heard, Redis is away: %s", type(error).__name__)
                    await client.connection_pool.disconnect()
                    await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 (so that not all come at once)
                    pause = min(pause * 2, LONGEST_PAUSE_S)
        except Exception:
            logger.exception("events are no longer read; whoever listened begins anew")
            self.closed = True
            self._room.let_all_go()
        finally:
            await client.aclose()

    async def _compare(self, client: redis.asyncio.Redis) -> None:
        """After a lost connection: is what we have seen still the beginning of what is there?"""
        latest, horizon, oldest = await log.extent(client)
        if not max(horizon, oldest - 1) <= self._position <= latest:
            self._position = latest
            self._room.let_all_go()

    async def _read(self, client: redis.asyncio.Redis) -> None:
        place: dict[Any, Any] = {scripts.EVENTS: f"{self._position}-0"}
        reply = await log.awaited(client.xread(place, count=READ_AT_ONCE, block=int(BLOCK_S * 1000)))
        for _stream, found in reply or ():
            for id, fields in found:
                event = log.event_of(id, fields)
                if event.name == scripts.LOST or event.id != self._position + 1:
                    self._room.let_all_go()
                self._position = event.id
                self._room.give(event)
