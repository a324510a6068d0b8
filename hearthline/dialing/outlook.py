"""For how long there is work: contacts of many campaigns that may be called now, and until the windows close today.

Two statements, whatever the number and size of the campaigns: `heads_of` walks the index `contact_to_claim` from time zone to time
zone and looks whether the first contact of each is due; `outlook_of` counts along it and stops at `COUNTED_TO` for each zone and
priority. Who has many campaigns to compare counts those only that are to be shown.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from hearthline.campaigns.models import Campaign, Contact, Priority
from hearthline.dialing.rules import Window, next_opening, open_zones

COUNTED_TO = 200

_WAITING = "state IN ('fresh', 'retry')"  # written out, so that the planner may use the partial index


@dataclass(frozen=True, slots=True)
class Outlook:
    """`now`: contacts that may be called this moment; `today`: these and those that become due before the last window
    closes at `closes_at`; `more`: there are more than were counted. `opens_at`: when calls begin, where none may be made."""

    now: int = 0
    today: int = 0
    more: bool = False
    closes_at: datetime | None = None
    opens_at: datetime | None = None


Heads = dict[uuid.UUID, dict[str, bool]]  # of each campaign its zones with waiting contacts: whether the first is due


def has_work(campaign: Campaign, heads: Heads, now: datetime) -> bool:
    """Whether somebody may be called this moment."""
    zones = heads.get(campaign.pk, {})
    return any(zones[zone] for zone in open_zones(Window.of(campaign), frozenset(zones), now))


def outlook_of(campaigns: Sequence[Campaign], heads: Heads, now: datetime) -> dict[uuid.UUID, Outlook]:
    zones = {campaign.pk: list(heads.get(campaign.pk, {})) for campaign in campaigns}
    open_now: dict[tuple[uuid.UUID, str], datetime] = {}
    for campaign in campaigns:
        window = Window.of(campaign)
        allowed = open_zones(window, frozenset(zones[campaign.pk]), now)
        open_now |= {(campaign.pk, zone): _closing(window, zone, now) for zone in allowed}
    counts = _counts(open_now, now)
    return {campaign.pk: _outlook(campaign, zones[campaign.pk], open_now, counts, now) for campaign in campaigns}


def _outlook(
    campaign: Campaign,
    zones: Sequence[str],
    open_now: dict[tuple[uuid.UUID, str], datetime],
    counts: dict[tuple[uuid.UUID, str], tuple[int, int, bool]],
    now: datetime,
) -> Outlook:
    mine = [(campaign.pk, zone) for zone in zones if (campaign.pk, zone) in open_now]
    if not mine:
        window = Window.of(campaign)
        opens = [at for zone in zones if (at := next_opening(window, zone, now)) is not None]
        return Outlook(opens_at=min(opens, default=None))
    due, today, more = zip(*(counts[key] for key in mine), strict=True)
    return Outlook(sum(due), sum(today), any(more), max(open_now[key] for key in mine))


def _closing(window: Window, zone: str, now: datetime) -> datetime:
    """When the window that is open in this zone closes."""
    local = now.astimezone(ZoneInfo(zone))
    return datetime.combine(local.date(), window.end, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def heads_of(ids: Sequence[uuid.UUID], now: datetime) -> Heads:
    """The time zones of each campaign's waiting contacts, and in which of them somebody is due; one statement."""
    found: Heads = defaultdict(dict)
    if not ids:
        return found
    contact, campaign = Contact._meta.db_table, Campaign._meta.db_table
    due = " OR ".join(
        f"EXISTS (SELECT 1 FROM {contact} WHERE campaign_id = zones.campaign AND {_WAITING} AND timezone = zones.zone"  # noqa: S608
        f" AND priority = {level.value} AND next_attempt_at <= %s)"
        for level in Priority
    )
    statement = f"""
WITH RECURSIVE zones(campaign, zone) AS (
  SELECT id, (SELECT timezone FROM {contact} WHERE campaign_id = {campaign}.id AND {_WAITING} ORDER BY timezone LIMIT 1)
  FROM {campaign} WHERE id IN ({", ".join(["%s"] * len(ids))})
  UNION ALL
  SELECT campaign, (SELECT timezone FROM {contact} WHERE campaign_id = zones.campaign AND {_WAITING} AND timezone > zones.zone
                    ORDER BY timezone LIMIT 1)
  FROM zones WHERE zone IS NOT NULL
)
SELECT campaign, zone, {due} FROM zones WHERE zone IS NOT NULL"""  # noqa: S608 - table names of our own models
    for id, zone, is_due in _rows(statement, [*(_written(id) for id in ids), *([_moment(now)] * len(Priority))]):
        found[_read(id)][str(zone)] = bool(is_due)
    return found


def _counts(
    asked: dict[tuple[uuid.UUID, str], datetime], now: datetime
) -> dict[tuple[uuid.UUID, str], tuple[int, int, bool]]:
    """For each campaign and zone: due now, due until it closes, and whether there are more."""
    if not asked:
        return {}
    kinds = ("::uuid", "::varchar", "::timestamptz") if connection.vendor == "postgresql" else ("", "", "")
    places = ", ".join(["({})".format(", ".join(f"%s{kind}" for kind in kinds))] * len(asked))
    due = ", ".join(f"{_count(level, f'%s{kinds[2]}')} AS due_{level.value}" for level in Priority)
    today = ", ".join(
        f"CASE WHEN due_{level.value} >= {COUNTED_TO} THEN due_{level.value} ELSE {_count(level, 'asked.closes')} END"
        for level in Priority
    )
    statement = f"""
WITH given(campaign, zone, closes) AS (VALUES {places}),
asked AS MATERIALIZED (SELECT campaign, zone, closes, {due} FROM given AS asked)
SELECT campaign, zone, {", ".join(f"due_{level.value}" for level in Priority)}, {today} FROM asked"""  # noqa: S608 - as above
    values: list[Any] = []
    for (id, zone), closes in asked.items():
        values += [_written(id), zone, _moment(closes)]
    found = {}
    levels = len(Priority)
    for id, zone, *numbers in _rows(statement, values + [_moment(now)] * levels):
        counted = sum(numbers[:levels]), sum(numbers[levels:])
        found[_read(id), str(zone)] = (*counted, any(number >= COUNTED_TO for number in numbers))
    return found


def _count(level: Priority, due: str) -> str:
    """In the order of the index: else PostgreSQL gathers all that are due before it takes the first of them."""
    return f"""(SELECT count(*) FROM (
  SELECT 1 FROM {Contact._meta.db_table} WHERE campaign_id = asked.campaign AND {_WAITING} AND timezone = asked.zone
  AND priority = {level.value} AND next_attempt_at <= {due}
  ORDER BY next_attempt_at LIMIT {COUNTED_TO}) AS counted)"""  # noqa: S608 - as above


def _rows(statement: str, values: Iterable[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, list(values))
        return list(cursor.fetchall())


def _written(id: uuid.UUID) -> Any:
    return id if connection.features.has_native_uuid_field else id.hex


def _read(value: Any) -> uuid.UUID:
    return value if isinstance(value, uuid.UUID) else uuid.UUID(hex=value)


def _moment(value: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(value)
