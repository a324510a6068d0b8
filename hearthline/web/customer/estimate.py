"""How far the money goes: "100 ₽ ≈ 7 conversations ≈ today by 18:00".

An honest guess, not a promise: as many conversations as the balance pays for and contacts are left, at the pace of the
operators who work now, inside the campaign's hours of calling.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import DurationField, ExpressionWrapper, F, Sum

from hearthline.calls.models import Shift
from hearthline.calls.pace import USUAL, Evidence, evidence_of, reckon
from hearthline.campaigns.models import Campaign, CampaignKind
from hearthline.lib import clock

USUAL_PACE = 12.0  # conversations an operator has in an hour, until the exchange has seen enough of its own
ENOUGH_CONVERSATIONS = 50
PACE_DAYS = 7
HORIZON_DAYS = 60


@dataclass(frozen=True, slots=True)
class Pace:
    operators: int  # with an open shift, not on a break
    per_operator_hour: float


NOBODY = Pace(0, USUAL_PACE)


@dataclass(frozen=True, slots=True)
class Estimate:
    """`until` is None when nobody works, or beyond HORIZON_DAYS."""

    conversations: int
    until: datetime | None
    operators: int
    contacts_run_out: bool  # the contacts end before the money does
    ringing_minor: int = 0  # what unanswered ringing costs for each conversation, if the campaign pays for it


def present_pace(now: datetime) -> Pace:
    """Two queries. Whoever practises with robots works for no customer."""
    at_work = Shift.objects.filter(campaign__kind=CampaignKind.REAL)
    operators = at_work.filter(ended_at=None, on_break=False).count()
    length = ExpressionWrapper(F("ended_at") - F("started_at"), output_field=DurationField())
    week = at_work.filter(ended_at__gt=now - timedelta(days=PACE_DAYS)).aggregate(
        conversations=Sum("conversations"), worked=Sum(length)
    )
    conversations, worked = week["conversations"] or 0, week["worked"] or timedelta()
    if conversations < ENOUGH_CONVERSATIONS or worked < timedelta(hours=1):
        return Pace(operators, USUAL_PACE)
    return Pace(operators, conversations / (worked / timedelta(hours=1)))


def ringing_per_conversation(campaign: Campaign, now: datetime) -> int:
    """What the campaign's floor for ringing has cost, or may cost, for each conversation: minor units. One query, none without
    a floor."""
    if not campaign.ring_pay_minor:
        return 0
    seen = evidence_of([campaign.pk], now).get(campaign.pk, Evidence())
    reckoning = reckon(seen, USUAL)
    if not reckoning.share:
        return 0
    return round(campaign.ring_pay_minor * reckoning.unpaid_ring_s / 60 / reckoning.share)


def estimate(
    campaign: Campaign,
    *,
    available_minor: int,
    left: int,
    pace: Pace,
    now: datetime | None = None,
    ringing_minor: int = 0,
) -> Estimate:
    """`left`: contacts that may still be called; `available_minor`: of the organisation's balance; `ringing_minor`: what goes
    with each conversation beside its price."""
    now = now or clock.now()
    affordable = available_minor // (campaign.price_minor + ringing_minor) if campaign.price_minor else 0
    conversations = max(0, min(affordable, left))
    until = None
    if conversations and pace.operators:
        until = _after(campaign, now, timedelta(hours=conversations / (pace.operators * pace.per_operator_hour)))
    return Estimate(
        conversations, until, pace.operators, contacts_run_out=left < affordable, ringing_minor=ringing_minor
    )


def _after(campaign: Campaign, now: datetime, work: timedelta) -> datetime | None:
    """The moment when so much time for calling has passed."""
    zone = ZoneInfo(campaign.timezone)
    days = campaign.window_days or list(range(1, 8))
    day = now.astimezone(zone).date()
    for _n in range(HORIZON_DAYS):
        if day.isoweekday() in days:
            opens = max(now, _moment(day, campaign.window_start, zone))
            closes = _moment(day, campaign.window_end, zone)
            if opens < closes:
                if opens + work <= closes:
                    return opens + work
                work -= closes - opens
        day += timedelta(days=1)
    return None


def _moment(day: date, at: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, at, tzinfo=zone).astimezone(UTC)
