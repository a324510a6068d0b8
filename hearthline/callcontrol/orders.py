"""The commands of `calls/commands.py`, carried out: who asks is checked once more, a refusal is a reply.

A handler gets the conductor and the command and returns the reply's fields; what it raises as `ExchangeError` goes back as
`{"error": {...}}`. A command that means nothing in the call's present state is a conflict with a sentence.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import DatabaseError
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from hearthline.callcontrol import handovers, lines, ownership, records
from hearthline.callcontrol.actor import CallActor
from hearthline.callcontrol.conductor import Conductor
from hearthline.callcontrol.idempotency import Replies, Reply
from hearthline.callcontrol.translation import leg_of
from hearthline.callcontrol.trunks import as_port
from hearthline.calls import call_events as ev
from hearthline.calls import commands as cmd
from hearthline.calls.machine import UndefinedTransitionError
from hearthline.calls.models import Attempt, HandOver, Line, Trunk
from hearthline.lib.errors import (
    ConflictError,
    ExchangeError,
    InvalidInputError,
    NotAllowedError,
    NotFoundError,
    UnavailableError,
)
from hearthline.people.audit import Tag, record
from hearthline.people.models import Role, User
from hearthline.realtime.audiences import STAFF, user_audience
from hearthline.switch import port

logger = logging.getLogger(__name__)

DIGITS = frozenset("0123456789*#ABCD")
DIGITS_BOUND = 32
LANGUAGE_WITHIN_S = 1.0


class Orders:
    """Serves one node's queue."""

    def __init__(self, conductor: Conductor) -> None:
        self._conductor = conductor
        self._replies = Replies()

    async def handle(self, message: dict[str, Any]) -> Reply:
        """The bus's handler. Never raises."""
        try:
            command = cmd.from_message(message)
            work = _HANDLERS[type(command)]
            return await self._replies.once(command.user, command.key, lambda: _answer(work, self._conductor, command))
        except ValueError as error:
            logger.warning("a command could not be understood: %s", error)
            return InvalidInputError(_("This page is out of date. Reload it.")).as_json()
        except Exception:
            logger.exception("a command failed: %s", message.get("command"))
            return UnavailableError(_("Something went wrong in call control. Try again.")).as_json()


async def _answer(work: Handler, conductor: Conductor, command: Any) -> Reply:
    try:
        return await work(conductor, command)
    except ExchangeError as error:
        refusal = error
    except ValidationError:  # an id that is none
        refusal = NotFoundError(_("There is nothing of yours by this id."))
    except UndefinedTransitionError as undefined:
        refusal = ConflictError(_("The call is not in a state for this any more."), phase=undefined.phase.value)
    except port.SwitchError as error:
        refusal = _refusal(error)
    with translation.override(await _spoken_with(conductor, command.user)):
        return refusal.as_json()


async def _spoken_with(conductor: Conductor, user: str) -> str:
    """The language for a refusal; the exchange's own where the database has no time to say."""
    try:
        async with asyncio.timeout(LANGUAGE_WITHIN_S):
            return await conductor.database.run(_language_of, user)
    except (TimeoutError, DatabaseError):
        return settings.LANGUAGE_CODE


def _language_of(user: str) -> str:
    """What the person reads; pages and call control speak with one voice."""
    try:
        found = User.objects.filter(pk=user).values_list("language", flat=True).first() if user else None
    except ValidationError:
        found = None
    return found or settings.LANGUAGE_CODE


def _refusal(error: port.SwitchError) -> ExchangeError:
    match error.code:
        case port.SwitchErrorCode.BAD_OFFER:
            return InvalidInputError(_("Your browser's audio cannot be used here. Try a current Chrome or Firefox."))
        case port.SwitchErrorCode.OVERLOADED:
            return UnavailableError(_("The exchange is full at the moment. Try again in a minute."))
        case port.SwitchErrorCode.NOT_REGISTERED:
            return ConflictError(
                _("Your SIP phone is not registered. Look at its settings and its network, then try again.")
            )
        case port.SwitchErrorCode.NO_SUCH_LEG:
            return ConflictError(_("This call has ended already."))
        case _:
            return UnavailableError(_("The telephone switch does not answer. Try again in a few seconds."))


# --- lines ----------------------------------------------------------------------------------------------------------


async def _open_line(conductor: Conductor, command: cmd.OpenLine) -> Reply:
    _check_owner(conductor)
    prepared = await conductor.database.run(lines.prepare_line, command, node=conductor.node)
    leg = leg_of(prepared.line.pk)
    conductor.line_desk.adopt(prepared.line)
    try:
        answer = await conductor.switch.open_browser_leg(leg, command.offer, tags={"line": str(prepared.line.pk)})
    except port.SwitchError:
        if not prepared.renewed:
            conductor.line_desk.forget(leg)
            await conductor.database.run(lines.line_is_gone, prepared.line.pk, "failed")
        raise
    now = conductor.moments.now()
    await conductor.go_on(prepared.attempt, ev.OperatorReturned(leg, now), prepared.line)
    await conductor.go_on(prepared.as_manager, ev.ManagerReturned(leg, now), None)
    for replaced in prepared.replaced:
        await conductor.switch.hang_up(leg_of(replaced))
    return {"line": str(prepared.line.pk), "answer": answer}


async def _open_phone_line(conductor: Conductor, command: cmd.OpenPhoneLine) -> Reply:
    line = await conductor.phone_desk.open(command)
    return {"line": str(line.pk), "kind": line.kind, "code": line.code}


async def _renew_phones(conductor: Conductor, _command: cmd.RenewPhones) -> Reply:
    await conductor.phone_accounts.look()
    return {"renewed": True}


async def _close_line(conductor: Conductor, command: cmd.CloseLine) -> Reply:
    line = await conductor.database.run(lines.close_line, command.line, user=command.user)
    await conductor.switch.hang_up(leg_of(line.pk))
    return {"line": str(line.pk)}


async def _mute_line(conductor: Conductor, command: cmd.MuteLine) -> Reply:
    await conductor.phone_desk.mute(command)
    return {"line": command.line, "muted": command.on}


async def _call_back(conductor: Conductor, command: cmd.CallBack) -> Reply:
    _check_owner(conductor)
    conductor.spawn(conductor.phone_desk.call_back(command), "call a telephone back")
    return {"line": command.line}


def _check_owner(conductor: Conductor) -> None:
    if not conductor.node_here or not conductor.owns_its_calls:
        raise UnavailableError(_("The telephone switch does not answer. Try again in a few seconds."))


# --- the operator's call ------------------------------------------------------------------------------------------------


async def _dial(conductor: Conductor, command: cmd.Dial) -> Reply:
    _check_owner(conductor)
    started = await conductor.database.run(
        records.start_attempt, command, node=conductor.node, aside=dict(conductor.trunk_desk.aside),
        at=conductor.moments.now(),
    )  # fmt: skip
    if started.trunk is not None and not await conductor.ring_contact(started):
        raise UnavailableError(_("The call could not be placed. The contact will be called again later."))
    return {"attempt": str(started.attempt.pk)}


def _call_of(conductor: Conductor, command: cmd.CallCommand) -> CallActor:
    """The operator's own call. Raises NotFoundError."""
    actor = conductor.actors.get(command.attempt)
    if actor is None or str(actor.attempt.operator_id) != command.user:
        raise NotFoundError(_("This call has ended already."))
    return actor


async def _hang_up(conductor: Conductor, command: cmd.HangUp) -> Reply:
    actor = conductor.actors.get(command.attempt)
    if actor is None:
        raise NotFoundError(_("This call has ended already."))
    by_manager = str(actor.attempt.operator_id) != command.user
    if by_manager and not await conductor.database.run(handovers.manages, command.attempt, user=command.user):
        raise NotFoundError(_("This call has ended already."))
    state = await actor.ask(ev.HangUpAsked(conductor.moments.now(), by_manager=by_manager))
    return {"attempt": command.attempt, "phase": state.phase.value}


async def _hold(conductor: Conductor, command: cmd.Hold) -> Reply:
    return await _ask(conductor, command, ev.HoldAsked(conductor.moments.now(), command.on))


async def _pause_recording(conductor: Conductor, command: cmd.PauseRecording) -> Reply:
    state = await _call_of(conductor, command).ask(ev.RecordingAsked(conductor.moments.now(), command.on))
    return {"attempt": command.attempt, "phase": state.phase.value, "recording": state.recording.value}


async def _complete(conductor: Conductor, command: cmd.CompleteTransfer) -> Reply:
    return await _ask(conductor, command, ev.CompleteAsked(conductor.moments.now()))


async def _cancel(conductor: Conductor, command: cmd.CancelTransfer) -> Reply:
    return await _ask(conductor, command, ev.CancelAsked(conductor.moments.now()))


async def _ask(conductor: Conductor, command: cmd.CallCommand, event: ev.CallEvent) -> Reply:
    state = await _call_of(conductor, command).ask(event)
    return {"attempt": command.attempt, "phase": state.phase.value}


async def _send_digits(conductor: Conductor, command: cmd.SendDigits) -> Reply:
    actor = _call_of(conductor, command)
    digits = command.digits.upper()
    if not digits or len(digits) > DIGITS_BOUND or not set(digits) <= DIGITS:
        raise InvalidInputError(_("The keypad has the digits 0-9, * and #."))
    if actor.state.operator_left_at is not None or not actor.state.contact_here:
        raise ConflictError(_("This call has ended already."))
    await conductor.switch.send_digits(actor.state.contact, digits)
    return {"attempt": command.attempt}


# --- hand-over --------------------------------------------------------------------------------------------------------


async def _transfer(conductor: Conductor, command: cmd.Transfer) -> Reply:
    actor = _call_of(conductor, command)
    chosen = await conductor.database.run(handovers.choose_manager, actor.attempt, command.manager)
    handover = chosen.handover
    now = conductor.moments.now()
    await actor.ask(ev.TransferAsked(now, str(handover.pk), chosen.via, chosen.leg, chosen.ring_s), handover)
    if handover.guest_token:
        conductor.spawn(conductor.database.run(handovers.invite_guest, handover), "invite a guest")
    return {"handover": str(handover.pk), "manager": handover.manager_id}


async def _answer_handover(conductor: Conductor, command: cmd.AnswerHandOver) -> Reply:
    handover, line = await conductor.database.run(
        handovers.handover_for_answer, command.handover, user=command.user, line=command.line
    )
    if line.node_id != conductor.node:
        raise handovers.LineElsewhereError(_("Your line is open at another place. Open it again, then answer."))
    actor = _handed(conductor, handover)
    event = ev.ManagerAnswered(conductor.moments.now(), str(handover.pk), leg_of(line.pk))
    await actor.ask(event)
    return {"handover": str(handover.pk), "attempt": actor.id}


async def _decline_handover(conductor: Conductor, command: cmd.DeclineHandOver) -> Reply:
    handover = await conductor.database.run(handovers.handover_for_person, command.handover, user=command.user)
    await _handed(conductor, handover).ask(ev.ManagerDeclined(conductor.moments.now(), str(handover.pk)))
    return {"handover": str(handover.pk)}


def _handed(conductor: Conductor, handover: HandOver) -> CallActor:
    actor = conductor.actors.get(str(handover.attempt_id))
    if actor is None or handover.ended_at is not None:
        raise ConflictError(_("The contact is not waiting any more: the call has ended, or the operator took it back."))
    return actor


# --- other nodes ------------------------------------------------------------------------------------------------------


async def _let_go(conductor: Conductor, command: cmd.LetGo) -> Reply:
    if command.node != conductor.node:
        raise NotFoundError(_("There is nothing of yours by this id."))
    return {"stopped": await ownership.stopped_when_asked(conductor)}


# --- staff ------------------------------------------------------------------------------------------------------------


async def _listen(conductor: Conductor, command: cmd.Listen) -> Reply:
    actor = conductor.actors.get(command.attempt)
    if actor is None:
        raise NotFoundError(_("This call has ended already."))
    await conductor.database.run(_check_listener, command, actor.attempt)
    leg = leg_of(command.line)
    if command.mode == "stop":
        await conductor.switch.park(leg)
        await conductor.database.run(_tell_of_listening, conductor, actor.attempt, command.mode)
        return {"attempt": command.attempt}
    try:
        mode = port.ListenMode(command.mode)
    except ValueError as error:
        raise InvalidInputError(_("Listen silently, whisper, or barge in.")) from error
    state = actor.state
    # a whisper is for the operator while the operator is there; afterwards there is nobody to whisper to
    target = state.operator if state.operator_left_at is None else state.contact
    if mode is port.ListenMode.WHISPER and target == state.contact:
        raise ConflictError(_("The operator has left this call; there is nobody to whisper to."))
    await conductor.switch.listen(leg, target, mode)
    await conductor.database.run(_tell_of_listening, conductor, actor.attempt, command.mode)
    return {"attempt": command.attempt}


def _tell_of_listening(conductor: Conductor, attempt: Attempt, mode: str) -> None:
    """Whoever speaks into the call is heard and therefore always told of; silent listening as the exchange has it."""
    if mode in ("whisper", "barge") or settings.HEARTHLINE.tell_of_listening:
        payload = {"attempt": str(attempt.pk), "mode": mode}
        conductor.bus.publish("call.listened", payload, audiences=(user_audience(attempt.operator_id),))


def _check_listener(command: cmd.Listen, attempt: Attempt) -> None:
    user = User.objects.filter(pk=command.user, is_active=True, role__in=(Role.MODERATOR, Role.ADMIN)).first()
    if user is None:
        raise NotAllowedError(_("Only moderators listen to calls."))
    if not Line.objects.filter(pk=command.line, user=user, state__in=lines.OPEN_STATES).exists():
        raise ConflictError(_("Your line is not open. Open it, then listen."))
    record(Tag.WEB_CALL_LISTENED, user, attempt.pk, {"mode": command.mode})


async def _test_trunk(conductor: Conductor, command: cmd.TestTrunk) -> Reply:
    trunk = await conductor.database.run(_trunk_for_admin, command)
    try:
        outcome, working = await conductor.switch.test_trunk(trunk), True
    except port.SwitchError as error:
        outcome, working = error.message, False
    payload = {"trunk": command.trunk, "state": "ok" if working else "failing", "message": outcome[:300]}
    await conductor.database.run(conductor.bus.publish, "trunk.changed", payload, audiences=(STAFF,))
    return {"outcome": outcome, "working": working}


def _trunk_for_admin(command: cmd.TestTrunk) -> port.Trunk:
    if not User.objects.filter(pk=command.user, is_active=True, role=Role.ADMIN).exists():
        raise NotAllowedError(_("Only admins try trunks."))
    row = Trunk.objects.filter(pk=command.trunk).first()
    if row is None:
        raise NotFoundError(_("There is no such trunk."))
    return as_port(row)


Handler = Callable[[Conductor, Any], Awaitable[Reply]]

_HANDLERS: dict[type[cmd.Command], Handler] = {
    cmd.OpenLine: _open_line,
    cmd.OpenPhoneLine: _open_phone_line,
    cmd.RenewPhones: _renew_phones,
    cmd.CloseLine: _close_line,
    cmd.MuteLine: _mute_line,
    cmd.CallBack: _call_back,
    cmd.Dial: _dial,
    cmd.HangUp: _hang_up,
    cmd.Hold: _hold,
    cmd.PauseRecording: _pause_recording,
    cmd.SendDigits: _send_digits,
    cmd.Transfer: _transfer,
    cmd.CompleteTransfer: _complete,
    cmd.CancelTransfer: _cancel,
    cmd.AnswerHandOver: _answer_handover,
    cmd.DeclineHandOver: _decline_handover,
    cmd.Listen: _listen,
    cmd.TestTrunk: _test_trunk,
    cmd.LetGo: _let_go,
}
