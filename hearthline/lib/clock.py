"""The clock: the one place that asks what time it is, so that tests can set it (time-machine) and readers can find it."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)


def from_timestamp(at: float) -> datetime:
    """An aware moment from seconds since the epoch, as the switch tells time."""
    return datetime.fromtimestamp(at, UTC)
