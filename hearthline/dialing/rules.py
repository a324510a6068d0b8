"""Calling windows: when a contact may be called, in its own time zone. Pure: times in, answers out.

A window is [start, end) of each allowed weekday by the contact's wall clock. Where clocks are put forward, a minute that
does not exist is simply never reached; where they are put back, the hour that comes twice is open twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hearthline.campaigns.models import Campaign

LOOK_AHEAD_DAYS = 8  # a window opens at least once a week


@dataclass(frozen=True, slots=True)
class Window:
    """`start` and `end` have whole minutes, `start` < `end`; `days` are ISO weekdays 1-7."""

    start: time
    end: time
    days: frozenset[int]

    @classmethod
    def of(cls, campaign: Campaign) -> Window:
        days = frozenset(int(day) for day in campaign.window_days) or frozenset(range(1, 8))
        return cls(campaign.window_start, campaign.window_end, days)

    def covers(self, local: datetime) -> bool:
        """`local`: the wall clock where the contact is."""
        return local.isoweekday() in self.days and self.start <= local.time() < self.end


def is_open(window: Window, zone: str, now: datetime) -> bool:
    """May somebody in `zone` be called? A zone that is not known is never open: nobody is called at night by a typing
    mistake."""
    return zone in open_zones(window, frozenset((zone,)), now)


def open_zones(window: Window, zones: frozenset[str], now: datetime) -> frozenset[str]:
    """Those of the zones in which it is now time to call."""
    minute = now.astimezone(UTC).replace(second=0, microsecond=0)  # windows and UTC offsets have whole minutes
    return _open_in_minute(window, zones, minute)


@lru_cache(maxsize=4096)
def _open_in_minute(window: Window, zones: frozenset[str], minute: datetime) -> frozenset[str]:
    return frozenset(z for z in zones if (zone := _zone(z)) is not None and window.covers(minute.astimezone(zone)))


def next_change(window: Window, zones: Iterable[str], now: datetime) -> datetime | None:
    """The first moment after `now` at which a window opens or closes in any of the zones; None: never."""
    return min((at for z in zones if (at := _next_change(window, z, now)) is not None), default=None)


def next_opening(window: Window, zone: str, now: datetime) -> datetime | None:
    """`now` if it is open, else when it opens next; None: never (an unknown zone)."""
    if is_open(window, zone, now):
        return now
    at: datetime | None = now
    for _step in range(2 * LOOK_AHEAD_DAYS):
        at = _next_change(window, zone, at) if at is not None else None
        if at is None or is_open(window, zone, at):
            return at
    return None


def into_window(window: Window, zone: str, at: datetime) -> datetime:
    """`at`, or the next moment after it at which calling is allowed; `at` itself where it never is."""
    return next_opening(window, zone, at) or at


def _next_change(window: Window, name: str, now: datetime) -> datetime | None:
    zone = _zone(name)
    if zone is None:
        return None
    now = now.astimezone(UTC)
    today = now.astimezone(zone).date()
    was = window.covers(now.replace(second=0, microsecond=0).astimezone(zone))
    for moment in sorted(m for m in _edges(window, zone, today) if m > now):
        if window.covers(moment.astimezone(zone)) != was:
            return moment
    return None


def _edges(window: Window, zone: ZoneInfo, today: date) -> set[datetime]:
    """Every moment in the coming days at which being open may change: both edges of each day's window (both times, where
    the clock is put back) and midnight, and the changes of the clock themselves."""
    edges: set[datetime] = set()
    for day in range(-1, LOOK_AHEAD_DAYS + 1):
        on = today + timedelta(days=day)
        for wall in (time(0, 0), window.start, window.end):
            for fold in (0, 1):
                local = datetime.combine(on, wall, tzinfo=zone).replace(fold=fold)
                edges.add(local.astimezone(UTC))
        change = _clock_change(zone, on)
        if change is not None:
            edges.add(change)
    return edges


def _clock_change(zone: ZoneInfo, on: date) -> datetime | None:
    """The minute of this day in which the zone's offset changes, if it does."""
    low = datetime.combine(on, time(0, 0), tzinfo=UTC)
    high = low + timedelta(days=1)
    if low.astimezone(zone).utcoffset() == high.astimezone(zone).utcoffset():
        return None
    before = low.astimezone(zone).utcoffset()
    while high - low > timedelta(minutes=1):
        middle = low + timedelta(minutes=int((high - low) / timedelta(minutes=2)))
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
