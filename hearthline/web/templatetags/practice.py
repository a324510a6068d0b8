"""The way in and practice, as the page of choice shows them."""

from __future__ import annotations

from typing import Any

from django import template
from django.conf import settings

from hearthline.campaigns.models import CampaignKind
from hearthline.people.models import User
from hearthline.quality import fitness, house
from hearthline.quality.models import RobotCall

register = template.Library()
RECENT = 5


@register.filter
def duration_from_zero(milliseconds: int) -> str:
    """'0:00', '1:05': a place in a call."""
    minutes, seconds = divmod(milliseconds // 1000, 60)
    return f"{minutes}:{seconds:02}"


@register.inclusion_tag("operator/_practice.html", takes_context=True)
def practice(context: dict[str, Any], operator: User) -> dict[str, Any]:
    """What an operator can practise, and for whom has not passed the test call: the three steps to the first campaign."""
    standing = fitness.standing(operator)
    offered = house.practice_for(fitness.languages_of(operator))
    recent = (
        RobotCall.objects.filter(
            attempt__operator=operator, attempt__campaign__kind__in=(CampaignKind.TRAINING, CampaignKind.TUTORIAL)
        )
        .select_related("attempt__campaign").order_by("-begun_at")[:RECENT]
    )  # fmt: skip
    calls = list(recent)
    return {
        "request": context.get("request"),
        "csrf_token": context.get("csrf_token"),
        "newcomer": standing.way != fitness.Way.NOT_NEEDED,
        "standing": standing,
        "tutorials": [one for one in offered if one.kind == CampaignKind.TUTORIAL],
        "trainings": [one for one in offered if one.kind == CampaignKind.TRAINING],
        "calls": calls,
        "toured": any(one.attempt.campaign.kind == CampaignKind.TUTORIAL for one in calls),
        "trained": any(one.attempt.campaign.kind == CampaignKind.TRAINING for one in calls),
        "asks_for_test": settings.HEARTHLINE.fitness_test,
    }
