"""Readers of events in one event loop, and who of them gets which event: the part that every bus has in common."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection

from hearthline.realtime.bus import Audience, Bus, Event, LaggedError

READER_BOUND = 1_000  # events a reader may fall behind before it is let go
READ_AT_ONCE = 500


class Reader:
    """One reader's place in the stream: a bounded queue that its bus fills."""

    def __init__(self, room: ReadingRoom, audiences: frozenset[Audience], start: int) -> None:
        self.start = start  # everything after this id comes through the queue
        self.audiences = audiences
        self._room = room
        self._waiting: deque[Event] = deque()
        self._lagged = False
        self._bell: asyncio.Future[None] | None = None

    async def next(self) -> Event:
        """The next event. Raises LaggedError when this reader fell more than `READER_BOUND` events behind, or the bus lost
        some of what it should have got."""
        while not self._waiting:
            await self._rung()
        return self._waiting.popleft()

    async def some(self) -> list[Event]:
        """Everything that waits, at least one event; or nothing after a `nudge`. Raises LaggedError as `next`."""
        if not self._waiting:
            await self._rung()
        events = list(self._waiting)
        self._waiting.clear()
        return events

    def nudge(self) -> None:
        """Let `some` return now, with nothing."""
        if self._bell is not None and not self._bell.done():
            self._bell.set_result(None)

    async def _rung(self) -> None:
        if self._lagged:
            raise LaggedError
        self._bell = asyncio.get_running_loop().create_future()
        await self._bell
        if self._lagged:
            raise LaggedError

    def give(self, event: Event) -> None:
        if self._lagged:
            return
        if len(self._waiting) >= READER_BOUND:
            self.let_go()
        else:
            self._waiting.append(event)
            self.nudge()

    def let_go(self) -> None:
        """It has missed something: what waits is dropped, and its next look says so."""
        self._waiting.clear()
        self._lagged = True
        self.nudge()

    def close(self) -> None:
        self._room.remove(self)


class ReadingRoom:
    """The readers of one event loop, found by what they listen to. `emptied` is called when the last one has left."""

    def __init__(self, emptied: Callable[[], None]) -> None:
        self._emptied = emptied
        self._by_audience: dict[Audience, set[Reader]] = {}
        self._readers: set[Reader] = set()

    def __len__(self) -> int:
        return len(self._readers)

    def add(self, audiences: Collection[Audience], start: int) -> Reader:
        reader = Reader(self, frozenset(audiences), start)
        self._readers.add(reader)
        for audience in reader.audiences:
            self._by_audience.setdefault(audience, set()).add(reader)
        return reader

    def remove(self, reader: Reader) -> None:
        if reader not in self._readers:
            return
        self._readers.discard(reader)
        for audience in reader.audiences:
            readers = self._by_audience[audience]
            readers.discard(reader)
            if not readers:
                del self._by_audience[audience]
        if not self._readers:
            self._emptied()

    def give(self, event: Event) -> None:
        found: set[Reader] = set()
        for audience in event.audiences:
            found |= self._by_audience.get(audience, set())
        for reader in found:
            reader.give(event)

    def let_all_go(self) -> None:
        """Something was lost, and nobody knows whose it was."""
        for reader in self._readers:
            reader.let_go()


async def follow(bus: Bus, audiences: Collection[Audience], after: int | None) -> AsyncIterator[Event]:
    """`Bus.subscribe`, by what else a bus offers."""
    reader = await bus.open_reader(audiences)
    try:
        if after is not None:
            if not await bus.keeps_after(after):
                raise LaggedError
            while after < reader.start:
                batch = await bus.missed(audiences, after=after, until=reader.start, limit=READ_AT_ONCE)
                for event in batch:
                    yield event
                if len(batch) < READ_AT_ONCE:
                    break
                after = batch[-1].id
        while True:
            yield await reader.next()
    finally:
        reader.close()
