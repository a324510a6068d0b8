"""What call control writes about calls. Each function is one transaction and runs in a thread of `Database`."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import OuterRef, Q
from django.utils.translation import gettext_lazy as _

from hearthline.callcontrol.recordings import note_pause
from hearthline.callcontrol.translation import id_of, leg_of
from hearthline.callcontrol.trunks import ChosenTrunk, LegTakenError, Wanted, note_try, take_trunk
from hearthline.calls import call_effects as fx
from hearthline.calls import machine
from hearthline.calls.announcements import tell_call, tell_handover
from hearthline.calls.call_state import CallState, Limits, Phase, from_json, to_json
from hearthline.calls.commands import Dial
from hearthline.calls.failover import MAX_TRIES
from hearthline.calls.models import Attempt, HandOver, HandOverState, Line, LineKind, LineState, Shift
from hearthline.calls.outcomes import dispose
from hearthline.calls.settlement import record_telephone
from hearthline.dialing import services as dialing
from hearthline.dialing.models import Assignment, AssignmentState
from hearthline.lib import clock
from hearthline.lib.errors import ConflictError, NotFoundError
from hearthline.lib.ids import derived_id

LEASE_SLACK_S = 300  # beyond everything that a call may last

_OVER = {
    HandOverState.DECLINED, HandOverState.UNANSWERED, HandOverState.CANCELLED, HandOverState.CONTACT_GONE,
    HandOverState.FAILED,
}  # fmt: skip


class StaleStateError(Exception):
    """Somebody else wrote the call's state meanwhile; here it is."""

    def __init__(self, attempt: Attempt, state: CallState) -> None:
        super().__init__(str(attempt.pk))
        self.attempt = attempt
        self.state = state


@dataclass(frozen=True, slots=True)
class Started:
    attempt: Attempt  # with campaign, contact, assignment, operator
    state: CallState
    effects: tuple[fx.Effect, ...]
    trunk: ChosenTrunk | None  # None: this assignment was dialled before; nothing is to be rung
    caller_id: str = ""


@dataclass(slots=True)
class Seen:
    """Media statistics that go with a transition: the contact's until now, the operator's since the answer."""

    contact: dict[str, Any] = field(default_factory=dict)
    operator: dict[str, Any] = field(default_factory=dict)


def start_attempt(command: Dial, *, node: str, aside: Mapping[int, float], at: float) -> Started:
    """Check everything once more and write the attempt: what stands between a key and the INVITE, so as few statements
    as will do. The effects are left to the caller. `aside`: trunks to avoid, as `trunks.Wanted` has them.

    Raises ConflictError (lease, shift, line), NotFoundError, NoTrunkError.
    """
    try:
        with transaction.atomic():
            return _start(command, node, aside, at)
    except (IntegrityError, LegTakenError) as error:
        # pressed twice at once, or the line carries another call: the database has decided
        earlier = _earlier(_assignment_of(command))
        if earlier is None:
            raise ConflictError(_("Your line still has another call. Hang it up first.")) from error
        return earlier


def _start(command: Dial, node: str, aside: Mapping[int, float], at: float) -> Started:
    now = clock.from_timestamp(at)
    assignment = _assignment_of(command)
    if assignment.dialled and (earlier := _earlier(assignment)) is not None:
        return earlier
    if assignment.state != AssignmentState.ACTIVE or assignment.lease_expires_at <= now:
        raise ConflictError(_("The time to call this contact has passed. Take the next one."))
    shift, line = _shift_and_line(assignment.operator_id, node)
    id = _attempt_id(assignment)
    trunk = take_trunk(Wanted(assignment.phone, id, node, at, aside, attempt=id))
    limits = limits_of(assignment.campaign.max_duration_s)
    state, effects = machine.begin(
        attempt=str(id), contact=leg_of(id), operator=leg_of(line), limits=limits,
        record=assignment.campaign.record_calls, at=at,
        spare=tuple(leg_of(derived_id(id, f"try:{n}")) for n in range(2, MAX_TRIES + 1)),
        consent=assignment.campaign.consent, record_with_consent=assignment.campaign.consent_in_recording,
    )  # fmt: skip
    attempt = Attempt(
        pk=id, assignment=assignment, contact=assignment.contact, campaign=assignment.campaign,
        operator=assignment.operator, shift=shift, line_id=line, trunk_id=trunk.row, node_id=node,
        phase=state.phase.value, machine=to_json(state), dialled_at=now,
    )  # fmt: skip
    attempt.save(force_insert=True)
    dialing.dial_begun(assignment, command.fence, lease_s=_longest(limits))
    return Started(attempt, state, effects, trunk, assignment.campaign.caller_id or trunk.caller_id)


def next_trunk(attempt: Attempt, wanted: Wanted) -> ChosenTrunk:
    """Another trunk for an attempt whose trunk failed it. Raises NoTrunkError, LegTakenError."""
    with transaction.atomic():
        chosen = take_trunk(replace(wanted, number=attempt.assignment.phone, attempt=attempt.pk, another=True))
        Attempt.objects.filter(pk=attempt.pk).update(trunk=chosen.row)
    return chosen


def _attempt_id(assignment: Assignment) -> uuid.UUID:
    """One try per assignment: the same key press, however often it arrives, is the same call."""
    return derived_id(assignment.pk, "attempt")


def _earlier(assignment: Assignment) -> Started | None:
    attempt = Attempt.objects.select_related(*RELATED).filter(pk=_attempt_id(assignment)).first()
    return Started(attempt, from_json(attempt.machine), (), None) if attempt is not None else None


def _shift_and_line(operator: uuid.UUID, node: str) -> tuple[Shift, uuid.UUID]:
    here = Q(state=LineState.OPEN) | Q(
        state=LineState.OPENING, kind=LineKind.BROWSER
    )  # a telephone only rings until then
    lines = Line.objects.filter(here, user=OuterRef("operator"), node=node)
    shift = Shift.objects.filter(operator=operator, ended_at=None).annotate(open_line=lines.values("pk")[:1]).first()
    if shift is None or shift.on_break:
        raise ConflictError(_("You are not on shift. Go on with the shift, then dial."))
    if shift.open_line is None:
        raise ConflictError(_("Your line is not open. Open it, then dial."))
    return shift, uuid.UUID(str(shift.open_line))


def limits_of(max_duration_s: int) -> Limits:
    exchange = settings.HEARTHLINE
    return Limits(
        ring_s=exchange.ring_timeout_s,
        manager_ring_s=exchange.manager_ring_timeout_s,
        max_duration_s=max_duration_s,
        grace_s=exchange.line_grace_s,
        wrap_up_s=exchange.wrap_up_lease_s,
        pause_s=exchange.recording_pause_longest_s,
    )


RELATED = ("campaign", "contact", "assignment", "operator", "line")


def _assignment_of(command: Dial) -> Assignment:
    assignment = (
        Assignment.objects.select_related("campaign", "contact", "operator")
        .defer("campaign__script", "campaign__brief", "contact__data", "contact__result", "contact__notes")
        .filter(pk=command.assignment, operator__pk=command.user)
        .first()
    )
    if assignment is None or not assignment.operator.is_active:
        raise NotFoundError(_("There is no such contact with you. Take the next one."))
    if assignment.fence != command.fence:
        raise ConflictError(_("This page is out of date. Reload it, then dial."))
    return assignment


def _longest(limits: Limits) -> int:
    """From here on the call's own timers end it; the lease only has to outlast them. Seconds."""
    return limits.ring_s + limits.max_duration_s + limits.wrap_up_s + LEASE_SLACK_S


def write_transition(
    attempt: Attempt,
    version: int,
    state: CallState,
    effects: tuple[fx.Effect, ...],
    *,
    at: float,
    seen: Seen,
    also: HandOver | Line | None = None,
) -> None:
    """Write the state as `version` + 1 with everything that its effects ask to be kept and told.

    `also`: a hand-over to create, or the line on which the operator is back. Raises StaleStateError.
    """
    with transaction.atomic():
        _apply_evidence(attempt, state, effects, seen)
        if isinstance(also, Line):
            attempt.line = also
        written = Attempt.objects.filter(pk=attempt.pk, version=version).update(
            version=version + 1, phase=attempt.phase, machine=attempt.machine, line=attempt.line,
            **{name: getattr(attempt, name) for name in EVIDENCE},
        )  # fmt: skip
        if written != 1:
            fresh = Attempt.objects.select_related(*RELATED).get(pk=attempt.pk)
            raise StaleStateError(fresh, from_json(fresh.machine))
        if isinstance(also, HandOver):
            also.attempt = attempt
            also.save(force_insert=True)
        write_effects(attempt, state, effects, at)
    attempt.version = version + 1


EVIDENCE = (
    "ringing_at", "answered_at", "operator_left_at", "ended_at", "ended_by", "cause", "sip_status", "talk_ms",
    "contact_stats", "operator_stats",
)  # fmt: skip


def _apply_evidence(attempt: Attempt, state: CallState, effects: tuple[fx.Effect, ...], seen: Seen) -> None:
    attempt.phase, attempt.machine = state.phase.value, to_json(state)
    attempt.ringing_at = _moment(state.ringing_at)
    attempt.answered_at = _moment(state.answered_at)
    attempt.operator_left_at = _moment(state.operator_left_at)
    attempt.ended_at = _moment(state.ended_at)
    attempt.ended_by, attempt.cause, attempt.sip_status = state.ended_by, state.cause, state.sip_status
    attempt.talk_ms = state.talked_ms
    for effect in effects:
        if isinstance(effect, fx.KeepStats):
            attempt.contact_stats = effect.stats
        elif isinstance(effect, fx.TakeStats) and seen.contact:
            attempt.contact_stats = seen.contact
    if not attempt.contact_stats and state.operator_left_at is not None:
        attempt.contact_stats = seen.contact  # the switch said nothing at the end: what it said last
    if seen.operator:
        attempt.operator_stats = seen.operator


def write_effects(attempt: Attempt, state: CallState, effects: tuple[fx.Effect, ...], at: float) -> None:
    """Within the caller's transaction."""
    moment = clock.from_timestamp(at)
    for effect in effects:
        match effect:
            case fx.NoteHandOver():
                _note_handover(attempt, effect, moment)
            case fx.NoteTry(leg=leg, cause=cause, sip_status=sip_status) if (id := id_of(leg)) is not None:
                note_try(id, at=at, cause=cause, sip_status=sip_status)
            case fx.NotePause(leg=leg, on=on, why=why):
                note_pause(attempt, leg, on=on, why=why, at=moment)
            case fx.NoteAnnounced():
                Attempt.objects.filter(pk=attempt.pk).update(announced_at=moment)
            case fx.PayTelephone():
                record_telephone(attempt)
            case fx.AutoDispose(outcome=outcome):
                dispose(attempt, now=moment, outcome=outcome)
            case fx.AutoWrapUp():
                dispose(attempt, now=moment, outcome="not_wrapped_up")
            case fx.Tell(name=name) if name.startswith("call."):
                tell_call(name, attempt, phase=state.phase.value, at=at, **_call_details(name, state, effect.details))


def _call_details(name: str, state: CallState, details: dict[str, Any]) -> dict[str, Any]:
    if name != "call.ended":
        return details
    return {
        "by": state.ended_by,
        "reason": state.end_reason,
        "cause": state.cause,
        "outcome": details.get("outcome", ""),
        "talk_ms": state.talked_ms,
        "answered": state.answered,
    }


def _note_handover(attempt: Attempt, effect: fx.NoteHandOver, moment: datetime) -> None:
    handover = HandOver.objects.select_related("manager").get(pk=effect.handover)
    name, reason = f"handover.{effect.state}", ""
    if effect.leg:
        handover.leg = id_of(effect.leg)
    if effect.state == "over":  # contact and manager have finished
        handover.ended_at = moment
        name = "handover.ended"
    elif effect.state == "moved":  # the same manager, on a new line
        name = ""
    else:
        handover.state = HandOverState(effect.state)
        if handover.state == HandOverState.BRIEFING:
            handover.answered_at = moment
            name = "handover.answered"
        elif handover.state == HandOverState.COMPLETED:
            handover.completed_at = moment
        elif handover.state in _OVER:
            handover.ended_at = moment
    handover.save(update_fields=["leg", "state", "answered_at", "completed_at", "ended_at"])
    if name:
        tell_handover(name, handover, attempt, at=moment.timestamp(), reason=reason)


def open_attempts(node: str, driven: frozenset[str]) -> list[Attempt]:
    """Every attempt of this node whose machine has not closed, without those that are `driven` (ids as text): all but a few
    are, at each look, and a row with its state is large."""
    rows = Attempt.objects.filter(node=node).exclude(phase=Phase.CLOSED.value).order_by("dialled_at")
    wanted = [id for id in rows.values_list("pk", flat=True)[:10_000] if str(id) not in driven]
    return list(Attempt.objects.select_related(*RELATED).filter(pk__in=wanted).order_by("dialled_at")) if wanted else []


def load_attempt(attempt: str) -> Attempt | None:
    return Attempt.objects.select_related(*RELATED).filter(pk=attempt).first()


def _moment(at: float | None) -> datetime | None:
    return clock.from_timestamp(at) if at is not None else None
