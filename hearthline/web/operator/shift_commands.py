"""The operator's writes that touch no call: the shift, the next contact, the draft, the wrap-up, a new contact."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from hearthline.calls import services
from hearthline.calls.gates import attempt_for_operator
from hearthline.campaigns.contacts import DuplicateContactError
from hearthline.campaigns.contacts import add_contact as add_contact_to
from hearthline.campaigns.gates import campaign_for_operator
from hearthline.campaigns.models import CampaignKind
from hearthline.dialing import services as dialing
from hearthline.dialing.models import Assignment, AssignmentState
from hearthline.lib.errors import ConflictError, InvalidInputError
from hearthline.lib.phone import masked
from hearthline.people import audit
from hearthline.people.models import User
from hearthline.quality.next_contact import next_contact as next_contact_of
from hearthline.quality.scoring import settle_robot_call
from hearthline.web import trials
from hearthline.web.commands import json_command, operator_of, text_of, whole_of
from hearthline.web.operator import offers
from hearthline.web.operator.keys import DEFAULT_KEYS
from hearthline.web.operator.page_state import page_state

_CODE = re.compile(r"[A-Za-z0-9]{1,16}")


@json_command
def take_break(request: HttpRequest, body: dict[str, Any]) -> dict[str, Any]:
    operator = operator_of(request)
    services.take_break(operator=operator, on=body.get("on") is True)
    return page_state(operator)


@json_command
def end(request: HttpRequest, body: dict[str, Any]) -> dict[str, Any]:
    shift = services.end_shift(operator=operator_of(request))
    if tried := trials.end(request):
        return {"ended": True, "summary": tried}
    return {"ended": True, "summary": reverse("operator:summary", args=[shift.pk])}


@json_command
def next_contact(request: HttpRequest, body: dict[str, Any]) -> dict[str, Any]:
    """Claim the next contact. Reply: the page's state; `none` says why when there is none. `offer`: campaigns that pay better,
    as `offers` has them; once an hour it comes instead of a contact, and asking again goes on as before."""
    operator = operator_of(request)
    shift = services.open_shift(operator)
    if shift.campaign is None or shift.campaign.kind == CampaignKind.REAL:
        offer = offers.due(operator)
        if offer is not None:
            return page_state(operator) | {"offer": offer}
    following = next_contact_of(operator=operator, shift=shift, tried=trials.tried_by(request))
    reply = page_state(operator)
    if following.assignment is None:
        reply["none"] = str(following.none)
        reply["offer"] = offers.instead(operator)
    return reply


@json_command
def change_campaign(request: HttpRequest, body: dict[str, Any]) -> dict[str, Any]:
    """Go over to another campaign between two calls; the line stays open."""
    operator = operator_of(request)
    campaign = campaign_for_operator(operator, text_of(body, "campaign", 40))
    dialing.require_fit(operator, campaign)
    services.begin_shift(operator=operator, campaign=campaign)
    return page_state(operator)


def _assignment(operator: User, body: dict[str, Any]) -> Assignment:
    found = Assignment.objects.filter(operator=operator, state=AssignmentState.ACTIVE).first()
    if found is None or str(found.pk) != text_of(body, "assignment", 40):
        raise ConflictError(_("You no longer have this contact. Take the next one."))
    return found


@json_command
def skip(request: HttpRequest, body: dict[str, Any]) -> dict[str, Any]:
    operator = operator_of(request)
    services.skip_contact(operator=operator, assignment=text_of(body, "assignment", 40))
    return page_state(operator)


@json_command
def renew(request: HttpRequest, body: dict[str, Any]) -> dict[str, Any]:
    """The operator still reads: keep the contact for another lease."""
    operator = operator_of(request)
    held = dialing.renew(_assignment(operator, body), whole_of(body, "fence"))
    return {"lease_expires_at": held.lease_expires_at.isoformat()}


@json_command
def draft(request: HttpRequest, body: dict[str, Any]) -> dict[str, Any]:
    operator = operator_of(request)
    services.save_draft(
        attempt=text_of(body, "attempt", 40),
        operator=operator,
        fields=_fields(body),
        notes=text_of(body, "notes", 10_000),
    )
    return {"saved": True}


@json_command
def wrap_up(request: HttpRequest, body: dict[str, Any]) -> dict[str, Any]:
    operator = operator_of(request)
    attempt = attempt_for_operator(operator, text_of(body, "attempt", 40))
    outcome = services.wrap_up(
        attempt=attempt.pk,
        operator=operator,
        fence=whole_of(body, "fence"),
        disposition=whole_of(body, "disposition"),
        fields=_fields(body),
        notes=text_of(body, "notes", 10_000),
        call_back_at=_moment(text_of(body, "call_back_at", 32), attempt.contact.timezone),
    )
    if attempt.contact.scenario:
        settle_robot_call(attempt.pk)
    return {
        "outcome": {
            "payable": outcome.payable,
            "not_payable_reason": outcome.not_payable_reason,
            "earned_minor": outcome.earned_minor,
            "currency": outcome.currency,
            "retry_at": outcome.retry_at.isoformat() if outcome.retry_at else None,
        },
        "state": page_state(operator),
    }


@json_command
def add_contact(request: HttpRequest, body: dict[str, Any]) -> dict[str, Any]:
    """Somebody else to call in this campaign ("ask for the accountant"); another operator will."""
    operator = operator_of(request)
    shift = services.open_shift(operator)
    if shift.campaign is None:
        raise ConflictError(_("Choose a campaign first."))
    if shift.campaign.kind != CampaignKind.REAL:
        raise ConflictError(_("This is practice with robots: nobody can be added here."))
    try:
        contact = add_contact_to(
            campaign=shift.campaign,
            phone=text_of(body, "phone", 60),
            name=text_of(body, "name", 200),
            entered_by=operator,
        )
    except DuplicateContactError:
        audit.record(audit.Tag.WEB_CONTACT_REFUSED, operator, shift.campaign.pk, None, request)
        raise
    return {"added": _("Added: %(number)s. Another operator will call.") % {"number": masked(contact.phone)}}


@json_command
def shortcuts(request: HttpRequest, body: dict[str, Any]) -> dict[str, Any]:
    """The person's own keys (WCAG 2.2, 2.1.4): {"off": true} or {"hang_up": "KeyX", ...}."""
    operator = operator_of(request)
    wanted = body.get("shortcuts")
    if not isinstance(wanted, dict):
        raise InvalidInputError(_("The page sent something that is not understood. Reload it."))
    kept: dict[str, Any] = {"off": True} if wanted.get("off") is True else {}
    for action, default in DEFAULT_KEYS.items():
        code = wanted.get(action)
        if isinstance(code, str) and _CODE.fullmatch(code) and code != default:
            kept[action] = code
    User.objects.filter(pk=operator.pk).update(shortcuts=kept)
    return {"shortcuts": kept}


def _fields(body: dict[str, Any]) -> dict[str, Any]:
    fields = body.get("fields", {})
    if not isinstance(fields, dict):
        raise InvalidInputError(_("The page sent something that is not understood. Reload it."))
    return fields


def _moment(text: str, zone: str) -> datetime | None:
    """'2026-03-25T14:30' in the contact's own zone."""
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    except ValueError:
        raise InvalidInputError(_("Choose the day and the time to call back.")) from None
