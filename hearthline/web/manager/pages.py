"""The page where a hand-over rings: for a manager with an account, and for a guest with a signed link."""

from __future__ import annotations

import time
import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_GET

from hearthline.calls.gates import handover_for_guest
from hearthline.lib import clock
from hearthline.people.gates import for_roles
from hearthline.people.models import Role, User
from hearthline.realtime.audiences import GUEST_SESSION_KEY, GuestScope
from hearthline.realtime.stream import PATH as EVENTS
from hearthline.web.commands import json_command, text_of
from hearthline.web.manager.taker import Taker, taker_of
from hearthline.web.manager.texts import TEXTS

GUEST_SESSION_S = 2 * 3600  # as long as a conversation may reasonably last
_ADDRESSES = (
    "state",
    "open_line",
    "open_phone_line",
    "close_line",
    "mute_line",
    "answer",
    "decline",
    "hang_up",
    "notes",
)


@for_roles(Role.CUSTOMER)
@require_GET
@never_cache
@ensure_csrf_cookie
def manage(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    return render(request, "manager/manage.html", _context(_state(Taker(request.user, None)), None))


@require_GET
@never_cache
@ensure_csrf_cookie
def guest_page(request: HttpRequest, guest: uuid.UUID) -> HttpResponse:
    """The link's token is in the fragment, which browsers do not send; the page hands it over by POST to `enter`."""
    return render(request, "manager/guest.html", _context(None, guest))


@json_command
def enter(request: HttpRequest, body: dict[str, Any], guest: uuid.UUID) -> dict[str, Any]:
    """Exchange the link's token for a scope in this session: one hand-over, nothing else."""
    handover = handover_for_guest(guest, text_of(body, "token", 100))
    scope: GuestScope = {"handover": str(handover.pk), "until": time.time() + GUEST_SESSION_S}
    request.session[GUEST_SESSION_KEY] = scope
    if not request.user.is_authenticated:
        request.session.set_expiry(GUEST_SESSION_S)
    return _state(Taker(None, handover))


@require_GET
@never_cache
def state(request: HttpRequest, guest: uuid.UUID | None = None) -> HttpResponse:
    return JsonResponse(_state(taker_of(request, guest)))


def _state(taker: Taker) -> dict[str, Any]:
    return {**taker.state(), "now": clock.now().timestamp()}


def _context(state: dict[str, Any] | None, guest: uuid.UUID | None) -> dict[str, Any]:
    prefix, args = ("manager:guest_", [guest]) if guest is not None else ("manager:", [])
    names = (*_ADDRESSES, "enter") if guest is not None else _ADDRESSES
    return {
        "settings": {
            "guest": guest is not None,
            "events": EVENTS,
            "addresses": {name: reverse(prefix + name, args=args) for name in names},
        },
        "state": state or {},
        "texts": {key: str(sentence) for key, sentence in TEXTS.items()},
    }
