"""How a person's line is opened: by the browser, by a telephone that is called back, by a SIP phone of their own."""

from __future__ import annotations

import logging
from datetime import timedelta

from asgiref.sync import async_to_sync
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from hearthline.calls import callbacks
from hearthline.calls.commands import RenewPhones, queue_of, to_message
from hearthline.calls.models import LineKind, Node
from hearthline.calls.own_line import lines_json
from hearthline.calls.own_phones import (
    SipAccount,
    choose_line,
    issue_sip_account,
    own_phone,
    phones_offered,
    withdraw_sip_account,
)
from hearthline.lib import clock
from hearthline.lib.errors import ExchangeError, UnavailableError
from hearthline.people.gates import for_roles, with_second_factor
from hearthline.people.models import Role, User
from hearthline.realtime.configured import bus

logger = logging.getLogger(__name__)

NODE_ALIVE = timedelta(seconds=30)  # a node that was not heard of for longer is not asked
NODE_PATIENCE_S = 2.0


@for_roles(Role.OPERATOR, Role.CUSTOMER)
@require_GET
@never_cache
def own_line(request: HttpRequest) -> HttpResponse:
    return _page(request)


@for_roles(Role.OPERATOR, Role.CUSTOMER)
@with_second_factor
@require_POST
def choose(request: HttpRequest) -> HttpResponse:
    """A telephone that the exchange calls costs it money: whoever needs a second factor for that is asked for it."""
    assert isinstance(request.user, User)
    kind, number = request.POST.get("kind", ""), request.POST.get("number", "")[:60]
    try:
        choose_line(user=request.user, kind=kind, number=number, request=request)
    except ExchangeError as refusal:
        return _page(request, kind=kind, number=number, error=str(refusal.sentence), status=refusal.status)
    messages.success(request, _("Saved. It counts for the next line that you open."))
    return redirect("account:line")


@for_roles(Role.OPERATOR, Role.CUSTOMER)
@with_second_factor
@require_POST
@never_cache
def issue(request: HttpRequest) -> HttpResponse:
    """The password is on this one page, and nowhere else."""
    assert isinstance(request.user, User)
    try:
        account = issue_sip_account(user=request.user, request=request)
    except ExchangeError as refusal:
        messages.error(request, str(refusal.sentence))
        return redirect("account:line")
    _in_force_at_once(request.user)
    return _page(request, account=account)


@for_roles(Role.OPERATOR, Role.CUSTOMER)
@with_second_factor
@require_POST
def withdraw(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    withdraw_sip_account(user=request.user, request=request)
    _in_force_at_once(request.user)
    messages.success(request, _("The account is gone; your SIP phone can register no more."))
    return redirect("account:line")


def _in_force_at_once(user: User) -> None:
    """A telephone that registers right now must find its account; a node that does not answer has it within seconds."""
    for node in Node.objects.filter(heartbeat_at__gt=clock.now() - NODE_ALIVE).values_list("name", flat=True)[:100]:
        message = to_message(RenewPhones(key="", user=str(user.pk)))
        try:
            async_to_sync(bus().request)(queue_of(node), message, timeout_s=NODE_PATIENCE_S)
        except UnavailableError:
            logger.info("node %s will see the changed SIP account by itself", node)


def _page(
    request: HttpRequest,
    *,
    kind: str = "",
    number: str = "",
    error: str = "",
    account: SipAccount | None = None,
    status: int = 200,
) -> HttpResponse:
    assert isinstance(request.user, User)
    phone = own_phone(request.user)
    context = {
        "phone": phone,
        "kind": kind or phone.kind,
        "kinds": LineKind,
        "number": number or phone.number,
        "error": error,
        "account": account,
        "now": lines_json(request.user, phone)["own_line"],
        "callbacks_offered": callbacks.offered(),
        "phones_offered": phones_offered(),
    }
    return render(request, "account/line.html", context, status=status)
