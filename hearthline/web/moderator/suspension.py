"""Who was suspended is off the line: the call that goes on is hung up, the lines are closed, the shift is over."""

from __future__ import annotations

import structlog

from hearthline.calls import commands, services
from hearthline.calls.call_state import LIVE
from hearthline.calls.models import Attempt, Line, LineState, Shift
from hearthline.lib.errors import UnavailableError
from hearthline.lib.ids import new_token
from hearthline.people.models import User
from hearthline.web.commands import send

_log = structlog.get_logger(__name__)


def hang_up_lines(operator: User) -> bool:
    """False: a node did not answer, and something may go on until it does: no next contact is given out in any case."""
    done = True
    phases = [phase.value for phase in LIVE]
    for attempt in Attempt.objects.filter(operator=operator, phase__in=phases, operator_left_at=None):
        hang_up = commands.HangUp(key=_key(), user=str(operator.pk), attempt=str(attempt.pk))
        done &= _sent(attempt.node_id, hang_up)
    for line in Line.objects.filter(user=operator).exclude(state=LineState.CLOSED):
        done &= _sent(line.node_id, commands.CloseLine(key=_key(), user=str(operator.pk), line=str(line.pk)))
    on_shift = Shift.objects.filter(operator=operator, ended_at=None).exists()
    if on_shift and services.open_attempt(operator) is None:
        services.end_shift(operator=operator)
    return done


def _sent(node: str, command: commands.Command) -> bool:
    try:
        reply = send(node, command)
    except UnavailableError:
        reply = {"error": {"code": "unavailable"}}
    if "error" in reply:
        _log.warning("a suspended operator's line", node=node, code=reply["error"].get("code", ""))
    return "error" not in reply


def _key() -> str:
    return new_token()[:32]
