"""The events in Redis: appended by any thread, read by event loops. See `scripts.py` for how they lie there."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Collection
from typing import Any, cast

import redis
import redis.asyncio

from hearthline.realtime.bus import Audience, Event
from hearthline.realtime.redis_bus import scripts
from hearthline.realtime.store import KEPT_EVENTS, written

KEYS = [scripts.META, scripts.EVENTS, scripts.HEARD]


class Appender:
    """For threads. Every method raises `redis.RedisError` or OSError when Redis cannot be reached."""

    def __init__(self, client: redis.Redis, *, kept: int = KEPT_EVENTS) -> None:
        self._client = client
        self._kept = kept
        self._append = client.register_script(scripts.APPEND)
        self._begin_era = client.register_script(scripts.BEGIN_ERA)
        self._extent = client.register_script(scripts.EXTENT)

    def add(self, name: str, payload: dict[str, Any], audiences: Collection[Audience]) -> int:
        """Append an event and return its id. Raises ValueError when it is too large."""
        text, who = written(name, payload, audiences)
        reply: Any = self._append(keys=KEYS, args=[self._kept, name, text, repr(time.time()), "\n".join(who)])
        return int(reply)

    def begin_era(self) -> None:
        """Say that something was lost: nobody goes on from before this moment."""
        self._begin_era(keys=KEYS)

    def latest_id(self) -> int:
        return int(cast(Any, self._extent(keys=KEYS))[0])

    def keeps_after(self, event_id: int) -> bool:
        return _keeps(cast(Any, self._extent(keys=KEYS)), event_id)

    def heard_by(self, audiences: Collection[Audience], *, after: int, until: int, limit: int) -> list[Event]:
        pipeline = self._client.pipeline(transaction=False)
        ask_ids(pipeline, audiences, after, until, limit)
        ids = merged(pipeline.execute(), limit)
        ask_entries(pipeline, ids)
        return entries(pipeline.execute())


async def extent(client: redis.asyncio.Redis) -> tuple[int, int, int]:
    """(latest id, horizon, id of the oldest kept entry)."""
    latest, horizon, oldest = cast(Any, await awaited(client.eval(scripts.EXTENT, 3, *KEYS)))
    return int(latest), int(horizon), int(oldest or latest)


async def keeps_after(client: redis.asyncio.Redis, event_id: int) -> bool:
    return _keeps(await awaited(client.eval(scripts.EXTENT, 3, *KEYS)), event_id)


async def heard_by(
    client: redis.asyncio.Redis, audiences: Collection[Audience], *, after: int, until: int, limit: int
) -> list[Event]:
    pipeline = client.pipeline(transaction=False)
    ask_ids(pipeline, audiences, after, until, limit)
    ids = merged(await pipeline.execute(), limit)
    ask_entries(pipeline, ids)
    return entries(await pipeline.execute())


def ask_ids(pipeline: Any, audiences: Collection[Audience], after: int, until: int, limit: int) -> None:
    for who in sorted(set(audiences)):
        pipeline.zrangebyscore(f"{scripts.HEARD}{who}", f"({after}", until, 0, limit)


def merged(of_each: list[list[bytes]], limit: int) -> list[int]:
    return sorted({int(id) for ids in of_each for id in ids})[:limit]


def ask_entries(pipeline: Any, ids: list[int]) -> None:
    for id in ids:
        pipeline.execute_command("XRANGE", scripts.EVENTS, f"{id}-0", f"{id}-0")


def entries(replies: list[Any]) -> list[Event]:
    return [event_of(id, fields) for reply in replies for id, fields in reply]


def event_of(id: bytes, fields: dict[bytes, bytes]) -> Event:
    """Of a stream's entry; `LOST` has no audiences."""
    return Event(
        id=int(id.partition(b"-")[0]),
        at=float(fields[b"t"]),
        name=fields[b"n"].decode(),
        payload=json.loads(fields[b"p"]),
        audiences=tuple(fields[b"a"].decode().split("\n")) if fields[b"a"] else (),
    )


def _keeps(reply: Any, event_id: int) -> bool:
    latest, horizon, oldest = int(reply[0]), int(reply[1]), int(reply[2] or reply[0])
    return max(horizon, oldest - 1) <= event_id <= latest


async def awaited(reply: Awaitable[Any] | Any) -> Any:
    """redis-py's types say of each command that it may or may not have to be awaited; with its asyncio client it has."""
    return await reply
