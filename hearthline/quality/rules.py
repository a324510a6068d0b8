"""What the exchange finds by itself: figures that are out of the ordinary, each rule with its bounds.

A rule reads a bounded window of each campaign that is or was lately at work and yields `Finding`s; it decides nothing. The bounds are
settings (`Configuration.report_...`); what they mean is here. Calls with robots, for practice or as golden contacts, are judged elsewhere
(`scoring`): here they would stand for people.
"""

from __future__ import annotations

import math
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
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

MONTH = timedelta(days=30)
CAMPAIGNS = 2000
CALLS = 20_000  # of one campaign in the window

SHARE_DEVIATIONS = 4.0  # standard deviations of a binomial from the others' share
OVERTURNED_SHARE = 0.5  # of a customer's rejections
# why a call was not paid although its operator said that it should be: the evidence spoke against them
UNFOUNDED = frozenset({"too_short", "contact_not_heard", "operator_not_heard"})
DOUBTFUL = frozenset({"machine", "fax", "one_way_audio", "silent_operator", "short"})  # in a call that was paid
HABITS = frozenset({"interrupting", "clipped", "noisy", "idle", "silent_operator", "one_way_audio"})


def _window() -> timedelta:
    return timedelta(days=settings.HEARTHLINE.report_window_days)


def _many(count: int, of: int, percent: int) -> bool:
    """A habit: often enough to be one, and a large enough share."""
    return count >= settings.HEARTHLINE.report_least_calls and 100 * count >= percent * of


@dataclass(slots=True)
class _Work:
    """One operator in one campaign within the window."""

    answered: int = 0
    paid: int = 0
    long: list[uuid.UUID] = field(default_factory=list)
    short: list[uuid.UUID] = field(default_factory=list)
    unfounded: list[uuid.UUID] = field(default_factory=list)


def look(now: datetime) -> int:
    """Every rule once. Returns how many reports are open for what was found; safe to repeat, in several places at once.

    Raises an ExceptionGroup when rules have failed, after the others have been asked.
    """
    found, failures = 0, []
    for rule in RULES:
        try:
            for finding in rule(now):
                found += open_found(finding) is not None
        except Exception as failure:  # noqa: BLE001 - it is raised below: one rule must not silence the others
            failures.append(failure)
    if failures:
        raise ExceptionGroup("rules have failed", failures)
    return found


def _with_people(**which: Any) -> QuerySet[Attempt]:
    return Attempt.objects.filter(contact__scenario="", **which)


def of_calls(now: datetime) -> Iterator[Finding]:
    """Calls into the limit, very short paid ones, shares far from the others': per campaign, per operator in it."""
    at_work = Q(state=CampaignState.RUNNING) | Q(finished_at__gt=now - _window()) | Q(state=CampaignState.PAUSED)
    campaigns = Campaign.objects.filter(at_work, started_at__isnull=False).order_by("-started_at")[:CAMPAIGNS]
    for campaign in campaigns:
        works = _works(campaign, now)
        yield from _long_calls(campaign, works)
        for operator, work in works.items():
            yield from _short_conversations(campaign, operator, work)
            yield from _unfounded_results(campaign, operator, work)
            yield from _payable_share(campaign, operator, works)


def _works(campaign: Campaign, now: datetime) -> dict[uuid.UUID, _Work]:
    rows = _with_people(
        campaign=campaign, dialled_at__gt=now - _window(), answered_at__isnull=False, wrapped_up_at__isnull=False
    ).order_by("-dialled_at")
    works: dict[uuid.UUID, _Work] = defaultdict(_Work)
    short_ms = (campaign.min_talk_s + settings.HEARTHLINE.report_short_margin_s) * 1000
    for id, operator, talk_ms, payable, unpaid, reason in rows.values_list(
        "pk", "operator_id", "talk_ms", "payable", "not_payable_reason", "machine__end_reason"
    )[:CALLS]:
        work = works[operator]
        work.answered += 1
        work.paid += bool(payable)
        if reason == EndReason.MAX_DURATION:
            work.long.append(id)
        if payable and talk_ms < short_ms:
            work.short.append(id)
        if unpaid in UNFOUNDED:
            work.unfounded.append(id)
    return works


def _long_calls(campaign: Campaign, works: dict[uuid.UUID, _Work]) -> Iterator[Finding]:
    """By campaign: its limit is too short for its script. By operator: they do not come to an end."""
    answered = sum(work.answered for work in works.values())
    long = [id for work in works.values() for id in work.long]
    figures = {"limit_s": campaign.max_duration_s}
    percent = settings.HEARTHLINE.report_long_percent
    if _many(len(long), answered, percent):
        counts = {"long": len(long), "answered": answered}
        key = f"long_calls:campaign:{campaign.pk}"
        yield Finding(ReportKind.LONG_CALLS, key, figures | counts, long, campaign=campaign.pk)
        return
    for operator, work in works.items():
        if _many(len(work.long), work.answered, percent):
            counts = {"long": len(work.long), "answered": work.answered}
            key = f"long_calls:{campaign.pk}:{operator}"
            yield Finding(
                ReportKind.LONG_CALLS, key, figures | counts, work.long, operator=operator, campaign=campaign.pk
            )


def _short_conversations(campaign: Campaign, operator: uuid.UUID, work: _Work) -> Iterator[Finding]:
    if not _many(len(work.short), work.paid, settings.HEARTHLINE.report_short_percent):
        return
    figures = {"short": len(work.short), "paid": work.paid, "least_s": campaign.min_talk_s}
    key = f"short_conversations:{campaign.pk}:{operator}"
    yield Finding(ReportKind.SHORT_CONVERSATIONS, key, figures, work.short, operator=operator, campaign=campaign.pk)


def _unfounded_results(campaign: Campaign, operator: uuid.UUID, work: _Work) -> Iterator[Finding]:
    """They say that it was a conversation; the log says that hardly anything was. It cost nobody money, and a contact each time."""
    if not _many(len(work.unfounded), work.answered, settings.HEARTHLINE.report_unfounded_percent):
        return
    figures = {"unfounded": len(work.unfounded), "answered": work.answered}
    key = f"unfounded_results:{campaign.pk}:{operator}"
    yield Finding(ReportKind.UNFOUNDED_RESULTS, key, figures, work.unfounded, operator=operator, campaign=campaign.pk)


def _payable_share(campaign: Campaign, operator: uuid.UUID, works: dict[uuid.UUID, _Work]) -> Iterator[Finding]:
    """An operator's share of paid calls beside that of all others in the campaign."""
    work = works[operator]
    others = [other for id, other in works.items() if id != operator]
    their_calls = sum(other.answered for other in others)
    if min(work.answered, their_calls) < settings.HEARTHLINE.report_share_calls:
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
    refused = AuditEntry.objects.filter(tag=audit.Tag.WEB_CONTACT_REFUSED, at__gt=now - _window(), actor__isnull=False)
    for row in (
        refused.values("actor")
        .annotate(times=Count("pk"))
        .filter(times__gte=settings.HEARTHLINE.report_duplicates)[:CAMPAIGNS]
    ):
        key = f"duplicate_contacts:{row['actor']}"
        yield Finding(ReportKind.DUPLICATE_CONTACTS, key, {"times": row["times"]}, operator=row["actor"])


def of_same_numbers(now: datetime) -> Iterator[Finding]:
    """One number with which one operator had paid conversations in several campaigns: a friend who picks up."""
    paid = _with_people(payable=True, dialled_at__gt=now - MONTH)
    seen = (
        paid.values("operator", "contact__phone")
        .annotate(campaigns=Count("campaign", distinct=True))
        .filter(campaigns__gte=settings.HEARTHLINE.report_same_number_campaigns)
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
        .filter(rejected__gte=settings.HEARTHLINE.report_rejections)
    )
    for row in rows[:CAMPAIGNS]:
        paid = _with_people(
            campaign__organisation=row["organisation"], payable=True, dialled_at__gt=now - MONTH
        ).count()
        all_of_them = paid + row["rejected"] - row["overturned"]
        often = 100 * row["rejected"] >= settings.HEARTHLINE.report_rejected_percent * max(1, all_of_them)
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
    """What the analysis of recordings found. What makes a paid conversation doubtful is reported, each call of it; what is a habit, when
    it is in so many of an operator's calls, paid or not."""
    rows = CallAnalysis.objects.filter(
        state=AnalysisState.DONE,
        suspicion_count__gt=0,
        changed_at__gt=now - _window(),
        recording__attempt__contact__scenario="",
    ).order_by("-changed_at")
    habits: dict[tuple[uuid.UUID, str], list[uuid.UUID]] = defaultdict(list)
    doubtful: dict[tuple[uuid.UUID, uuid.UUID, str], list[uuid.UUID]] = defaultdict(list)
    for codes, evidence, attempt, operator, campaign, payable in rows.values_list(
        "suspicions",
        "evidence",
        "recording__attempt_id",
        "recording__attempt__operator_id",
        "recording__attempt__campaign_id",
        "recording__attempt__payable",
    )[:CALLS]:
        for code in codes:
            if code in DOUBTFUL and payable:
                doubtful[operator, campaign, code].append(attempt)
            if code in HABITS and evidence.get(code, {}).get("side") != "contact":
                habits[operator, code].append(attempt)
    yield from _doubtful(doubtful)
    yield from _habits(habits, now)


def _doubtful(found: dict[tuple[uuid.UUID, uuid.UUID, str], list[uuid.UUID]]) -> Iterator[Finding]:
    for (operator, campaign, code), calls in found.items():
        key = f"suspicious_call:{code}:{operator}:{campaign}"
        alone = calls[0] if len(calls) == 1 else None
        yield Finding(
            ReportKind.SUSPICIOUS_CALL, key, {"code": code}, calls, operator=operator, campaign=campaign,
            attempt=alone, each=True,
        )  # fmt: skip


def _habits(found: dict[tuple[uuid.UUID, str], list[uuid.UUID]], now: datetime) -> Iterator[Finding]:
    operators = {operator for operator, _code in found}
    rows = _with_people(operator__in=operators, dialled_at__gt=now - _window(), answered_at__isnull=False)
    answered = dict(rows.order_by().values_list("operator").annotate(calls=Count("pk")))
    for (operator, code), calls in found.items():
        of = answered.get(operator, len(calls))
        if _many(len(calls), of, settings.HEARTHLINE.report_habit_percent):
            figures: dict[str, int | float | str] = {"code": code, "calls": len(calls), "answered": of}
            key = f"suspicious_call:{code}:{operator}"
            yield Finding(ReportKind.SUSPICIOUS_CALL, key, figures, calls, operator=operator)


RULES: tuple[Callable[[datetime], Iterator[Finding]], ...] = (
    of_calls,
    of_duplicates,
    of_same_numbers,
    of_self_dealing,
    of_returned,
    of_customers,
    of_recordings,
)
