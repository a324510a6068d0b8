"""How much of a core this process has used of late."""

from __future__ import annotations

import time
from collections import deque

_WINDOW_S = 5.0


class CpuMeter:
    """Feed it `sample` a few times a second."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque([(time.monotonic(), time.process_time())])

    def sample(self, now: float) -> None:
        """`now`: monotonic seconds."""
        self._samples.append((now, time.process_time()))
        while len(self._samples) > 2 and now - self._samples[1][0] > _WINDOW_S:
            self._samples.popleft()

    def percent(self) -> float:
        """Per cent of one core over the last five seconds; 100 is one core in full."""
        (began, used), (now, total) = self._samples[0], self._samples[-1]
        return round(100 * (total - used) / (now - began), 1) if now > began else 0.0
