"""What golden contacts have shown: for staff, by operator. Nobody else is told which calls they were."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Avg, Count, Q, QuerySet

from hearthline.campaigns.models import CampaignKind
from hearthline.quality.models_scenarios import RobotCall

MOST_OPERATORS = 500


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


def golden_figures(since: datetime) -> list[GoldenFigures]:
    """The lowest share of right outcomes first: who is to be looked at."""
    rows = (
        golden_calls(since).order_by()
        .values("attempt__operator", "attempt__operator__name")
        .annotate(calls=Count("pk"), right=Count("pk", filter=Q(outcome_right=True)), mean=Avg("score"))
    )  # fmt: skip
    found = [
        GoldenFigures(row["attempt__operator"], row["attempt__operator__name"], row["calls"], row["right"], row["mean"])
        for row in rows[:MOST_OPERATORS]
    ]
    return sorted(found, key=lambda one: (one.right / one.calls, one.score))
