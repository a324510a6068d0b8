"""Time for call control: what moment it is, and being called at a later one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol


class Handle(Protocol):
    def cancel(self) -> None: ...


class Moments(Protocol):
    def now(self) -> float:
        """Seconds since the epoch (UTC)."""
        ...

    def call_at(self, due: float, callback: Callable[[], None]) -> Handle:
        """Call back when `due` has come, soon when it is past."""
        ...


class RealMoments:
    def now(self) -> float:
        return time.time()

    def call_at(self, due: float, callback: Callable[[], None]) -> Handle:
        return asyncio.get_running_loop().call_later(max(0.0, due - time.time()), callback)
