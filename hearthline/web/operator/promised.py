"""The callbacks that an operator has promised, as their pages show them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from hearthline.campaigns.models import Contact
from hearthline.campaigns.scripts import public_name
from hearthline.dialing import promises
from hearthline.lib import clock
from hearthline.people.gates import for_roles
from hearthline.people.models import Role, User


@dataclass(frozen=True, slots=True)
class Promised:
    contact: Contact
    name: str  # empty: the campaign shows none
    at: datetime  # when it comes back
    moved: bool  # nobody was reached at the promised time: it is another try
    due: bool


def promised_by(operator: User) -> list[Promised]:
    now = clock.now()
    rows = promises.promised_by(operator)[: promises.SHOWN]
    return [
        Promised(
            contact=row,
            name=row.name if row.campaign.show_name else "",
            at=row.next_attempt_at,
            moved=row.promised_at is not None and row.promised_at < row.next_attempt_at,
            due=row.next_attempt_at <= now,
        )
        for row in rows
    ]


def promise_of(contact: Contact, operator: User) -> dict[str, Any] | None:
    """Who promised this contact a call, and for when; None when nobody did. Shape: {"mine", "by", "at"}."""
    if contact.prefer_operator_id is None:
        return None
    return {
        "mine": contact.prefer_operator_id == operator.pk,
        "by": public_name(contact.prefer_operator),
        "at": contact.promised_at or contact.next_attempt_at,
    }


@for_roles(Role.OPERATOR)
@require_POST
def give_up(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    assert isinstance(request.user, User)
    promises.give_up(operator=request.user, contact=id)
    messages.success(request, _("Somebody else will call at that time."))
    return redirect("operator:choose")
