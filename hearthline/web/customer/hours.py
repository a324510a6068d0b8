"""A campaign's calls by the hour, for the small chart: hours in which nothing was done are drawn too."""

from __future__ import annotations

from hearthline.campaigns.live import by_hour
from hearthline.campaigns.models import Campaign
from hearthline.lib import clock

HOURS_SHOWN = 48
SHORTEST = 6  # hours: a chart of one bar says little


def series(campaign: Campaign) -> dict[str, list[int]]:
    """Shape: {"hours": [seconds since the epoch], "calls": [...], "conversations": [...], "agreed": [...]}. One query."""
    found = {int(hour.at.timestamp()): hour for hour in by_hour(campaign, HOURS_SHOWN)}
    now = int(clock.now().timestamp()) // 3600 * 3600
    last = max(found, default=now)
    first = min(min(found, default=last), last - (SHORTEST - 1) * 3600)
    hours = list(range(first, last + 1, 3600))
    seen = [found.get(hour) for hour in hours]
    return {
        "hours": hours,
        "calls": [hour.attempts if hour else 0 for hour in seen],
        "conversations": [hour.conversations if hour else 0 for hour in seen],
        "agreed": [hour.agreed if hour else 0 for hour in seen],
    }
