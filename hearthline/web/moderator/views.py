"""What a moderator does today: hears recent calls and stops a campaign that should not go on."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.contrib import messages
from django.db.models import Exists, OuterRef, Prefetch, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from hearthline.calls.models import Attempt, Recording, TrunkCall
from hearthline.campaigns import services
from hearthline.campaigns.gates import campaign_for_moderator
from hearthline.campaigns.models import Campaign, CampaignState, PauseReason
from hearthline.lib import clock
from hearthline.people.gates import for_roles, with_second_factor
from hearthline.people.models import Role, User

CALLS_A_PAGE = 40
CAMPAIGNS_OFFERED = 200
FAILED_SHOWN = timedelta(days=30)


@require_safe
@for_roles(Role.MODERATOR, Role.ADMIN)
def calls(request: HttpRequest) -> HttpResponse:
    """Answered calls, or all that a trunk failed, the latest first; of one campaign when it is chosen."""
    chosen = _chosen(request)
    found = Attempt.objects.filter(ended_at__isnull=False)
    failed = request.GET.get("show") == "failed"
    if failed:  # a call's first leg has the call's own id: there is another one when its trunk failed
        found = found.filter(
            Exists(TrunkCall.objects.filter(attempt=OuterRef("pk")).exclude(pk=OuterRef("pk"))),
            dialled_at__gt=clock.now() - FAILED_SHOWN,
        )
    else:
        found = found.filter(answered_at__isnull=False)
    if chosen is not None:
        found = found.filter(campaign=chosen)
    at, _underscore, id = request.GET.get("before", "").partition("_")
    if (moment := _moment(at)) and (edge := _uuid(id)):
        found = found.filter(Q(dialled_at__lt=moment) | Q(dialled_at=moment, pk__lt=edge))
    rows = list(
        found.select_related("campaign__organisation", "operator", "disposition")
        .prefetch_related(Prefetch("recordings", Recording.objects.filter(duration_ms__isnull=False), to_attr="heard"))
        .order_by("-dialled_at", "-pk")[: CALLS_A_PAGE + 1]
    )
    older = ""
    if len(rows) > CALLS_A_PAGE:
        rows = rows[:CALLS_A_PAGE]
        older = f"{rows[-1].dialled_at.isoformat()}_{rows[-1].pk}"
    campaigns = (
        Campaign.objects.exclude(state=CampaignState.DRAFT).select_related("organisation").order_by("-started_at")
    )
    context = {
        "calls": rows,
        "older": older,
        "chosen": chosen,
        "failed": failed,
        "campaigns": campaigns[:CAMPAIGNS_OFFERED],
    }
    return render(request, "moderator/calls.html", context)


@require_POST
@for_roles(Role.MODERATOR, Role.ADMIN)
@with_second_factor
def pause(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    campaign = campaign_for_moderator(request.user, id)
    assert isinstance(request.user, User)
    services.pause(campaign=campaign, actor=request.user, reason=PauseReason.BY_MODERATOR, request=request)
    messages.success(request, _("Paused. Its owner sees that a moderator did it; only a moderator can start it again."))
    return redirect("moderator:calls")


@require_POST
@for_roles(Role.MODERATOR, Role.ADMIN)
@with_second_factor
def start(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    campaign = campaign_for_moderator(request.user, id)
    assert isinstance(request.user, User)
    services.start(campaign=campaign, actor=request.user, request=request)
    messages.success(request, _("It goes on."))
    return redirect("moderator:calls")


def _chosen(request: HttpRequest) -> Campaign | None:
    id = _uuid(request.GET.get("campaign", ""))
    return campaign_for_moderator(request.user, id) if id else None


def _moment(text: str) -> datetime | None:
    try:
        return parse_datetime(text)
    except ValueError:
        return None


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
