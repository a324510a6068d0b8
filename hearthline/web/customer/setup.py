"""The first visit: contacts, script, price, one button. The same parts serve later changes."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from hearthline.campaigns import tally as tallies
from hearthline.campaigns.gates import campaign_for_owner
from hearthline.campaigns.models import Campaign, CampaignState, Contact
from hearthline.campaigns.readiness import missing
from hearthline.campaigns.script_kinds import ScriptKind, template_of
from hearthline.campaigns.scripts import check_script, render_text, variables_of
from hearthline.ledger.accounts import account_of
from hearthline.ledger.models import AccountKind
from hearthline.lib import clock
from hearthline.lib.errors import ConflictError, InvalidInputError
from hearthline.people.models import User
from hearthline.quality import approval
from hearthline.web.customer import uploads
from hearthline.web.customer.estimate import estimate, present_pace, ringing_per_conversation
from hearthline.web.customer.forms import PriceForm, add_refusal

MAX_SCRIPT_POSTED = 60_000  # characters that are looked at; the service says what is too long


@login_required
@require_safe
def setup(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    campaign = campaign_for_owner(request.user, id)
    if campaign.state != CampaignState.DRAFT:
        return redirect("customer:campaign", campaign.pk)
    context = {
        "campaign": campaign,
        **uploads.step(campaign),
        **script_editor(request, campaign, campaign.script),
        "price_form": PriceForm(campaign=campaign),
    }
    return render(request, "customer/setup.html", context)


@login_required
@require_safe
def ready(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    """How far the money goes and what is still missing; asked for again after each change on the page."""
    campaign = campaign_for_owner(request.user, id)
    return render(request, "customer/_ready.html", {"campaign": campaign, **readiness(campaign)})


@login_required
@require_POST
def price(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    """The third step's values, saved as they are typed."""
    campaign = campaign_for_owner(request.user, id)
    assert isinstance(request.user, User)
    form = PriceForm(request.POST, campaign=campaign)
    if form.is_valid():
        try:
            campaign = approval.change(campaign=campaign, actor=request.user, request=request, **form.changes())
        except InvalidInputError as refusal:
            add_refusal(form, refusal)
    if not request.headers.get("hx-request"):
        return redirect("customer:setup", campaign.pk)
    context = {"campaign": campaign, "price_form": form, **readiness(campaign), "with_ready": True}
    return render(request, "customer/_price.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def script(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    """The script on a page of its own, for a campaign that is on its way."""
    campaign = campaign_for_owner(request.user, id)
    assert isinstance(request.user, User)
    text = campaign.script
    status = 200
    if request.method == "POST":
        text = _posted(request)
        try:
            approval.change(campaign=campaign, actor=request.user, request=request, script=text)
        except (InvalidInputError, ConflictError) as refusal:
            messages.error(request, str(refusal.sentence))
            status = 422
        else:
            messages.success(request, _("Saved. Operators read it with the next contact."))
            return redirect("customer:script", campaign.pk)
    context = {"campaign": campaign, **script_editor(request, campaign, text)}
    return render(request, "customer/script.html", context, status=status)


@login_required
@require_POST
def preview(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    """The script as an operator would read it, with a real row, and what is wrong with it. A draft's is saved as well."""
    campaign = campaign_for_owner(request.user, id)
    assert isinstance(request.user, User)
    text = _posted(request)
    saved = False
    if campaign.state == CampaignState.DRAFT and text != campaign.script:
        approval.change(campaign=campaign, actor=request.user, request=request, script=text)
        saved = True
    context = {"campaign": campaign, **script_editor(request, campaign, text), "saved": saved, "with_variables": True}
    return render(request, "customer/_preview.html", context)


@login_required
@require_safe
def script_template(request: HttpRequest, id: uuid.UUID, kind: str) -> HttpResponse:
    """One of the scripts to begin from, as text."""
    campaign = campaign_for_owner(request.user, id)
    if kind not in ScriptKind.values:
        return HttpResponse(status=404)
    return HttpResponse(template_of(kind, campaign.language).script, content_type="text/plain; charset=utf-8")


def script_editor(request: HttpRequest, campaign: Campaign, text: str) -> dict[str, Any]:
    """What the editor and its preview show. One query: the row that fills the preview."""
    assert isinstance(request.user, User)
    contact = _row(campaign, request.POST.get("row", ""), further=bool(request.POST.get("next")))
    return {
        "script_text": text,
        "script_html": render_text(campaign, text, contact, request.user),
        "problems": check_script(campaign, text),
        "variables": variables_of(campaign),
        "preview_contact": contact,
        "kinds": ScriptKind.choices,
    }


def readiness(campaign: Campaign) -> dict[str, Any]:
    account = account_of(AccountKind.CUSTOMER, campaign.organisation_id, campaign.currency)
    tally = tallies.of(campaign.pk)
    left = max(0, tally.contacts - tally.done - tally.exhausted - tally.blocked)
    now = clock.now()
    return {
        "account": account,
        "left": left,
        "estimate": estimate(
            campaign,
            available_minor=account.available,
            left=left,
            pace=present_pace(now),
            now=now,
            ringing_minor=ringing_per_conversation(campaign, now),
        ),
        "missing": missing(campaign),
    }


def _posted(request: HttpRequest) -> str:
    return request.POST.get("script", "")[:MAX_SCRIPT_POSTED].replace("\r\n", "\n")


def _row(campaign: Campaign, id: str, *, further: bool) -> Contact | None:
    """A contact to fill the preview with: the one asked for, the one after it, or the first."""
    rows = Contact.objects.filter(campaign=campaign).order_by("id")
    try:
        asked = uuid.UUID(id)
    except ValueError:
        return rows.first()
    found = rows.filter(id__gt=asked) if further else rows.filter(id=asked)
    return found.first() or rows.first()
