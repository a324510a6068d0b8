"""What work in a campaign brings: counted by the hour as it is done, reckoned into earnings an hour.

Time is counted in stretches: from a wrap-up (or the beginning of the shift, the end of a break, the change of campaign) to
the next one. So waiting, reading, dialling, ringing, talking and writing are all in it, and breaks are not.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F, Sum

from hearthline.calls.models import Attempt, CampaignHour, Shift
from hearthline.calls.settlement import ring_s
from hearthline.lib.money import Money

LOOK_BACK = timedelta(hours=72)
KEPT = timedelta(days=14)
LONGEST_STRETCH = timedelta(minutes=20)  # whoever leaves the page open without a break says nothing about the campaign
FEW_ATTEMPTS = 40  # below this the reckoning leans on the other campaigns, and says so
_SUMMED = ("attempts", "conversations", "worked_ms", "talk_ms", "unpaid_ring_ms")


@dataclass(frozen=True, slots=True)
class Evidence:
    """Sums of the last `LOOK_BACK`, over all operators."""

    attempts: int = 0
    conversations: int = 0
    worked_ms: int = 0
    talk_ms: int = 0
    unpaid_ring_ms: int = 0

    def __add__(self, other: Evidence) -> Evidence:
        return Evidence(*(getattr(self, name) + getattr(other, name) for name in _SUMMED))


# Cold calls to a usual list: what an exchange without any experience of its own expects of a campaign without any.
USUAL = Evidence(attempts=100, conversations=25, worked_ms=7_000_000, talk_ms=2_000_000, unpaid_ring_ms=1_400_000)


@dataclass(frozen=True, slots=True)
class Reckoning:
    share: float  # of attempts that become paid conversations
    attempt_s: float  # what an attempt takes, all in all
    talk_ms: int  # a paid conversation's usual length
    unpaid_ring_s: float  # for each attempt, paid or not
    attempts: int  # seen in this campaign
    few: bool  # too few to rely on


def note_attempt(attempt: Attempt, shift: Shift, now: datetime) -> None:
    """An attempt is over and settled. In its transaction, after the shift's own row. A robot's is left out, and the time that it took:
    what the campaign brings is what its own contacts bring."""
    if attempt.contact.scenario:
        return
    ringing = 0 if attempt.payable else round(ring_s(attempt) * 1000)
    _add(
        attempt.campaign_id,
        now,
        attempts=1,
        conversations=int(bool(attempt.payable)),
        worked_ms=stretch_ms(shift, now),
        talk_ms=attempt.talk_ms if attempt.payable else 0,
        unpaid_ring_ms=ringing,
    )


def note_end(shift: Shift, campaign: uuid.UUID | None, now: datetime) -> None:
    """The operator takes a break, goes elsewhere or ends the shift: the time since the latest wrap-up was the campaign's too."""
    if campaign is not None and (worked := stretch_ms(shift, now)):
        _add(campaign, now, worked_ms=worked)


def stretch_ms(shift: Shift, now: datetime) -> int:
    if shift.worked_from is None:
        return 0
    return int(min(max(now - shift.worked_from, timedelta()), LONGEST_STRETCH) / timedelta(milliseconds=1))


def evidence_of(campaigns: Collection[uuid.UUID], now: datetime) -> dict[uuid.UUID, Evidence]:
    """One query of at most an hour's row for each campaign and hour."""
    rows = (
        CampaignHour.objects.filter(campaign__in=campaigns, hour__gt=now - LOOK_BACK)
        .values_list("campaign")
        .annotate(*(Sum(name) for name in _SUMMED))
    )
    return {campaign: Evidence(*(int(value) for value in sums)) for campaign, *sums in rows}


def usual_of(evidence: Mapping[uuid.UUID, Evidence]) -> Evidence:
    """What to expect where little is known: the exchange's own experience, once there is some."""
    total = sum(evidence.values(), Evidence())
    return total if total.attempts >= 5 * FEW_ATTEMPTS and total.conversations and total.worked_ms else USUAL


def reckon(seen: Evidence, usual: Evidence) -> Reckoning:
    """What was seen, and as much of the usual as is missing to `FEW_ATTEMPTS`."""
    missing = max(0, FEW_ATTEMPTS - seen.attempts)
    weight = missing / usual.attempts
    attempts = seen.attempts + missing
    conversations = seen.conversations + weight * usual.conversations
    talk_ms = (seen.talk_ms + weight * usual.talk_ms) / conversations if conversations else 0
    return Reckoning(
        share=conversations / attempts,
        attempt_s=max(1.0, (seen.worked_ms + weight * usual.worked_ms) / attempts / 1000),
        talk_ms=round(talk_ms),
        unpaid_ring_s=(seen.unpaid_ring_ms + weight * usual.unpaid_ring_ms) / attempts / 1000,
        attempts=seen.attempts,
        few=missing > 0,
    )


def hourly(reckoning: Reckoning, *, pay: Money, ring_pay: Money) -> Money:
    """What an hour of work brings: `pay` for a conversation, `ring_pay` for a minute in which nobody answers."""
    attempt = pay.minor * reckoning.share + ring_pay.minor * reckoning.unpaid_ring_s / 60
    return Money(round(attempt * 3600 / reckoning.attempt_s), pay.currency)


def forget(now: datetime) -> int:
    """Hours that nobody looks at any more. Safe to run in several places at once."""
    return CampaignHour.objects.filter(hour__lt=now - KEPT).delete()[0]


def _add(campaign: uuid.UUID, now: datetime, **changes: int) -> None:
    """One UPDATE, as late in the transaction as can be: all who work in the campaign meet on this row."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    row = CampaignHour.objects.filter(campaign_id=campaign, hour=hour)
    effective = {name: F(name) + by for name, by in changes.items() if by}
    if effective and not row.update(**effective):
        CampaignHour.objects.bulk_create([CampaignHour(campaign_id=campaign, hour=hour)], ignore_conflicts=True)
        row.update(**effective)
