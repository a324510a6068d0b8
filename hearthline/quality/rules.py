"""What the exchange finds by itself: figures that are out of the ordinary, each rule with its bounds.

A rule reads a bounded window of each campaign that is or was lately at work and yields `Finding`s; it decides nothing. The bounds are
here, in one place, for a person to judge. Calls with robots, for practice or as golden contacts, are judged elsewhere (`scoring`): here
they would stand for people.
"""

from __future__ import annotations

import math
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Q, QuerySet

from hearthline.calls.call_state import EndReason
from hearthline.calls.models import Attempt
from hearthline.campaigns.models import Campaign, CampaignState
from hearthline.people import audit
from hearthline.people.models import AuditEntry
from hearthline.quality.models import AnalysisState, CallAnalysis, CallRating
from hearthline.quality.models_moderation import ReportKind
from hearthline.quality.reports import Finding, open_found
from hearthline.quality.self_dealing import of_returned, of_self_dealing

WINDOW = timedelta(days=7)
MONTH = timedelta(days=30)
CAMPAIGNS = 2000
CALLS = 20_000  # of one campaign in the window

LEAST_CALLS = 5
LONG_SHARE = 0.3  # of the answered calls
SHORT_SHARE = 0.4  # of the paid conversations
SHORT_MARGIN_S = 5  # beyond the campaign's least talk: just long enough to be paid
SHARE_CALLS = 20  # answered calls before a share is compared
SHARE_DEVIATIONS = 4.0  # standard deviations of a binomial from the others' share
DUPLICATES = 3  # contacts entered twice by one operator
SAME_NUMBER_CAMPAIGNS = 3  # one operator, one number, paid in so many campaigns
REJECTIONS = 5  # in a month, before a customer's habits are looked at
REJECTED_SHARE = 0.15
OVERTURNED_SHARE = 0.5
DOUBTFUL = frozenset({"machine", "fax", "one_way_audio", "silent_operator", "short"})  # in a call that was paid
HABITS = frozenset({"interrupting", "clipped", "noisy", "idle"})
HABIT_SHARE = 0.3  # of the answered calls


@dataclass(slots=True)
class _Work:
    """One operator in one campaign within the window."""

    answered: int = 0
    paid: int = 0
    long: list[uuid.UUID] = field(default_factory=list)
    short: list[uuid.UUID] = field(default_factory=list)


def look(now: datetime) -> int:
    """Every rule once. Returns how many reports are open for what was found; safe to repeat, in several places at once."""
    found = 0
    for rule in RULES:
        for finding in rule(now):
            found += open_found(finding) is not None
    return found


def _with_people(**which: Any) -> QuerySet[Attempt]:
    return Attempt.objects.filter(contact__scenario="", **which)


def of_calls(now: datetime) -> Iterator[Finding]:
    """Calls into the limit, very short paid ones, shares far from the others': per campaign, per operator in it."""
    at_work = Q(state=CampaignState.RUNNING) | Q(finished_at__gt=now - WINDOW) | Q(state=CampaignState.PAUSED)
    campaigns = Campaign.objects.filter(at_work, started_at__isnull=False).order_by("-started_at")[:CAMPAIGNS]
    for campaign in campaigns:
        works = _works(campaign, now)
        yield from _long_calls(campaign, works)
        for operator, work in works.items():
            yield from _short_conversations(campaign, operator, work)
            yield from _payable_share(campaign, operator, works)


def _works(campaign: Campaign, now: datetime) -> dict[uuid.UUID, _Work]:
    rows = (
        _with_people(campaign=campaign, dialled_at__gt=now - WINDOW, answered_at__isnull=False)
        .filter(wrapped_up_at__isnull=False)
        .order_by("-dialled_at")
    )
    works: dict[uuid.UUID, _Work] = defaultdict(_Work)
    short_ms = (campaign.min_talk_s + SHORT_MARGIN_S) * 1000
    for id, operator, talk_ms, payable, reason in rows.values_list(
        "pk", "operator_id", "talk_ms", "payable", "machine__end_reason"
    )[:CALLS]:
        work = works[operator]
        work.answered += 1
        work.paid += bool(payable)
        if reason == EndReason.MAX_DURATION:
            work.long.append(id)
        if payable and talk_ms < short_ms:
            work.short.append(id)
    return works


def _long_calls(campaign: Campaign, works: dict[uuid.UUID, _Work]) -> Iterator[Finding]:
    """By campaign: its limit is too short for its script. By operator: they do not come to an end."""
    answered = sum(work.answered for work in works.values())
    long = [id for work in works.values() for id in work.long]
    figures = {"limit_s": campaign.max_duration_s}
    if len(long) >= LEAST_CALLS and len(long) >= LONG_SHARE * answered:
        counts = {"long": len(long), "answered": answered}
        key = f"long_calls:campaign:{campaign.pk}"
        yield Finding(ReportKind.LONG_CALLS, key, figures | counts, long, campaign=campaign.pk)
        return
    for operator, work in works.items():
        if len(work.long) >= LEAST_CALLS and len(work.long) >= LONG_SHARE * work.answered:
            counts = {"long": len(work.long), "answered": work.answered}
            key = f"long_calls:{campaign.pk}:{operator}"
            yield Finding(
                ReportKind.LONG_CALLS, key, figures | counts, work.long, operator=operator, campaign=campaign.pk
            )


def _short_conversations(campaign: Campaign, operator: uuid.UUID, work: _Work) -> Iterator[Finding]:
    if len(work.short) < LEAST_CALLS or len(work.short) < SHORT_SHARE * work.paid:
        return
    figures = {"short": len(work.short), "paid": work.paid, "least_s": campaign.min_talk_s}
    key = f"short_conversations:{campaign.pk}:{operator}"
    yield Finding(ReportKind.SHORT_CONVERSATIONS, key, figures, work.short, operator=operator, campaign=campaign.pk)


def _payable_share(campaign: Campaign, operator: uuid.UUID, works: dict[uuid.UUID, _Work]) -> Iterator[Finding]:
    """An operator's share of paid calls beside that of all others in the campaign."""
    work = works[operator]
    others = [other for id, other in works.items() if id != operator]
    their_calls = sum(other.answered for other in others)
    if work.answered < SHARE_CALLS or their_calls < SHARE_CALLS:
        return
    theirs = sum(other.paid for other in others) / their_calls
    # Laplace's rule keeps a share of 0 or 1 from making every difference infinite
    expected = (theirs * their_calls + 1) / (their_calls + 2)
    deviation = math.sqrt(expected * (1 - expected) / work.answered)
    own = work.paid / work.answered
    if abs(own - expected) < SHARE_DEVIATIONS * deviation:
        return
    figures = {"own_percent": round(100 * own), "others_percent": round(100 * theirs), "answered": work.answered}
    key = f"payable_share:{campaign.pk}:{operator}"
    yield Finding(
        ReportKind.PAYABLE_SHARE, key, figures, _latest_paid(campaign, operator), operator=operator,
        campaign=campaign.pk,
    )  # fmt: skip


def _latest_paid(campaign: Campaign, operator: uuid.UUID) -> list[uuid.UUID]:
    rows = _with_people(campaign=campaign, operator=operator, payable=True).order_by("-dialled_at")
    return list(rows.values_list("pk", flat=True)[:10])


def of_duplicates(now: datetime) -> Iterator[Finding]:
    """Contacts that an operator entered although the campaign had them: refused, and counted."""
    refused = AuditEntry.objects.filter(tag=audit.Tag.WEB_CONTACT_REFUSED, at__gt=now - WINDOW, actor__isnull=False)
    for row in refused.values("actor").annotate(times=Count("pk")).filter(times__gte=DUPLICATES)[:CAMPAIGNS]:
        key = f"duplicate_contacts:{row['actor']}"
        yield Finding(ReportKind.DUPLICATE_CONTACTS, key, {"times": row["times"]}, operator=row["actor"])


def of_same_numbers(now: datetime) -> Iterator[Finding]:
    """One number with which one operator had paid conversations in several campaigns: a friend who picks up."""
    paid = _with_people(payable=True, dialled_at__gt=now - MONTH)
    seen = (
        paid.values("operator", "contact__phone")
        .annotate(campaigns=Count("campaign", distinct=True))
        .filter(campaigns__gte=SAME_NUMBER_CAMPAIGNS)
        .order_by("operator", "contact__phone")
    )
    for row in seen[:CAMPAIGNS]:
        calls = list(
            paid.filter(operator=row["operator"], contact__phone=row["contact__phone"])
            .order_by("-dialled_at")
            .values_list("pk", flat=True)[:10]
        )
        key = f"same_number:{row['operator']}:{calls[-1]}"
        yield Finding(ReportKind.SAME_NUMBER, key, {"campaigns": row["campaigns"]}, calls, operator=row["operator"])


def of_customers(now: datetime) -> Iterator[Finding]:
    """A customer who rejects a large share of what was paid, or whose rejections do not stand."""
    rows = (
        CallRating.objects.filter(rejected_at__gt=now - MONTH)
        .values("organisation")
        .annotate(rejected=Count("pk"), overturned=Count("pk", filter=Q(upheld=False)))
        .filter(rejected__gte=REJECTIONS)
    )
    for row in rows[:CAMPAIGNS]:
        paid = _with_people(
            campaign__organisation=row["organisation"], payable=True, dialled_at__gt=now - MONTH
        ).count()
        all_of_them = paid + row["rejected"] - row["overturned"]
        often = row["rejected"] >= REJECTED_SHARE * max(1, all_of_them)
        if often or row["overturned"] >= OVERTURNED_SHARE * row["rejected"]:
            calls = CallRating.objects.filter(organisation=row["organisation"], rejected_at__gt=now - MONTH)
            yield Finding(
                ReportKind.CUSTOMER_REJECTS,
                f"customer_rejects:{row['organisation']}",
                {"rejected": row["rejected"], "overturned": row["overturned"], "conversations": all_of_them},
                list(calls.order_by("-rejected_at").values_list("pk", flat=True)[:10]),
                organisation=row["organisation"],
            )


def of_recordings(now: datetime) -> Iterator[Finding]:
    """What the analysis of recordings found. What makes a paid conversation doubtful is reported by the call; what is a habit, by the
    operator, when it is in so many of their calls."""
    rows = CallAnalysis.objects.filter(
        state=AnalysisState.DONE,
        suspicion_count__gt=0,
        changed_at__gt=now - WINDOW,
        recording__attempt__contact__scenario="",
    ).order_by("-changed_at")
    habits: dict[tuple[uuid.UUID, str], list[uuid.UUID]] = defaultdict(list)
    for codes, attempt, operator, campaign, payable in rows.values_list(
        "suspicions",
        "recording__attempt_id",
        "recording__attempt__operator_id",
        "recording__attempt__campaign_id",
        "recording__attempt__payable",
    )[:CALLS]:
        for code in codes:
            if code in DOUBTFUL and payable:
                key = f"suspicious_call:{attempt}"
                yield Finding(
                    ReportKind.SUSPICIOUS_CALL, key, {"code": code}, [attempt], operator=operator, campaign=campaign,
                    attempt=attempt,
                )  # fmt: skip
            elif code in HABITS:
                habits[operator, code].append(attempt)
    for (operator, code), calls in habits.items():
        answered = _with_people(operator=operator, dialled_at__gt=now - WINDOW, answered_at__isnull=False).count()
        if len(calls) >= LEAST_CALLS and len(calls) >= HABIT_SHARE * answered:
            figures: dict[str, int | float | str] = {"code": code, "calls": len(calls), "answered": answered}
            yield Finding(
                ReportKind.SUSPICIOUS_CALL, f"suspicious_call:{code}:{operator}", figures, calls, operator=operator
            )


RULES: tuple[Callable[[datetime], Iterator[Finding]], ...] = (
    of_calls,
    of_duplicates,
    of_same_numbers,
    of_self_dealing,
    of_returned,
    of_customers,
    of_recordings,
)
