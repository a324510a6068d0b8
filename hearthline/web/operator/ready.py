"""The readiness check's page, what it keeps, and "not today"."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_GET, require_POST

from hearthline.calls.models import Line, LineState, Shift
from hearthline.calls.services import open_attempt
from hearthline.dialing.services import level_of
from hearthline.lib.errors import ConflictError, ExchangeError, InvalidInputError
from hearthline.people import devices
from hearthline.people.gates import for_roles
from hearthline.people.models import Role, User
from hearthline.quality import readiness
from hearthline.web.commands import body_of, operator_of
from hearthline.web.operator.readiness_words import SENTENCES, TEXTS, TITLES


@for_roles(Role.OPERATOR)
@require_GET
@never_cache
@ensure_csrf_cookie
def page(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    context = {
        "titles": TITLES,
        "texts": {key: str(sentence) for key, sentence in TEXTS.items()},
        "urls": {
            "open_line": reverse("operator:open_line"),
            "close_line": reverse("operator:close_line"),
            "keep": reverse("operator:keep_ready"),
        },
        "standing": readiness.standing(request.user, devices.mark_of(request)),
        "on_shift": Shift.objects.filter(operator=request.user, ended_at=None).exists(),
        "line_open": _line_open(request.user),
        "newcomer": level_of(request.user) == 0,
        "in_call": open_attempt(request.user) is not None,
    }
    return render(request, "operator/ready.html", context)


@require_POST
def keep(request: HttpRequest) -> HttpResponse:
    operator = operator_of(request)
    items: Any = body_of(request).get("items")
    if not isinstance(items, list):
        raise InvalidInputError(_("The page sent something that is not understood. Reload it."))
    device = devices.mark_of(request) or devices.new_mark()
    check = readiness.record(operator=operator, device=device, items=items)
    worst = readiness.worst_of(check)
    reply = JsonResponse({"worst": worst, "sentence": str(SENTENCES[worst])})
    devices.put(reply, device)
    return reply


@for_roles(Role.OPERATOR)
@require_POST
def skip(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    device = devices.mark_of(request) or devices.new_mark()
    try:
        readiness.skip(operator=request.user, device=device)
    except ExchangeError as refusal:
        messages.error(request, str(refusal.sentence))
        return redirect("operator:ready")
    reply = redirect("operator:choose")
    devices.put(reply, device)
    return reply


def require_checked(request: HttpRequest, operator: User) -> None:
    """Raises ConflictError where the exchange asks for the check and this browser has none of the last 24 hours."""
    standing = readiness.standing(operator, devices.mark_of(request))
    if standing.due and not standing.may_skip:
        raise ConflictError(_("Check your microphone and your line first: it takes half a minute."))


def _line_open(operator: User) -> bool:
    return Line.objects.filter(user=operator).exclude(state=LineState.CLOSED).exists()
