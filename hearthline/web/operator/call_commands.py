"""The operator's commands to call control: each is checked by its gate here, then sent to the node that owns the line."""

from __future__ import annotations

import re
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from hearthline.calls import commands, selectors
from hearthline.calls.gates import attempt_for_operator, line_for_person
from hearthline.calls.models import Attempt, LineState
from hearthline.calls.nodes import operators_turn
from hearthline.dialing.models import Assignment, AssignmentState
from hearthline.lib.errors import ConflictError, InvalidInputError
from hearthline.people.models import User
from hearthline.web.commands import (
    json_command,
    key_of,
    operator_of,
    send,
    send_close,
    send_to_call,
    text_of,
    whole_of,
)

LONGEST_OFFER = 64_000
_DIGITS = re.compile(r"[0-9*#]{1,32}")


@json_command
def open_line(request: HttpRequest, body: dict[str, Any]) -> dict[str, Any]:
    operator = operator_of(request)
    command = commands.OpenLine(
        key=key_of(body),
        user=str(operator.pk),
        offer=text_of(body, "offer", LONGEST_OFFER),
        line=text_of(body, "line", 40),
    )
    return send(operators_turn(operator), command)


@json_command
def open_phone_line(request: HttpRequest, body: dict[str, Any]) -> dict[str, Any]:
    """Ring the operator's own telephone. Reply: {"line", "kind", "code"}; the rest are events."""
    operator = operator_of(request)
    node = selectors.node_of(user=operator) or selectors.node_of_telephone(operator) or operators_turn(operator)
    return send(node, commands.OpenPhoneLine(key=key_of(body), user=str(operator.pk)))


@json_command
def close_line(request: HttpRequest, body: dict[str, Any]) -> dict[str, Any]:
    operator = operator_of(request)
    line = line_for_person(operator, text_of(body, "line", 40), also_closed=True)
    return send_close(line, user=str(operator.pk), key=key_of(body))


@json_command
def mute(request: HttpRequest, body: dict[str, Any]) -> dict[str, Any]:
    """A telephone; the browser mutes its own microphone."""
    operator = operator_of(request)
    line = line_for_person(operator, text_of(body, "line", 40))
    on = body.get("on") is True
    return send(line.node_id, commands.MuteLine(key=key_of(body), user=str(operator.pk), line=str(line.pk), on=on))


@json_command
def dial(request: HttpRequest, body: dict[str, Any]) -> dict[str, Any]:
    operator = operator_of(request)
    assignment = Assignment.objects.filter(operator=operator, state=AssignmentState.ACTIVE).first()
    if assignment is None or str(assignment.pk) != text_of(body, "assignment", 40):
        raise ConflictError(_("You no longer have this contact. Take the next one."))
    command = commands.Dial(
        key=key_of(body), user=str(operator.pk), assignment=str(assignment.pk), fence=whole_of(body, "fence")
    )
    line = operator.lines.exclude(state=LineState.CLOSED).first()
    return send_to_call(line.node_id if line else None, command)


def _own_call(request: HttpRequest, body: dict[str, Any]) -> tuple[User, Attempt]:
    operator = operator_of(request)
    return operator, attempt_for_operator(operator, text_of(body, "attempt", 40))


@json_command
def hang_up(request: HttpRequest, body: dict[str, Any]) -> dict[str, Any]:
    operator, attempt = _own_call(request, body)
    command = commands.HangUp(key=key_of(body), user=str(operator.pk), attempt=str(attempt.pk))
    return send(attempt.node_id, command)


@json_command
def hold(request: HttpRequest, body: dict[str, Any]) -> dict[str, Any]:
    operator, attempt = _own_call(request, body)
    on = body.get("on") is True
    command = commands.Hold(key=key_of(body), user=str(operator.pk), attempt=str(attempt.pk), on=on)
    return send(attempt.node_id, command)


@json_command
def record(request: HttpRequest, body: dict[str, Any]) -> dict[str, Any]:
    """Pause the recording ("on": false), let it go on, or begin it when the contact has been told and agrees ("on": true)."""
    operator, attempt = _own_call(request, body)
    on = body.get("on") is True
    command = commands.PauseRecording(key=key_of(body), user=str(operator.pk), attempt=str(attempt.pk), on=on)
    return send(attempt.node_id, command)


@json_command
def digits(request: HttpRequest, body: dict[str, Any]) -> dict[str, Any]:
    operator, attempt = _own_call(request, body)
    pressed = text_of(body, "digits", 32)
    if not _DIGITS.fullmatch(pressed):
        raise InvalidInputError(_("A keypad has the digits, the star and the hash."))
    command = commands.SendDigits(key=key_of(body), user=str(operator.pk), attempt=str(attempt.pk), digits=pressed)
    return send(attempt.node_id, command)


@json_command
def transfer(request: HttpRequest, body: dict[str, Any]) -> dict[str, Any]:
    operator, attempt = _own_call(request, body)
    command = commands.Transfer(
        key=key_of(body),
        user=str(operator.pk),
        attempt=str(attempt.pk),
        manager=whole_of(body, "manager") if "manager" in body else 0,
    )
    return send(attempt.node_id, command)


@json_command
def complete(request: HttpRequest, body: dict[str, Any]) -> dict[str, Any]:
    operator, attempt = _own_call(request, body)
    command = commands.CompleteTransfer(key=key_of(body), user=str(operator.pk), attempt=str(attempt.pk))
    return send(attempt.node_id, command)


@json_command
def take_back(request: HttpRequest, body: dict[str, Any]) -> dict[str, Any]:
    operator, attempt = _own_call(request, body)
    command = commands.CancelTransfer(key=key_of(body), user=str(operator.pk), attempt=str(attempt.pk))
    return send(attempt.node_id, command)
