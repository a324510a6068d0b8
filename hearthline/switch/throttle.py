"""How much of something is let through: so many of one key within a window, and no memory without bound."""

from __future__ import annotations

from collections import OrderedDict

KEYS_KEPT = 5_000


class Throttle:
    """At most `most` of one key within `window_s`, counted from the first of them. `now` is monotonic seconds."""

    def __init__(self, most: int, window_s: float) -> None:
        self._most = most
        self._window_s = window_s
        self._seen: OrderedDict[str, tuple[float, int]] = OrderedDict()  # key -> when the window began, how many in it

    def allows(self, key: str, now: float) -> bool:
        """Whether one more goes through; it is counted either way."""
        began, count = self._seen.pop(key, (now, 0))
        if now - began >= self._window_s:
            began, count = now, 0
        self._seen[key] = (began, count + 1)
        while len(self._seen) > KEYS_KEPT:
            self._seen.popitem(last=False)
        return count < self._most
