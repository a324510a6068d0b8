"""Calling windows, also where clocks are moved."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hearthline.dialing.rules import Window, is_open, next_change, next_opening, open_zones

ZONES = [
    "Europe/Moscow", "Asia/Vladivostok", "America/New_York", "Europe/London", "Australia/Lord_Howe", "Asia/Kathmandu",
    "America/St_Johns", "Pacific/Apia", "Africa/Casablanca", "America/Asuncion", "Etc/GMT-14", "Pacific/Marquesas",
]  # fmt: skip
machine_may_be_busy = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
EVERY_DAY = frozenset(range(1, 8))


@st.composite
def windows(draw: st.DrawFn) -> Window:
    start, end = sorted(draw(st.lists(st.integers(0, 1439), min_size=2, max_size=2, unique=True)))
    days = draw(st.frozensets(st.integers(1, 7), min_size=1))
    return Window(time(start // 60, start % 60), time(end // 60, end % 60), days)


moments = st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))  # noqa: DTZ001


def covers(window: Window, zone: str, moment: datetime) -> bool:
    """The rule said anew, straight from the wall clock."""
    wall = moment.astimezone(ZoneInfo(zone))
    start, end = window.start.hour * 60 + window.start.minute, window.end.hour * 60 + window.end.minute
    return wall.isoweekday() in window.days and start <= wall.hour * 60 + wall.minute < end


@machine_may_be_busy
@given(windows(), st.sampled_from(ZONES), moments)
def test_open_by_the_wall_clock_of_the_zone(window: Window, zone: str, now: datetime) -> None:
    assert is_open(window, zone, now) == covers(window, zone, now)


@machine_may_be_busy
@given(windows(), st.frozensets(st.sampled_from(ZONES)), moments)
def test_each_zone_for_itself(window: Window, zones: frozenset[str], now: datetime) -> None:
    assert open_zones(window, zones, now) == {zone for zone in zones if covers(window, zone, now)}


@machine_may_be_busy
@given(windows(), st.sampled_from(ZONES), moments)
def test_the_next_change_is_the_first_minute_that_differs(window: Window, zone: str, now: datetime) -> None:
    change = next_change(window, [zone], now)
    assert change is not None
    assert change > now
    assert covers(window, zone, change) != covers(window, zone, now)
    minute = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    step = max(timedelta(minutes=1), (change - minute) / 200)  # looked at in steps: the days between are many minutes
    while minute < change:
        assert covers(window, zone, minute) == covers(window, zone, now)
        minute += step
    assert covers(window, zone, change - timedelta(minutes=1)) == covers(window, zone, now) or change - now < timedelta(
        minutes=1
    )


@machine_may_be_busy
@given(windows(), st.sampled_from(ZONES), moments)
def test_the_next_opening_is_open(window: Window, zone: str, now: datetime) -> None:
    opening = next_opening(window, zone, now)
    assert opening is not None
    assert covers(window, zone, opening)
    assert opening >= now
    if opening > now:
        assert not covers(window, zone, opening - timedelta(minutes=1))


def test_clocks_put_forward_and_back() -> None:
    night = Window(time(2, 0), time(3, 0), EVERY_DAY)
    spring = datetime(2026, 3, 8, 6, 59, tzinfo=UTC)  # 1:59 in New York; the next minute is 3:00
    assert not is_open(night, "America/New_York", spring)
    assert not is_open(night, "America/New_York", spring + timedelta(minutes=1))
    opening = next_opening(night, "America/New_York", spring)
    assert opening == datetime(2026, 3, 9, 6, 0, tzinfo=UTC)  # the next day, by summer time
    evening = Window(time(1, 0), time(2, 0), EVERY_DAY)
    autumn = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)  # 1:30 for the first time
    assert is_open(evening, "America/New_York", autumn)
    assert is_open(evening, "America/New_York", autumn + timedelta(hours=1))  # and for the second
    assert next_change(evening, ["America/New_York"], autumn) == datetime(2026, 11, 1, 7, 0, tzinfo=UTC)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../../etc/passwd", "a\x00b"])
def test_an_unknown_zone_is_never_open(zone: str) -> None:
    window = Window(time(0, 0), time(23, 59), EVERY_DAY)
    assert not is_open(window, zone, datetime(2026, 3, 25, 12, tzinfo=UTC))
    assert next_opening(window, zone, datetime(2026, 3, 25, 12, tzinfo=UTC)) is None
