"""How far the money goes, inside the hours of calling."""

from __future__ import annotations

from datetime import UTC, datetime, time

import pytest

from hearthline.campaigns.models import Campaign
from hearthline.web.customer.estimate import Pace, estimate

MONDAY_NOON = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)  # 12:00 in Moscow


def a_campaign(**fields: object) -> Campaign:
    values = {
        "price_minor": 1000,
        "timezone": "Europe/Moscow",
        "window_start": time(9),
        "window_end": time(18),
        "window_days": [],
    }
    return Campaign(**{**values, **fields})


@pytest.mark.parametrize(
    ("available", "left", "pace", "conversations", "until"),
    [
        (10_000, 500, Pace(1, 10), 10, datetime(2026, 11, 23, 10, 0, tzinfo=UTC)),  # an hour
        (10_000, 4, Pace(1, 10), 4, datetime(2026, 11, 23, 9, 24, tzinfo=UTC)),  # the contacts run out first
        (70_000, 500, Pace(1, 10), 70, datetime(2026, 11, 24, 7, 0, tzinfo=UTC)),  # six hours today, one tomorrow
        (70_000, 500, Pace(7, 10), 70, datetime(2026, 11, 23, 10, 0, tzinfo=UTC)),
        (70_000, 500, Pace(0, 10), 70, None),  # nobody works
        (900, 500, Pace(1, 10), 0, None),  # not one conversation
    ],
)
def test_money_becomes_conversations_and_a_time(
    available: int, left: int, pace: Pace, conversations: int, until: datetime | None
) -> None:
    found = estimate(a_campaign(), available_minor=available, left=left, pace=pace, now=MONDAY_NOON)
    assert (found.conversations, found.until) == (conversations, until)


def test_days_without_calls_are_skipped() -> None:
    campaign = a_campaign(window_days=[1, 5])
    found = estimate(campaign, available_minor=70_000, left=500, pace=Pace(1, 10), now=MONDAY_NOON)
    assert found.until == datetime(2026, 11, 27, 7, 0, tzinfo=UTC)  # Friday 10:00 in Moscow


def test_too_far_away_is_not_promised() -> None:
    found = estimate(a_campaign(), available_minor=10**9, left=10**6, pace=Pace(1, 1), now=MONDAY_NOON)
    assert found.until is None
