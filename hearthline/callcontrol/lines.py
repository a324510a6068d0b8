"""Lines: opened, renewed, taken over, closed; and what the switch tells of them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from hearthline.calls.commands import OpenLine
from hearthline.calls.gates import handover_for_manager
from hearthline.calls.models import Attempt, HandOver, Line, LineKind, LineState
from hearthline.lib import clock
from hearthline.lib.errors import ConflictError, NotFoundError
from hearthline.people.models import User
from hearthline.realtime.audiences import STAFF, guest_audience, user_audience
from hearthline.realtime.bus import Audience
from hearthline.realtime.configured import bus

LineId = uuid.UUID
STILL_RINGING = Q(state=LineState.OPENING) & ~Q(kind=LineKind.BROWSER)  # a telephone that nobody has answered yet
OPEN_STATES = (LineState.OPENING, LineState.OPEN, LineState.STALLED)


@dataclass(frozen=True, slots=True)
class Prepared:
    line: Line
    renewed: bool  # the leg exists already: this is a re-offer
    replaced: tuple[uuid.UUID, ...]  # lines of the same person that this one takes over
    attempt: uuid.UUID | None  # the call that goes on with this line
    as_manager: uuid.UUID | None  # the call in which this person is the manager


def prepare_line(command: OpenLine, *, node: str) -> Prepared:
    """Write the line before the switch is asked. Raises NotFoundError when the person or the hand-over is unknown."""
    with transaction.atomic():
        user, handover = _person(command)
        rows = Line.objects.filter(user=user) if user is not None else Line.objects.filter(handover=handover)
        existing = list(rows.filter(state__in=OPEN_STATES))
        live = call_of_operator(user)
        as_manager = call_of_manager(user, handover)
        for line in existing:
            if str(line.pk) == command.line and line.node_id == node:
                return Prepared(line, True, (), live, as_manager)
        for line in existing:
            reason = "moved" if str(line.pk) == command.line else "taken_over"
            close_row(line, reason)
            tell_line(f"line.{reason}", line, reason=reason)
        line = Line.objects.create(user=user, handover=handover, node_id=node, state=LineState.OPENING)
        return Prepared(line, False, tuple(old.pk for old in existing), live, as_manager)


def _person(command: OpenLine) -> tuple[User | None, HandOver | None]:
    if command.user:
        user = User.objects.filter(pk=command.user, is_active=True).first()
        if user is None:
            raise NotFoundError(_("Sign in again, then open the line."))
        if command.handover:
            handover_for_manager(user, command.handover)
        return user, None
    rows = HandOver.objects.filter(pk=command.handover, ended_at=None) if command.handover else HandOver.objects.none()
    handover = rows.exclude(guest_token="").first()
    if handover is None:
        raise NotFoundError(_("This hand-over is over. The link works once."))
    return None, handover


def call_of_operator(user: User | None) -> uuid.UUID | None:
    if user is None:
        return None
    return Attempt.objects.filter(operator=user, operator_left_at=None).values_list("pk", flat=True).first()


def call_of_manager(user: User | None, handover: HandOver | None = None) -> uuid.UUID | None:
    rows = HandOver.objects.filter(ended_at=None, answered_at__isnull=False)
    if user is not None:
        rows = rows.filter(manager__user=user)
    elif handover is not None:
        rows = rows.filter(pk=handover.pk)
    else:
        return None
    return rows.values_list("attempt_id", flat=True).first()


def close_line(line_id: str, *, user: str) -> Line:
    """The person closes their line; one that is closed already stays so. Raises NotFoundError, and ConflictError while it carries
    their own call."""
    with transaction.atomic():
        rows = Line.objects.filter(user_id=user) if user else Line.objects.filter(user=None)
        line = rows.filter(pk=line_id).first()
        if line is None:
            raise NotFoundError(_("Your line is closed already."))
        if line.state == LineState.CLOSED:
            return line
        if Attempt.objects.filter(line=line, operator_left_at=None).exists():
            raise ConflictError(_("You are in a call. Hang up first, then close the line."))
        close_row(line, "by_person")
        tell_line("line.closed", line, reason="by_person")
    return line


def line_is_up(leg: uuid.UUID) -> None:
    move(leg, LineState.OPEN, "line.opened", (LineState.OPENING,))


def line_stalled(leg: uuid.UUID, silent_ms: int) -> None:
    move(leg, LineState.STALLED, "line.stalled", (LineState.OPENING, LineState.OPEN), silent_ms)


def line_resumed(leg: uuid.UUID) -> None:
    move(leg, LineState.OPEN, "line.resumed", (LineState.STALLED,))


def line_is_gone(leg: uuid.UUID, reason: str) -> None:
    """The leg has ended: "grace_expired" (nothing came from the browser), "node_lost", "failed"."""
    with transaction.atomic():
        line = Line.objects.filter(pk=leg).exclude(state=LineState.CLOSED).first()
        if line is not None and close_row(line, reason):
            tell_line("line.closed", line, reason=reason)


def move(leg: uuid.UUID, state: LineState, name: str, before: tuple[LineState, ...], silent_ms: int = 0) -> None:
    """From one of the states `before` to `state`, and tell it by the event `name`; nothing when it is in none of them."""
    with transaction.atomic():
        if Line.objects.filter(pk=leg, state__in=before).update(state=state) == 1:
            tell_line(name, Line.objects.get(pk=leg), silent_ms=silent_ms)


def close_row(line: Line, reason: str) -> bool:
    """Within the caller's transaction, without a word to anybody. False when it was closed before."""
    rows = Line.objects.filter(pk=line.pk).exclude(state=LineState.CLOSED)
    return rows.update(state=LineState.CLOSED, closed_at=clock.now(), close_reason=reason) == 1


def tell_line(name: str, line: Line, *, reason: str = "", silent_ms: int = 0) -> None:
    bus().publish(
        name, {"line": str(line.pk), "reason": reason, "silent_ms": silent_ms}, audiences=(*audience_of(line), STAFF)
    )


def audience_of(line: Line) -> tuple[Audience, ...]:
    if line.user_id is not None:
        return (user_audience(line.user_id),)
    return (guest_audience(line.handover_id),)


def open_lines(node: str) -> list[Line]:
    return list(Line.objects.filter(node=node, state__in=OPEN_STATES)[:10_000])
