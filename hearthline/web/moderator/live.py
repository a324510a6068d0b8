"""Calls as they go on: a moderator listens, whispers to the operator, or joins in. Each listening is in the audit trail."""

from __future__ import annotations

from typing import Any

from django.conf import settings as django_settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from hearthline.calls import commands
from hearthline.calls.call_state import LIVE
from hearthline.calls.gates import attempt_for_staff, line_for_person
from hearthline.calls.models import Attempt
from hearthline.lib.errors import ConflictError, InvalidInputError
from hearthline.people.gates import for_roles, require_role
from hearthline.people.models import Role, User
from hearthline.realtime.configured import bus
from hearthline.realtime.stream import PATH as EVENTS
from hearthline.web.commands import json_command, key_of, person_of, send, send_close, text_of
from hearthline.web.operator.texts import LINE_TEXTS

LONGEST_OFFER = 64_000
CALLS_SHOWN = 200
MODES = ("silent", "whisper", "barge", "stop")

TEXTS = {
    **LINE_TEXTS,
    "said_silent": gettext_lazy("You hear the call; nobody hears you."),
    "said_whisper": gettext_lazy("The operator hears you; the contact does not."),
    "said_barge": gettext_lazy("Everybody in the call hears you."),
    "said_stop": gettext_lazy("You have left the call."),
    "said_ended": gettext_lazy("The call has ended."),
}


@for_roles(Role.MODERATOR, Role.ADMIN)
@require_safe
@never_cache
@ensure_csrf_cookie
def page(request: HttpRequest) -> HttpResponse:
    last_event = bus().latest_id()
    settings = {
        "events": EVENTS,
        "last_event": last_event,
        "part": reverse("moderator:live_part"),
        "line": reverse("moderator:live_line"),
        "close": reverse("moderator:live_close"),
        "listen": reverse("moderator:live_listen"),
    }
    texts = {name: str(text) for name, text in TEXTS.items()}
    context = {
        "calls": _calls(),
        "settings": settings,
        "texts": texts,
        "tell_of_listening": django_settings.HEARTHLINE.tell_of_listening,
    }
    return render(request, "moderator/live.html", context)


@for_roles(Role.MODERATOR, Role.ADMIN)
@require_safe
@never_cache
def part(request: HttpRequest) -> HttpResponse:
    return render(request, "moderator/_live.html", {"calls": _calls()})


@json_command
def open_line(request: HttpRequest, body: dict[str, Any]) -> dict[str, Any]:
    """On the node of the call that is to be heard: its legs must be on one switch."""
    user = _moderator(request)
    attempt = _live(user, text_of(body, "attempt", 40))
    command = commands.OpenLine(
        key=key_of(body), user=str(user.pk), offer=text_of(body, "offer", LONGEST_OFFER), line=text_of(body, "line", 40)
    )
    return send(attempt.node_id, command)


@json_command
def close_line(request: HttpRequest, body: dict[str, Any]) -> dict[str, Any]:
    user = _moderator(request)
    line = line_for_person(user, text_of(body, "line", 40), also_closed=True)
    return send_close(line, user=str(user.pk), key=key_of(body))


@json_command
def listen(request: HttpRequest, body: dict[str, Any]) -> dict[str, Any]:
    user = _moderator(request)
    mode = text_of(body, "mode", 10)
    if mode not in MODES:
        raise InvalidInputError(_("Listen silently, whisper, or barge in."))
    attempt = _live(user, text_of(body, "attempt", 40))
    line = line_for_person(user, text_of(body, "line", 40))
    command = commands.Listen(
        key=key_of(body), user=str(user.pk), attempt=str(attempt.pk), line=str(line.pk), mode=mode
    )
    return send(attempt.node_id, command)


def _live(user: User, id: str) -> Attempt:
    attempt = attempt_for_staff(user, id)
    if attempt.phase not in {phase.value for phase in LIVE}:
        raise ConflictError(_("This call has ended already."))
    return attempt


def _calls() -> list[Attempt]:
    rows = Attempt.objects.filter(phase__in=[phase.value for phase in LIVE], ended_at=None)
    return list(rows.select_related("campaign", "operator").order_by("dialled_at")[:CALLS_SHOWN])


def _moderator(request: HttpRequest) -> User:
    return require_role(person_of(request), Role.MODERATOR, Role.ADMIN)
