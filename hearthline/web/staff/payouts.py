"""Payouts that operators asked for: an admin with a second factor approves, pays, refuses."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from hearthline.ledger import payouts as requests
from hearthline.ledger.models import Payout, PayoutState
from hearthline.lib.errors import ExchangeError
from hearthline.lib.money import Money
from hearthline.people import audit, letters
from hearthline.people.gates import for_roles, with_second_factor
from hearthline.people.models import Role, User
from hearthline.realtime.audiences import user_audience
from hearthline.realtime.configured import bus

SHOWN = 50
DECIDED_SHOWN = 30


@dataclass(frozen=True, slots=True)
class Row:
    payout: Payout
    operator: User | None
    details: str | None  # None: sealed with another secret key


@require_safe
@for_roles(Role.ADMIN)
@with_second_factor
@never_cache
def payouts(request: HttpRequest) -> HttpResponse:
    """The oldest first, each with where the money is to go; then the latest that were decided."""
    waiting = list(requests.to_decide()[:SHOWN])
    decided = list(Payout.objects.exclude(state__in=requests.OPEN).order_by("-requested_at")[:DECIDED_SHOWN])
    people = User.objects.in_bulk({payout.operator for payout in (*waiting, *decided)})
    context = {
        "waiting": [Row(payout, people.get(payout.operator), requests.details_of(payout)) for payout in waiting],
        "decided": [Row(payout, people.get(payout.operator), None) for payout in decided],
    }
    return render(request, "staff/payouts.html", context)


@require_POST
@for_roles(Role.ADMIN)
@with_second_factor
def approve(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    return _decided(
        request,
        id,
        audit.Tag.WEB_PAYOUT_APPROVED,
        lambda by: requests.approve(payout=id, by=by),
        _("Approved. Pay it now."),
    )


@require_POST
@for_roles(Role.ADMIN)
@with_second_factor
def paid(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    payment = request.POST.get("payment", "").strip()
    return _decided(
        request, id, audit.Tag.WEB_PAYOUT_MADE, lambda by: requests.mark_paid(payout=id, by=by, payment=payment),
        _("Noted as paid."),
    )  # fmt: skip


@require_POST
@for_roles(Role.ADMIN)
@with_second_factor
def refuse(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    reason = request.POST.get("reason", "")
    return _decided(
        request, id, audit.Tag.WEB_PAYOUT_REFUSED, lambda by: requests.refuse(payout=id, by=by, reason=reason),
        _("Refused. The operator reads your reason; the money is theirs to ask for again."),
    )  # fmt: skip


def _decided(
    request: HttpRequest, id: uuid.UUID, tag: audit.Tag, decide: Callable[[uuid.UUID], Payout], said: str
) -> HttpResponse:
    assert isinstance(request.user, User)
    try:
        with transaction.atomic():
            payout = decide(request.user.pk)
            audit.record(tag, request.user, id, {"amount_minor": payout.amount_minor}, request)
            _tell(payout)
    except ExchangeError as refusal:
        messages.error(request, str(refusal.sentence))
    else:
        messages.success(request, said)
    return redirect("staff:payouts")


def _tell(payout: Payout) -> None:
    """The operator's open pages, and a letter when it is paid or refused."""
    told = {"payout": str(payout.pk), "state": str(payout.state)}
    bus().publish("payout.decided", told, audiences=(user_audience(payout.operator),))
    if payout.state not in (PayoutState.PAID, PayoutState.REFUSED):
        return

    def compose() -> letters.Letter:
        amount = Money(payout.amount_minor, payout.currency).format(get_language() or "en")
        words = {"amount": amount, "reason": payout.reason, "payment": payout.payment}
        if payout.state == PayoutState.REFUSED:
            subject = _("Your payout was refused")
            said = _("%(amount)s are yours to ask for again. The reason: %(reason)s")
        else:
            subject = _("Your payout is on its way")
            said = _("%(amount)s have been paid. %(payment)s")
        return letters.Letter(subject, said % words, letters.page("operator:earnings"))

    letters.write(User.objects.filter(pk=payout.operator), compose)
