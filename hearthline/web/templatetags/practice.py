"""The way in and practice, as the page of choice shows them."""

from __future__ import annotations

from typing import Any

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from hearthline.campaigns.models import CampaignKind
from hearthline.dialing.services import level_of
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


@register.simple_tag
def way_to_test(operator: User) -> SafeString:
    """A link to the test call where it is what opens campaigns to this operator; nothing where only good calls do."""
    if level_of(operator) == 0:
        return format_html('<a href="{}">{}</a>', reverse("operator:test"), _("To the test call"))
    return SafeString("")


@register.inclusion_tag("operator/_practice.html", takes_context=True)
def practice(context: dict[str, Any], operator: User) -> dict[str, Any]:
    """What an operator can practise, and for whom has not passed the test call: the three steps to the first campaign."""
    newcomer = level_of(operator) == 0
    offered = house.practice_for(fitness.languages_of(operator))
    calls: list[RobotCall] = []
    if newcomer:
        own = RobotCall.objects.filter(
            attempt__operator=operator, attempt__campaign__kind__in=(CampaignKind.TRAINING, CampaignKind.TUTORIAL)
        )
        calls = list(own.select_related("attempt__campaign").order_by("-begun_at")[:RECENT])
    return {
        "request": context.get("request"),
        "csrf_token": context.get("csrf_token"),
        "newcomer": newcomer,
        "tutorials": [one for one in offered if one.kind == CampaignKind.TUTORIAL],
        "trainings": [one for one in offered if one.kind == CampaignKind.TRAINING],
        "calls": calls,
        "toured": any(one.attempt.campaign.kind == CampaignKind.TUTORIAL for one in calls),
        "trained": any(one.attempt.campaign.kind == CampaignKind.TRAINING for one in calls),
    }
