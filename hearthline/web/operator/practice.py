"""An operator's practice: tutorial and training with robots, the test call, and what came of each call."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from hearthline.calls import services
from hearthline.calls.gates import attempt_for_operator
from hearthline.calls.models import Shift
from hearthline.campaigns.models import Campaign, CampaignKind
from hearthline.lib.errors import ExchangeError, NotFoundError, UnavailableError
from hearthline.people import devices
from hearthline.people.gates import for_roles
from hearthline.people.models import Role, User
from hearthline.quality import fitness, house
from hearthline.quality.hearing import spoken_of
from hearthline.quality.models import RobotCall, TestState
from hearthline.quality.readiness import keep_with_shift
from hearthline.quality.scenarios.library import scenario_of
from hearthline.realtime.configured import bus
from hearthline.web.practice_words import field_titles, measured_of, reasons_of, talk_of


@for_roles(Role.OPERATOR)
@require_POST
def practise(request: HttpRequest) -> HttpResponse:
    """Begin a shift in a campaign of the exchange's own."""
    assert isinstance(request.user, User)
    offered = house.practice_for(fitness.languages_of(request.user))
    campaign = next((one for one in offered if str(one.pk) == request.POST.get("campaign", "")), None)
    if campaign is None:
        raise NotFoundError(_("There is no such campaign, or it is not open to you."))
    return _on_shift(request, campaign)


@for_roles(Role.OPERATOR)
@require_GET
def test(request: HttpRequest) -> HttpResponse:
    """The test call: how it goes, where one stands, what came of the latest."""
    assert isinstance(request.user, User)
    last_event = bus().latest_id()  # before the state is read: what happens meanwhile is heard
    standing = fitness.standing(request.user)
    latest = standing.latest
    decided = latest is not None and latest.state in (TestState.PASSED, TestState.FAILED)
    attempt = latest.attempt if decided and latest is not None else None
    call = RobotCall.objects.filter(pk=attempt.pk).first() if attempt is not None else None
    context = {
        "standing": standing,
        "latest": latest,
        "last_event": last_event,
        "call": call,
        "reasons": reasons_of(call, field_titles(attempt)) if call and attempt else [],
        "measured": measured_of(call, attempt) if call and attempt else None,
        "retry_hours": settings.HEARTHLINE.fitness_retry_hours,
    }
    return render(request, "operator/test.html", context)


@for_roles(Role.OPERATOR)
@require_POST
def begin_test(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    try:
        test = fitness.begin_test(operator=request.user)
        campaign = house.house_campaign(CampaignKind.TEST, test.scenario.partition("/")[0])
        if campaign is None:
            raise UnavailableError(_("The robots do not run here now. Tell the admin; this call does not count."))
    except ExchangeError as refusal:
        messages.error(request, str(refusal.sentence))
        return redirect("operator:test")
    return _on_shift(request, campaign)


def _on_shift(request: HttpRequest, campaign: Campaign) -> HttpResponse:
    assert isinstance(request.user, User)
    try:
        shift = services.begin_shift(operator=request.user, campaign=campaign)
    except ExchangeError as refusal:
        messages.error(request, str(refusal.sentence))
        return redirect("operator:choose")
    keep_with_shift(shift, devices.mark_of(request))
    return redirect("operator:shift")


@for_roles(Role.OPERATOR, Role.MODERATOR, Role.ADMIN)  # who try a scenario
@require_GET
def feedback(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    """What was said to whom in a call of practice, and how the form was filled compared with what the robot meant."""
    assert isinstance(request.user, User)
    attempt = attempt_for_operator(request.user, id)
    call = RobotCall.objects.filter(pk=attempt.pk).first()
    if call is None or attempt.campaign.kind not in (CampaignKind.TRAINING, CampaignKind.TUTORIAL):
        raise NotFoundError(_("There is no such call, or it is not yours."))
    scenario = scenario_of(call.scenario)
    context = {
        "attempt": attempt,
        "call": call,
        "scenario": scenario,
        "reasons": reasons_of(call, field_titles(attempt)),
        "measured": measured_of(call, attempt),
        "talk": talk_of(spoken_of(call, attempt)),
        "campaign": attempt.campaign,
        "on_shift": Shift.objects.filter(operator=request.user, ended_at=None).exists(),
    }
    part = request.GET.get("part") == "1"  # into the console, without leaving it
    return render(request, "operator/_feedback.html" if part else "operator/practice_call.html", context)
