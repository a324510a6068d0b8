"""Patience that ends for whoever guesses telephones' passwords: wrong answers, counted by host and name."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

TRIES = 6  # wrong answers of one host for one name within `WINDOW_SECONDS`
HOST_TRIES = 40  # the same for any names: many telephones may stand behind one address
WINDOW_SECONDS = 600.0
HOSTS_KEPT = 20_000


@dataclass(slots=True)
class _Failures:
    count: int
    until: float  # monotonic; forgotten then


@dataclass(frozen=True, slots=True)
class Ban:
    host: str
    name: str  # "": all names
    until: float  # monotonic


class Guessers:
    """`now` is monotonic seconds everywhere."""

    def __init__(self) -> None:
        self._failures: OrderedDict[tuple[str, str], _Failures] = OrderedDict()  # (host, name); name "": the host's

    def failed(self, host: str, name: str, now: float) -> None:
        for key in ((host, name), (host, "")):
            known = self._failures.pop(key, None)
            count = known.count + 1 if known is not None and known.until > now else 1
            self._failures[key] = _Failures(count, now + WINDOW_SECONDS)
        while len(self._failures) > HOSTS_KEPT:
            self._failures.popitem(last=False)

    def succeeded(self, host: str, name: str) -> None:
        self._failures.pop((host, name), None)

    def banned_for(self, host: str, name: str, now: float, *, here: bool) -> float:
        """Seconds until this host may try this name again; 0: it may. `here`: the telephone of that name is registered from
        this host, so the host's other telephones do not matter to it."""
        longest = 0.0
        for key, tries in (((host, name), TRIES), ((host, ""), HOST_TRIES)):
            if here and not key[1]:
                continue
            found = self._failures.get(key)
            if found is not None and found.count >= tries and found.until > now:
                longest = max(longest, found.until - now)
        return longest

    def bans(self, now: float, most: int) -> list[Ban]:
        """Those in force, at most so many, the latest first."""
        found: list[Ban] = []
        for (host, name), failures in reversed(self._failures.items()):
            if len(found) >= most:
                break
            if failures.until > now and failures.count >= (TRIES if name else HOST_TRIES):
                found.append(Ban(host, name, failures.until))
        return found
