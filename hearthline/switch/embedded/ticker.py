"""The 20 ms clock of the mixer: an absolute schedule on the event loop, with its lateness measured."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable

from hearthline.switch.embedded.pcm import TICK_S

log = logging.getLogger(__name__)

LATE_S = 0.005  # a tick that begins later than this is late
_KEPT = 250  # ticks looked back on: 5 s
_CATCH_UP = 4  # ticks run at once after a delay; what is missing beyond them is skipped


class Ticker:
    """Calls `tick(now)` every 20 ms. After a delay it catches up a few ticks, and tells `skipped(n)` of the rest."""

    def __init__(self, tick: Callable[[float], None], skipped: Callable[[int], None]) -> None:
        self._tick = tick
        self._skipped = skipped
        self._handle: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._late: deque[bool] = deque(maxlen=_KEPT)
        self.worst_s = 0.0  # greatest lateness so far

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._due = time.monotonic() + TICK_S
        self._handle = self._loop.call_later(TICK_S, self._run)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    @property
    def late_percent(self) -> float:
        """Share of the ticks of the last five seconds that began late."""
        return 100.0 * sum(self._late) / len(self._late) if self._late else 0.0

    def _run(self) -> None:
        now = time.monotonic()  # the loop's own clock may be that of the iteration's beginning
        lateness = now - self._due
        self.worst_s = max(self.worst_s, lateness)
        behind = int(lateness / TICK_S)
        self._late.extend([True] * min(behind, _KEPT))
        self._late.append(lateness > LATE_S)
        if behind > _CATCH_UP:
            self._skipped(behind - _CATCH_UP)
            self._due += (behind - _CATCH_UP) * TICK_S
            behind = _CATCH_UP
        for _ in range(behind + 1):
            try:
                self._tick(now)
            except Exception:  # the clock of all calls never stops for one of them
                log.exception("mixer: a tick failed")
            self._due += TICK_S
        self._handle = self._loop.call_later(max(0.0, self._due - time.monotonic()), self._run)
