"""The engine's bounded log of events: what readers have not seen yet, and what a lost reader missed."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import AsyncIterator

from hearthline.switch.port import NodeBack, NodeLost, SwitchEvent

KEPT = 20_000  # events; a reader that falls further behind is told so and must ask for `legs()`


class EventLog:
    """Events with sequence numbers, the first being 1."""

    def __init__(self, kept: int = KEPT) -> None:
        self._events: deque[SwitchEvent] = deque(maxlen=kept)
        self.last = 0  # sequence number of the newest event
        self._waiting: set[asyncio.Event] = set()

    def append(self, event: SwitchEvent) -> None:
        self._events.append(event)
        self.last += 1
        for wake in self._waiting:
            wake.set()

    def after(self, sequence: int, limit: int = 500) -> list[tuple[int, SwitchEvent]] | None:
        """Events after `sequence`, at most `limit`, oldest first. None when some of them are no longer kept, or when
        `sequence` was never given out."""
        first_kept = self.last - len(self._events) + 1
        if sequence > self.last or sequence < first_kept - 1:
            return None
        start = sequence - first_kept + 1
        chosen = itertools.islice(self._events, start, start + limit)
        return [(sequence + 1 + offset, event) for offset, event in enumerate(chosen)]

    async def wait(self, sequence: int) -> None:
        """Return when there is an event after `sequence`."""
        while self.last <= sequence:
            wake = asyncio.Event()
            self._waiting.add(wake)
            try:
                await wake.wait()
            finally:
                self._waiting.discard(wake)

    async def read(self, sequence: int) -> AsyncIterator[SwitchEvent]:
        """Events after `sequence`, for ever. A gap shows as NodeLost and NodeBack: the reader must look at `legs()`."""
        while True:
            await self.wait(sequence)
            batch = self.after(sequence)
            if batch is None:
                now = time.time()
                yield NodeLost(now, "the reader fell behind and events were dropped")
                sequence = self.last
                yield NodeBack(now, same_process=True)
                continue
            for number, event in batch:
                sequence = number
                yield event
