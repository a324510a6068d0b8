"""What a manager does: open the line, answer, decline, hang up, write notes. Each is checked by its gate."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from hearthline.calls import commands, selectors
from hearthline.calls.handover_notes import save_manager_notes
from hearthline.calls.models import Line, LineKind, LineState
from hearthline.calls.nodes import node_for_line, node_for_new_line
from hearthline.lib.errors import NotAllowedError
from hearthline.web.commands import json_command, key_of, send, send_close, text_of
from hearthline.web.manager.taker import Taker, taker_of

LONGEST_OFFER = 64_000
Body = dict[str, Any]


@json_command
def open_line(request: HttpRequest, body: Body, guest: uuid.UUID | None = None) -> Body:
    """On the node of the call when one is being handed over: its legs must be on one switch."""
    taker = taker_of(request, guest)
    waiting = taker.state()["handovers"]
    handover = taker.handover(waiting[0]["id"]) if waiting else None
    command = commands.OpenLine(
        key=key_of(body),
        user=taker.command_user,
        offer=text_of(body, "offer", LONGEST_OFFER),
        line=text_of(body, "line", 40),
        handover=str(taker.guest.pk) if taker.guest is not None else "",
    )
    return send(handover.attempt.node_id if handover is not None else _node_for(taker), command)


def _node_for(taker: Taker) -> str:
    return node_for_line(taker.user) if taker.user is not None else node_for_new_line()


@json_command
def open_phone_line(request: HttpRequest, body: Body, guest: uuid.UUID | None = None) -> Body:
    """Ring the manager's own telephone, by the node of the call when one is being handed over. A telephone that is open at
    another node is hung up first."""
    taker = taker_of(request, guest)
    if taker.user is None:
        raise NotAllowedError(_("Whoever comes by a link answers with the browser."))
    waiting = taker.state()["handovers"]
    at_call = taker.handover(waiting[0]["id"]).attempt.node_id if waiting else None
    node = selectors.node_of_telephone(taker.user) or at_call or node_for_new_line()
    elsewhere = Line.objects.filter(user=taker.user).exclude(state=LineState.CLOSED).exclude(node=node).first()
    if elsewhere is not None and elsewhere.kind != LineKind.BROWSER:
        closed = commands.CloseLine(key=uuid.uuid4().hex, user=taker.command_user, line=str(elsewhere.pk))
        send(elsewhere.node_id, closed)
    return send(node, commands.OpenPhoneLine(key=key_of(body), user=taker.command_user))


@json_command
def close_line(request: HttpRequest, body: Body, guest: uuid.UUID | None = None) -> Body:
    taker = taker_of(request, guest)
    line = taker.line(text_of(body, "line", 40), also_closed=True)
    return send_close(line, user=taker.command_user, key=key_of(body))


@json_command
def mute(request: HttpRequest, body: Body, guest: uuid.UUID | None = None) -> Body:
    """A telephone; the browser mutes its own microphone."""
    taker = taker_of(request, guest)
    line = taker.line(text_of(body, "line", 40))
    on = body.get("on") is True
    command = commands.MuteLine(key=key_of(body), user=taker.command_user, line=str(line.pk), on=on)
    return send(line.node_id, command)


@json_command
def answer(request: HttpRequest, body: Body, guest: uuid.UUID | None = None) -> Body:
    taker = taker_of(request, guest)
    handover = taker.handover(text_of(body, "handover", 40))
    line = taker.line(text_of(body, "line", 40))
    command = commands.AnswerHandOver(
        key=key_of(body), user=taker.command_user, handover=str(handover.pk), line=str(line.pk)
    )
    return send(handover.attempt.node_id, command)


@json_command
def decline(request: HttpRequest, body: Body, guest: uuid.UUID | None = None) -> Body:
    taker = taker_of(request, guest)
    handover = taker.handover(text_of(body, "handover", 40))
    command = commands.DeclineHandOver(key=key_of(body), user=taker.command_user, handover=str(handover.pk))
    return send(handover.attempt.node_id, command)


@json_command
def hang_up(request: HttpRequest, body: Body, guest: uuid.UUID | None = None) -> Body:
    taker = taker_of(request, guest)
    handover = taker.handover(text_of(body, "handover", 40))
    command = commands.HangUp(key=key_of(body), user=taker.command_user, attempt=str(handover.attempt_id))
    return send(handover.attempt.node_id, command)


@json_command
def notes(request: HttpRequest, body: Body, guest: uuid.UUID | None = None) -> Body:
    """Saved as they are typed, during the conversation and after it."""
    handover = taker_of(request, guest).handover(text_of(body, "handover", 40))
    save_manager_notes(handover=handover, notes=text_of(body, "notes"))
    return {"saved": True}
