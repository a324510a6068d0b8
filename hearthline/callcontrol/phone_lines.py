"""Telephones as lines, in the database: what is checked before one is rung, and what becomes of it. Each function is one
transaction and runs in a thread of `Database`."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from hearthline.callcontrol.lines import (
    OPEN_STATES,
    call_of_manager,
    call_of_operator,
    close_row,
    move,
    tell_line,
)
from hearthline.callcontrol.trunks import ChosenTrunk, Wanted, take_trunk
from hearthline.calls import callbacks
from hearthline.calls.call_state import WITH_OPERATOR
from hearthline.calls.commands import OpenPhoneLine
from hearthline.calls.models import Attempt, HandOver, Line, LineKind, LineState, OwnPhone
from hearthline.calls.nodes import in_a_call
from hearthline.calls.own_phones import confirm_number
from hearthline.lib import clock
from hearthline.lib.errors import ConflictError, ExchangeError, NotFoundError
from hearthline.people.audit import Tag, record
from hearthline.people.models import User
from hearthline.switch import port

CODE_DIGITS = 4
CODE_TRIES = 3
LIMIT_SLACK_S = (
    900  # beyond the exchange's limit: a call that is going on is not cut; call control ends the line after it
)
SEEN_EVERY = timedelta(seconds=30)
LINES_BOUND = 10_000

# Q.850 causes of a telephone that was not answered, in words for the page
_UNANSWERED = {1: "absent", 17: "busy", 18: "no_answer", 19: "no_answer", 20: "absent", 21: "rejected", 22: "absent",
               27: "absent", 28: "absent", 102: "no_answer"}  # fmt: skip
_WITH_OPERATOR = [phase.value for phase in WITH_OPERATOR]


@dataclass(frozen=True, slots=True)
class Ringing:
    """A telephone to ring, or (`destination` None) one that is rung or open already."""

    line: Line
    destination: port.Destination | None = None
    trunk: ChosenTrunk | None = None
    longest_s: int = 0
    replaced: tuple[UUID, ...] = ()  # the same person's browser line, which this one takes over


@dataclass(frozen=True, slots=True)
class Going:
    """A person's call that goes on with a new line."""

    line: Line
    as_operator: UUID | None
    as_manager: UUID | None


class Press(StrEnum):
    WAIT = "wait"
    OPEN = "open"
    REFUSED = "refused"
    LATE = "late"  # the line is open already, or closed: the key means nothing


def prepare_phone_line(command: OpenPhoneLine, *, node: str, wanted: Wanted) -> Ringing:
    """Write the line before the switch is asked.

    `wanted.leg` becomes the line's id. Raises NotFoundError for an unknown person, ConflictError when their line is not
    a telephone, NotAllowedError for a number that is not called any more, CallbackLimitError, NoTrunkError.
    """
    user = User.objects.filter(pk=command.user, is_active=True).first() if command.user else None
    if user is None:
        raise NotFoundError(_("Sign in again, then open the line."))
    with transaction.atomic():
        existing = list(Line.objects.filter(user=user, state__in=OPEN_STATES))
        for line in existing:
            if line.kind != LineKind.BROWSER and line.node_id == node:
                return Ringing(line)
        return _ring(user, node, wanted, existing)


def _ring(user: User, node: str, wanted: Wanted, existing: list[Line], *, by_itself: str = "") -> Ringing:
    """`by_itself`: why the exchange rings without being asked ("redial", "moved")."""
    phone = OwnPhone.objects.filter(user=user).exclude(kind=LineKind.BROWSER).first()
    if phone is None:
        raise ConflictError(_("Your line is opened by the browser. Choose a telephone in your settings first."))
    now = clock.now()
    line = Line(id=wanted.leg, user=user, node_id=node, kind=phone.kind, redial=bool(by_itself))
    longest, trunk = settings.HEARTHLINE.phone_line_longest_s, None
    if phone.kind == LineKind.CALLBACK:
        number = callbacks.callable_number(phone.number)
        rate = callbacks.rate_of(number)
        left = callbacks.require_budget(user, now).left
        callbacks.require_patience(user, number, now, confirmed=phone.confirmed_at is not None)
        trunk = take_trunk(replace(wanted, number=number))
        affordable = rate.seconds_for(left)
        if affordable is not None:
            longest = min(longest, affordable + LIMIT_SLACK_S)
        line.number, line.trunk_id = number, trunk.id
        line.per_minute_micro, line.connection_micro = rate.per_minute_micro, rate.connection_micro
        if phone.confirmed_at is None:
            line.code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
        destination = port.Destination(number=number)
    else:
        destination = port.Destination(phone=phone.sip_name)
    for old in existing:
        close_row(old, "taken_over")
        tell_line("line.taken_over", old, reason="taken_over")
    line.save(force_insert=True)
    tell_line("line.ringing", line, reason=by_itself)
    return Ringing(line, destination, trunk, longest, tuple(old.pk for old in existing))


def prepare_redial(lost: UUID, *, node: str, wanted: Wanted) -> Ringing | None:
    """A telephone was lost in mid-call: it is rung once more, once for each call. None when there is no call to save, or no
    way to ring."""
    old = Line.objects.select_related("user").filter(pk=lost).exclude(user=None).first()
    if old is None or old.user is None or old.answered_at is None:
        return None
    began = _live_call_began(old.user)
    if began is None or Line.objects.filter(user=old.user, redial=True, opened_at__gte=began).exists():
        return None
    try:
        with transaction.atomic():
            if Line.objects.filter(user=old.user, state__in=OPEN_STATES).exists():
                return None  # the person was quicker
            return _ring(old.user, node, wanted, [], by_itself="redial")
    except ExchangeError:
        return None  # the page shows why when the person opens the line; the contact is released after the grace time


def close_idle(node: str) -> list[Line]:
    """Close the called-back telephones of this node that no call needs, so that they are rung from another one. A SIP phone can
    be rung only where it has registered, and stays."""
    closed = []
    with transaction.atomic():
        rows = Line.objects.select_related("user").select_for_update(of=("self",))
        for line in rows.filter(node=node, state=LineState.OPEN, kind=LineKind.CALLBACK)[:LINES_BOUND]:
            if line.user is None or _is_needed(line.user):
                continue
            if close_row(line, "moved"):
                tell_line("line.closed", line, reason="moved")
                closed.append(line)
    return closed


def _is_needed(user: User) -> bool:
    """For a call that goes on, or a hand-over that rings."""
    return in_a_call(user) or HandOver.objects.filter(manager__user=user, ended_at=None).exists()


def prepare_call_back(lost: str, user: str, *, node: str, wanted: Wanted) -> Ringing | None:
    """A telephone's line was closed because its node was lost or emptied: it is rung from this node. None when its person has a
    line again, or there is no way to ring."""
    old = (
        Line.objects.select_related("user")
        .filter(
            pk=lost, user_id=user, user__is_active=True, kind=LineKind.CALLBACK, close_reason__in=("node_lost", "moved")
        )
        .first()
    )
    if old is None or old.user is None:
        return None
    try:
        with transaction.atomic():
            if Line.objects.filter(user=old.user, state__in=OPEN_STATES).exists():
                return None  # the person was quicker
            return _ring(old.user, node, wanted, [], by_itself="moved" if old.close_reason == "moved" else "redial")
    except ExchangeError:
        return None  # the page has said that the line is closed, and says why when the person opens it


def telephone_to_mute(line_id: str, *, user: str) -> Line:
    """Raises NotFoundError, ConflictError for one that nobody has answered yet."""
    line = Line.objects.filter(pk=line_id, user_id=user).exclude(kind=LineKind.BROWSER).first()
    if line is None or line.state == LineState.CLOSED:
        raise NotFoundError(_("Your line is closed already."))
    if line.state == LineState.OPENING:
        raise ConflictError(_("Answer your telephone first."))
    return line


def note_muted(line: Line, on: bool) -> None:
    """The switch has done it."""
    with transaction.atomic():
        if Line.objects.filter(pk=line.pk, muted=not on).update(muted=on) == 1:
            tell_line("line.muted" if on else "line.unmuted", line)


def _live_call_began(user: User) -> datetime | None:
    calls = Attempt.objects.filter(operator=user, operator_left_at=None, phase__in=_WITH_OPERATOR)
    began = calls.values_list("dialled_at", flat=True).first()
    if began is None:
        taken = HandOver.objects.filter(manager__user=user, ended_at=None, answered_at__isnull=False)
        began = taken.values_list("rang_at", flat=True).first()
    return began


def answered(leg: UUID, at: float) -> Line | None:
    """Somebody picked the telephone up. The line, when that is news."""
    moment = clock.from_timestamp(at)
    rows = Line.objects.filter(pk=leg, answered_at=None).exclude(kind=LineKind.BROWSER)
    if rows.update(answered_at=moment, seen_at=moment) != 1:
        return None
    return Line.objects.get(pk=leg)


def pressed(leg: UUID, digit: str) -> Press:
    """A key on a telephone that is OPENING: any key, or the code from the page with `CODE_TRIES` tries."""
    with transaction.atomic():
        line = (
            Line.objects.select_related("user").filter(pk=leg, state=LineState.OPENING, kind=LineKind.CALLBACK).first()
        )
        if line is None or line.answered_at is None:
            return Press.LATE
        presses = line.presses + digit
        Line.objects.filter(pk=leg).update(presses=presses)
        if line.code and not presses.endswith(line.code):
            if len(presses) < CODE_DIGITS * CODE_TRIES:
                return Press.WAIT
            record(Tag.SYSTEM_PHONE_REFUSED, line.user, line.user_id)
            return Press.REFUSED
        if line.user is not None:
            confirm_number(line.user, line.number)
        return Press.OPEN


def open_up(leg: UUID) -> Going | None:
    """The line is open. None when it was closed meanwhile."""
    move(leg, LineState.OPEN, "line.opened", (LineState.OPENING,))
    line = Line.objects.select_related("user").filter(pk=leg, state=LineState.OPEN).first()
    if line is None:
        return None
    return Going(line, call_of_operator(line.user), call_of_manager(line.user))


def stalled(leg: UUID, silent_ms: int) -> None:
    move(leg, LineState.STALLED, "line.stalled", (LineState.OPEN,), silent_ms)


def is_confirmed(leg: UUID) -> bool:
    """Whether a person has said that they are there."""
    return Line.objects.filter(pk=leg).exclude(state=LineState.OPENING).exists()


def close(leg: UUID, reason: str) -> bool:
    """The exchange closes a telephone's line; its cost is posted when the leg is gone. False when it was closed before."""
    with transaction.atomic():
        line = Line.objects.filter(pk=leg).first()
        if line is None or not close_row(line, reason):
            return False
        tell_line("line.closed", line, reason=reason)
        return True


def gone(leg: UUID, at: float, cause: int, by: port.Party) -> bool:
    """The leg has ended: its cost is posted and, unless somebody closed it before, the line is closed with the reason. True
    when an open line was lost."""
    with transaction.atomic():
        line = Line.objects.filter(pk=leg).first()
        if line is None:
            return False
        was_open = line.state in (LineState.OPEN, LineState.STALLED)
        callbacks.leg_is_gone(line, clock.from_timestamp(at))
        reason = _reason(line, cause, by)
        if not close_row(line, reason):
            return False
        tell_line("line.closed", line, reason=reason)
        return was_open


def _reason(line: Line, cause: int, by: port.Party) -> str:
    if line.answered_at is None:
        return _UNANSWERED.get(cause, "network")
    if line.state == LineState.OPENING:
        return "not_confirmed"
    if by is port.Party.REMOTE:
        return "hung_up"
    lasted = (line.left_at or clock.now()) - line.answered_at
    longest = timedelta(seconds=settings.HEARTHLINE.phone_line_longest_s - 5)
    return "time_up" if cause == 102 and lasted >= longest else "lost"


# --- what the reconciler does ---------------------------------------------------------------------------------------


def running(node: str) -> list[Line]:
    """Answered telephones of this node whose end is not written down."""
    rows = Line.objects.select_related("user").filter(node=node, answered_at__isnull=False, left_at=None)
    return list(rows.exclude(kind=LineKind.BROWSER)[:LINES_BOUND])


def seen(lines: list[UUID], at: float) -> None:
    """The switch has these legs."""
    now = clock.from_timestamp(at)
    Line.objects.filter(pk__in=lines, seen_at__lt=now - SEEN_EVERY).update(seen_at=now)


def went_unseen(leg: UUID, at: float) -> None:
    """The switch does not know this leg any more, and nobody heard its end."""
    with transaction.atomic():
        line = Line.objects.filter(pk=leg).first()
        if line is None:
            return
        if line.answered_at is not None:
            callbacks.leg_is_gone(line, callbacks.latest_end(line, clock.from_timestamp(at)))
        if close_row(line, "node_lost"):
            tell_line("line.closed", line, reason="node_lost")


def to_be_closed(lines: list[Line], at: float) -> list[tuple[UUID, str]]:
    """Telephones that run up a bill for nothing, or beyond what the exchange pays; never one with a call on it."""
    now = clock.from_timestamp(at)
    idle = timedelta(seconds=settings.HEARTHLINE.phone_line_idle_s)
    found = []
    for line in lines:
        if line.kind != LineKind.CALLBACK or line.state == LineState.CLOSED or line.user is None:
            continue
        if call_of_operator(line.user) is not None or call_of_manager(line.user) is not None:
            continue
        if callbacks.budget(line.user, now).left.minor <= 0:
            found.append((line.pk, "limit"))
        elif now - _last_used(line) > idle:
            found.append((line.pk, "idle"))
    return found


def _last_used(line: Line) -> datetime:
    moments: list[datetime | None] = [line.opened_at]
    calls = Attempt.objects.filter(line=line).order_by("-dialled_at")
    for call in calls.values_list("dialled_at", "operator_left_at")[:1]:
        moments += call
    for taken in HandOver.objects.filter(leg=line.pk).order_by("-rang_at").values_list("rang_at", "ended_at")[:1]:
        moments += taken
    return max(moment for moment in moments if moment is not None)
