"""What golden contacts have shown: for staff at once, for the operator when enough time has passed.

After `golden_told_days` the score becomes a review without a reviewer, which the operator reads, and can appeal against, beside those
of people. Until then nothing that the operator sees moves: neither the call's page nor their figure. The reasons are told, the robot's
lines and its scenario's name are not, and whoever has been told of a scenario does not meet it as a golden contact again while there is
another one (ADR 24).
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Avg, Count, Exists, OuterRef, Q, QuerySet

from hearthline.campaigns.models import CampaignKind
from hearthline.people.models import User
from hearthline.quality.models_moderation import Review
from hearthline.quality.models_scenarios import RobotCall
from hearthline.realtime.audiences import STAFF, user_audience
from hearthline.realtime.configured import bus

MOST_OPERATORS = 500
TOLD_AT_ONCE = 200
TOLD_WITHIN = timedelta(days=365)  # what is older is nobody's news any more


@dataclass(frozen=True, slots=True)
class GoldenFigures:
    """Of one operator: calls that were scored, with the right outcome, and their mean score (0 to 100)."""

    operator: uuid.UUID
    name: str
    calls: int
    right: int
    score: float


def golden_calls(since: datetime) -> QuerySet[RobotCall]:
    """Scored ones, the latest first, with attempt, operator and campaign."""
    rows = RobotCall.objects.filter(attempt__campaign__kind=CampaignKind.REAL, score__isnull=False, begun_at__gte=since)
    return rows.select_related("attempt__operator", "attempt__campaign").order_by("-begun_at")


def golden_figures(since: datetime, operators: Collection[uuid.UUID] | None = None) -> list[GoldenFigures]:
    """The lowest share of right outcomes first: who is to be looked at. `operators` None: everybody."""
    calls = golden_calls(since).order_by()
    if operators is not None:
        calls = calls.filter(attempt__operator__in=operators)
    rows = (
        calls
        .values("attempt__operator", "attempt__operator__name")
        .annotate(calls=Count("pk"), right=Count("pk", filter=Q(outcome_right=True)), mean=Avg("score"))
    )  # fmt: skip
    found = [
        GoldenFigures(row["attempt__operator"], row["attempt__operator__name"], row["calls"], row["right"], row["mean"])
        for row in rows[:MOST_OPERATORS]
    ]
    return sorted(found, key=lambda one: (one.right / one.calls, one.score))


def tell(now: datetime) -> int:
    """Golden contacts whose time has come, into their operators' feedback. Returns how many; safe to repeat, in several places."""
    told = Review.objects.filter(attempt=OuterRef("pk"), reviewer=None)
    until = now - timedelta(days=settings.HEARTHLINE.golden_told_days)
    due = golden_calls(now - TOLD_WITHIN).filter(~Exists(told), begun_at__lt=until).order_by("begun_at")
    return sum(_tell(id) for id in due.values_list("pk", flat=True)[:TOLD_AT_ONCE])


def _tell(id: uuid.UUID) -> bool:
    with transaction.atomic():
        call = RobotCall.objects.select_for_update(of=("self",)).select_related("attempt").get(pk=id)
        if call.score is None or Review.objects.filter(attempt=id, reviewer=None).exists():
            return False
        review = Review.objects.create(attempt=call.attempt, reviewer=None, total=call.score)
        payload = {"attempt": str(id), "review": str(review.pk), "total": review.total}
        bus().publish("call.reviewed", payload, audiences=(user_audience(call.attempt.operator_id), STAFF))
    return True


def scenarios_told(operator: User) -> set[str]:
    """The scenarios that this operator knows to be robots' because they have been told of such a call."""
    told = Review.objects.filter(reviewer=None, attempt__operator=operator)
    return set(told.values_list("attempt__robot_call__scenario", flat=True))
