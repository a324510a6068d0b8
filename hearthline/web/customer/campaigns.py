"""An owner's campaigns: the list, a new one, the live page, start and pause."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from hearthline.campaigns import services
from hearthline.campaigns.gates import campaign_for_owner, campaigns_for_owner
from hearthline.campaigns.live import live_numbers
from hearthline.campaigns.models import Campaign, CampaignState
from hearthline.campaigns.services import NotReadyError
from hearthline.dialing.why import why_idle
from hearthline.ledger.accounts import account_of
from hearthline.ledger.models import AccountKind
from hearthline.lib import clock
from hearthline.lib.errors import InvalidInputError
from hearthline.people.gates import organisation_for_owner
from hearthline.people.models import User
from hearthline.quality import approval
from hearthline.web.customer import hours, results
from hearthline.web.customer.estimate import NOBODY, estimate, present_pace, ringing_per_conversation
from hearthline.web.customer.forms import NewCampaignForm, add_refusal

CAMPAIGNS_SHOWN = 200


@login_required
@require_safe
def campaign_list(request: HttpRequest) -> HttpResponse:
    order = {CampaignState.RUNNING: 0, CampaignState.PAUSED: 1, CampaignState.DRAFT: 2, CampaignState.FINISHED: 3}
    found = list(
        campaigns_for_owner(request.user)
        .select_related("organisation", "tally")
        .order_by("-created_at", "pk")[:CAMPAIGNS_SHOWN]
    )
    if not found:
        organisation_for_owner(request.user)
        return redirect("customer:new")
    found.sort(key=lambda campaign: order[CampaignState(campaign.state)])
    return render(request, "customer/campaigns.html", {"campaigns": found})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new_campaign(request: HttpRequest) -> HttpResponse:
    organisation = organisation_for_owner(request.user)
    assert isinstance(request.user, User)
    form = NewCampaignForm(request.POST or None, initial={"language": get_language() or "en"})
    if request.method == "POST" and form.is_valid():
        try:
            campaign = services.create_campaign(
                organisation=organisation,
                created_by=request.user,
                name=form.cleaned_data["name"],
                kind=form.cleaned_data["kind"] or None,
                language=form.cleaned_data["language"],
                request=request,
            )
        except InvalidInputError as refusal:
            add_refusal(form, refusal)
        else:
            return redirect("customer:setup", campaign.pk)
    first = not campaigns_for_owner(request.user).exists()
    context = {"form": form, "organisation": organisation, "first": first}
    return render(request, "customer/new.html", context, status=422 if form.errors else 200)


@login_required
@require_safe
def campaign_page(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    campaign = campaign_for_owner(request.user, id)
    if campaign.state == CampaignState.DRAFT:
        return redirect("customer:setup", campaign.pk)
    context = {"campaign": campaign, **_figures(campaign), **results.table(request, campaign)}
    return render(request, "customer/campaign.html", context)


@login_required
@require_safe
def figures(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    """The numbers that matter, again: the page asks for them when something happened."""
    campaign = campaign_for_owner(request.user, id)
    return render(request, "customer/_figures.html", {"campaign": campaign, **_figures(campaign)})


@login_required
@require_safe
def by_hour(request: HttpRequest, id: uuid.UUID) -> JsonResponse:
    """Shape: see `hours.series`."""
    return JsonResponse(hours.series(campaign_for_owner(request.user, id)))


@login_required
@require_safe
def why(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    campaign = campaign_for_owner(request.user, id)
    return render(request, "customer/_why.html", {"campaign": campaign, "why": why_idle(campaign)})


@login_required
@require_POST
def start(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    campaign = campaign_for_owner(request.user, id)
    assert isinstance(request.user, User)
    try:
        approval.start(campaign=campaign, actor=request.user, request=request)
    except (approval.WaitsForModeratorError, approval.SentBackError) as refusal:
        messages.warning(request, str(refusal.sentence))
        return redirect("customer:setup", campaign.pk)
    except NotReadyError as refusal:
        for item in refusal.missing:
            messages.error(request, item.sentence)
        return redirect("customer:setup", campaign.pk)
    messages.success(request, _("Started. Operators see the campaign now."))
    return redirect("customer:campaign", campaign.pk)


@login_required
@require_POST
def pause(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    campaign = campaign_for_owner(request.user, id)
    assert isinstance(request.user, User)
    services.pause(campaign=campaign, actor=request.user, request=request)
    messages.success(request, _("Paused. Calls that are on go on to their end; no new ones begin."))
    return redirect("customer:campaign", campaign.pk)


@login_required
@require_POST
def finish(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    campaign = campaign_for_owner(request.user, id)
    assert isinstance(request.user, User)
    services.finish(campaign=campaign, actor=request.user, request=request)
    messages.success(request, _("Finished. The results stay here."))
    return redirect("customer:campaign", campaign.pk)


def _figures(campaign: Campaign) -> dict[str, object]:
    """Three queries, whatever the size of the campaign; five until it has a pace of its own."""
    live = live_numbers(campaign)
    account = account_of(AccountKind.CUSTOMER, campaign.organisation_id, campaign.currency)
    now = clock.now()
    pace = NOBODY if live.ends_about or campaign.state != CampaignState.RUNNING else present_pace(now)
    ringing = ringing_per_conversation(campaign, now)
    reach = estimate(
        campaign, available_minor=account.available, left=live.left, pace=pace, now=now, ringing_minor=ringing
    )
    return {"live": live, "account": account, "estimate": reach, "ends_about": live.ends_about or reach.until}
