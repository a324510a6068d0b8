"""The numbers that matter while a campaign runs. All from its running totals and short stretches of indexes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Count, Q
from django.db.models.functions import TruncHour

from hearthline.campaigns import tally
from hearthline.campaigns.models import Campaign, CampaignState, CampaignTally, Contact, ContactState, DispositionKind
from hearthline.lib import clock
from hearthline.lib.money import Money

PACE_OVER = timedelta(hours=1)
FURTHEST_END_DAYS = 60
COUNTED_TO = 20_000


@dataclass(frozen=True, slots=True)
class Hour:
    """What happened in an hour; `at` is its beginning in the campaign's zone."""

    at: datetime
    attempts: int
    conversations: int  # somebody was reached
    agreed: int


@dataclass(frozen=True, slots=True)
class Live:
    """`cost_per_agreed` None: nobody has agreed yet. `ends_about` None: not running, or too little happened to tell."""

    contacts: int
    left: int
    done: int
    unreached: int
    blocked: int
    attempts: int
    conversations: int
    agreed: int
    talk_ms: int
    spent: Money
    cost_per_agreed: Money | None
    ends_about: datetime | None


def live_numbers(campaign: Campaign, now: datetime | None = None) -> Live:
    """At most two queries."""
    totals = tally.of(campaign.pk)
    left = left_of(totals)
    per_agreed = totals.spent_minor // totals.agreed if totals.agreed else None
    return Live(
        contacts=totals.contacts,
        left=left,
        done=totals.done,
        unreached=totals.exhausted,
        blocked=totals.blocked,
        attempts=totals.attempts,
        conversations=totals.conversations,
        agreed=totals.agreed,
        talk_ms=totals.talk_ms,
        spent=Money(totals.spent_minor, campaign.currency),
        cost_per_agreed=Money(per_agreed, campaign.currency) if per_agreed is not None else None,
        ends_about=_ends_about(campaign, left, now or clock.now()),
    )


def left_of(totals: CampaignTally) -> int:
    return max(0, totals.contacts - totals.done - totals.exhausted - totals.blocked)


def by_hour(campaign: Campaign, hours: int = 24, now: datetime | None = None) -> list[Hour]:
    """The last hours with anything in them, oldest first: one query over that stretch of the results."""
    now = now or clock.now()
    zone = ZoneInfo(campaign.timezone)
    rows = (
        Contact.objects.filter(campaign=campaign, disposed_at__gt=now - timedelta(hours=min(hours, 24 * 7)))
        .order_by()
        .annotate(hour=TruncHour("disposed_at", tzinfo=zone))
        .values("hour")
        .annotate(
            attempted=Count("pk"),
            reached=Count("pk", filter=Q(outcome="")),
            agreed=Count("pk", filter=Q(disposition__kind=DispositionKind.SUCCESS)),
        )
        .order_by("hour")
    )
    return [Hour(row["hour"], row["attempted"], row["reached"], row["agreed"]) for row in rows]


def _ends_about(campaign: Campaign, left: int, now: datetime) -> datetime | None:
    """At the pace of the last hour, in the hours of calling of the campaign's own zone."""
    if campaign.state != CampaignState.RUNNING or not left:
        return None
    closing = (ContactState.DONE, ContactState.EXHAUSTED, ContactState.BLOCKED)
    lately = Contact.objects.filter(campaign=campaign, disposed_at__gt=now - PACE_OVER, state__in=closing)
    finished = lately.order_by()[:COUNTED_TO].count()
    if not finished:
        return None
    return _in_working_time(campaign, now, PACE_OVER * left / finished)


def _in_working_time(campaign: Campaign, now: datetime, work: timedelta) -> datetime | None:
    zone = ZoneInfo(campaign.timezone)
    days = set(campaign.window_days) or set(range(1, 8))
    today = now.astimezone(zone).date()
    for offset in range(FURTHEST_END_DAYS):
        day = today + timedelta(days=offset)
        if day.isoweekday() not in days:
            continue
        opens, closes = (_at(day, wall, zone) for wall in (campaign.window_start, campaign.window_end))
        begins = max(opens, now)
        if begins >= closes:
            continue
        if begins + work <= closes:
            return begins + work
        work -= closes - begins
    return None


def _at(day: date, wall: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, wall, zone).astimezone(UTC)
