"""What an operator does around a call: the shift, the draft, the wrap-up. One transaction each."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.translation import gettext as _

from hearthline.calls import machine, pace
from hearthline.calls.announcements import tell_shift
from hearthline.calls.call_events import WrappedUp
from hearthline.calls.call_state import LIVE, Phase, from_json, to_json
from hearthline.calls.gates import attempt_for_operator
from hearthline.calls.models import Attempt, HandOver, HandOverState, Shift
from hearthline.calls.outcomes import Outcome, dispose, outcome_of
from hearthline.campaigns.forms import clean_result
from hearthline.campaigns.models import Campaign, CampaignState, ContactState, Disposition
from hearthline.dialing import services as dialing
from hearthline.dialing.models import Assignment, AssignmentState
from hearthline.lib import clock
from hearthline.lib.errors import ConflictError, InvalidInputError, NotAllowedError, NotFoundError
from hearthline.people.models import Role, User
from hearthline.realtime.audiences import guest_audience, user_audience
from hearthline.realtime.configured import bus

NOTES_BOUND = 10_000  # characters
FIELD_BOUND = 4_000
FIELDS_BOUND = 100
WRITE_TRIES = 5  # call control may write the same attempt meanwhile: a contact hangs up while the operator wraps up


class AlreadyWrappedUpError(ConflictError):
    code = "already_wrapped_up"


# --- the shift ------------------------------------------------------------------------------------------------------


def begin_shift(*, operator: User, campaign: Campaign) -> Shift:
    """Start work on a campaign, or go over to another one within the shift.

    Raises NotAllowedError when the person is no operator or below the campaign's level, ConflictError when the
    campaign does not run or a contact of another campaign is still in hand.
    """
    if not dialing.tries_scenarios(operator, campaign) and (operator.role != Role.OPERATOR or not operator.is_active):
        raise NotAllowedError(_("Only operators work shifts."))
    if campaign.state != CampaignState.RUNNING:
        raise ConflictError(_("This campaign does not run now. Choose another one."))
    if dialing.level_of(operator) < dialing.level_needed(campaign):
        raise NotAllowedError(_("This campaign asks for a higher level than yours."))
    now = clock.now()
    try:
        with transaction.atomic():
            shift = Shift.objects.create(
                operator=operator, campaign=campaign, started_at=now, worked_from=now, offer_at=next_offer(now)
            )
            tell_shift("shift.started", shift)
            return shift
    except IntegrityError:
        return _change_campaign(operator, campaign)


def _change_campaign(operator: User, campaign: Campaign) -> Shift:
    now = clock.now()
    with transaction.atomic():
        shift = _locked_shift(operator)
        changes: dict[str, Any] = {"campaign": campaign, **_break_over(shift, now)}
        former = shift.campaign_id
        if former != campaign.pk:
            _refuse_while_busy(operator, _("Finish the contact you have before you go to another campaign."))
            changes |= {"worked_from": now, "offer_at": next_offer(now)}
        Shift.objects.filter(pk=shift.pk, ended_at=None).update(**changes)
        if former != campaign.pk:
            pace.note_end(shift, former, now)
        _set(shift, changes)
        tell_shift("shift.changed", shift)
    return shift


def next_offer(now: datetime) -> datetime | None:
    """When a better campaign may be offered to whoever has been offered one, or begins, now."""
    minutes = settings.HEARTHLINE.campaign_offer_every_min
    return now + timedelta(minutes=minutes) if minutes else None


def _break_over(shift: Shift, now: datetime) -> dict[str, Any]:
    """What changes in a shift when its break, if there is one, ends now."""
    if not shift.on_break:
        return {}
    rested = now - (shift.break_began_at or now)
    milliseconds = max(0, int(rested / timedelta(milliseconds=1)))
    return {
        "on_break": False, "break_ms": shift.break_ms + milliseconds, "break_began_at": None, "worked_from": now,
    }  # fmt: skip


def _set(shift: Shift, changes: Mapping[str, Any]) -> None:
    for name, value in changes.items():
        setattr(shift, name, value)


def _locked_shift(operator: User) -> Shift:
    """The open shift, kept from changing meanwhile: its stretch of time is counted once."""
    shift = (
        Shift.objects.select_for_update(of=("self",))
        .select_related("campaign")
        .filter(operator=operator, ended_at=None)
        .first()
    )
    if shift is None:
        raise _no_shift()
    return shift


def _no_shift() -> NotFoundError:
    return NotFoundError(_("You have no open shift. Choose a campaign to begin one."))


def end_shift(*, operator: User) -> Shift:
    """End the shift; a contact that was not dialled goes back. Raises ConflictError while a call or a wrap-up is open,
    NotFoundError when there is no shift."""
    now = clock.now()
    with transaction.atomic():
        shift = _locked_shift(operator)
        if open_attempt(operator) is not None:
            raise ConflictError(_("Finish the call and save its result first, then end the shift."))
        assignment = Assignment.objects.filter(operator=operator, state=AssignmentState.ACTIVE).first()
        if assignment is not None:
            dialing.release(assignment, "shift_ended")
        changes = {**_break_over(shift, now), "ended_at": now, "worked_from": None}
        if Shift.objects.filter(pk=shift.pk, ended_at=None).update(**changes) != 1:
            raise ConflictError(_("This shift has ended already."))
        if not shift.on_break:
            pace.note_end(shift, shift.campaign_id, now)
        _set(shift, changes)
        tell_shift("shift.ended", shift, reason="by_person")
    return shift


def take_break(*, operator: User, on: bool) -> Shift:
    """Pause or go on. Raises ConflictError while a contact is in hand, NotFoundError when there is no shift."""
    now = clock.now()
    with transaction.atomic():
        shift = _locked_shift(operator)
        changes: dict[str, Any] = {} if on else _break_over(shift, now)
        if on:
            _refuse_while_busy(operator, _("You hold a contact. Call or skip it, then take the break."))
            if not shift.on_break:
                changes = {"on_break": True, "breaks": shift.breaks + 1, "break_began_at": now, "worked_from": None}
        if changes:
            Shift.objects.filter(pk=shift.pk, ended_at=None).update(**changes)
            if on:
                pace.note_end(shift, shift.campaign_id, now)
            _set(shift, changes)
        tell_shift("shift.changed", shift)
    return shift


def skip_contact(*, operator: User, assignment: uuid.UUID | str) -> Shift:
    """Give the contact back without calling it; counted. Raises ConflictError when it is not the operator's any more or is
    being called, NotFoundError when there is no shift."""
    with transaction.atomic():
        shift = open_shift(operator)
        held = Assignment.objects.filter(operator=operator, state=AssignmentState.ACTIVE).first()
        if held is None or str(held.pk) != str(assignment):
            raise ConflictError(_("You no longer have this contact. Take the next one."))
        if open_attempt(operator) is not None:
            raise ConflictError(_("This contact is being called. Hang up first, then save the result."))
        if dialing.release(assignment=held, reason="skipped"):
            Shift.objects.filter(pk=shift.pk).update(skipped=F("skipped") + 1)
            shift.refresh_from_db(fields=["skipped"])
            tell_shift("shift.changed", shift)
    return shift


def take_next(*, operator: User) -> Assignment | None:
    """The next contact: the one in hand, else a callback that this operator promised and whose time has come, in whatever
    campaign, else the next of the shift's campaign. None: there is nobody to call just now.

    Raises NotFoundError (no shift), ConflictError (on a break, the campaign does not run), NotAllowedError.
    """
    shift = open_shift(operator)
    if shift.on_break:
        raise ConflictError(_("You are on a break. Go on with the shift first."))
    if (held := dialing.active_of(operator)) is not None:
        return held
    if (promised := dialing.claim_promised(operator)) is not None:
        return promised
    if shift.campaign is None:
        raise ConflictError(_("Choose a campaign first."))
    return dialing.claim_next(operator, shift.campaign)


def open_shift(operator: User) -> Shift:
    shift = Shift.objects.select_related("campaign").filter(operator=operator, ended_at=None).first()
    if shift is None:
        raise _no_shift()
    return shift


def open_attempt(operator: User) -> Attempt | None:
    """The attempt that is not wrapped up yet; there is at most one, since there is at most one active assignment."""
    return Attempt.objects.filter(operator=operator, wrapped_up_at=None).order_by("-dialled_at").first()


def _refuse_while_busy(operator: User, sentence: str) -> None:
    if Assignment.objects.filter(operator=operator, state=AssignmentState.ACTIVE).exists():
        raise ConflictError(sentence)


# --- draft and wrap-up ------------------------------------------------------------------------------------------------


def save_draft(*, attempt: uuid.UUID | str, operator: User, fields: Mapping[str, Any], notes: str) -> None:
    """Keep what the operator has typed so far; the manager who is being briefed sees it live.

    Raises NotFoundError, AlreadyWrappedUpError, InvalidInputError (too long, no such field).
    """
    with transaction.atomic():
        row = attempt_for_operator(operator, attempt)
        kept = _bounded(row.campaign, fields)
        if len(notes) > NOTES_BOUND:
            raise InvalidInputError(_("The notes are too long: at most %(n)d characters.") % {"n": NOTES_BOUND})
        if Attempt.objects.filter(pk=row.pk, wrapped_up_at=None).update(result=kept, notes=notes) != 1:
            raise AlreadyWrappedUpError(_("This call is wrapped up already."))
        _show_draft(row, kept, notes)


def wrap_up(
    *,
    attempt: uuid.UUID | str,
    operator: User,
    fence: int,
    disposition: int,
    fields: Mapping[str, Any],
    notes: str,
    call_back_at: datetime | None = None,
) -> Outcome:
    """Save the result of a conversation and settle it, once. `disposition` is a Disposition's id of this campaign.

    The same wrap-up again gives the same outcome. Raises NotFoundError, ConflictError (the call still goes on, the lease is
    another's), AlreadyWrappedUpError, InvalidInputError (a required field is empty, a value does not fit).
    """
    for _try in range(WRITE_TRIES):
        with transaction.atomic():
            row = attempt_for_operator(operator, attempt)
            if row.wrapped_up_at is not None:
                return _same_again(row, disposition)
            chosen = _disposition_of(row.campaign, disposition)
            if row.assignment.fence != fence or row.assignment.state != AssignmentState.ACTIVE:
                raise ConflictError(_("This contact is not yours any more: the time to save the result has passed."))
            result = clean_result(row.campaign, fields, chosen)
            now = clock.now()
            if not _move_machine(row, now):
                continue
            return dispose(
                row, now=now, disposition=chosen, result=result, notes=notes[:NOTES_BOUND], call_back_at=call_back_at
            )
    raise ConflictError(_("The call is changing this very moment. Try again."))


def _move_machine(row: Attempt, now: datetime) -> bool:
    """False: somebody else wrote the machine's state meanwhile."""
    state = from_json(row.machine)
    if state.phase in LIVE - {Phase.HANDED_OVER}:
        raise ConflictError(_("The call is still going on. Hang up first, then save the result."))
    try:
        state, _effects = machine.transition(state, WrappedUp(now.timestamp()))
    except machine.UndefinedTransitionError as error:
        raise ConflictError(_("This call cannot be wrapped up now.")) from error
    # the effects are of timers only, and a timer that fires for a state that has none changes nothing
    row.phase, row.machine, row.version = state.phase.value, to_json(state), row.version + 1
    written = Attempt.objects.filter(pk=row.pk, version=row.version - 1, wrapped_up_at=None).update(
        phase=row.phase, machine=row.machine, version=row.version
    )
    return written == 1


def _disposition_of(campaign: Campaign, disposition: int) -> Disposition:
    found = Disposition.objects.filter(pk=disposition, campaign=campaign).first()
    if found is None:
        raise InvalidInputError(_("Choose how the conversation ended."))
    return found


def _same_again(row: Attempt, disposition: int) -> Outcome:
    if row.disposition_id != disposition:
        raise AlreadyWrappedUpError(_("This call is wrapped up already."))
    retry_at = row.contact.next_attempt_at if row.contact.state == ContactState.RETRY else None
    return outcome_of(row, retry_at)


def _bounded(campaign: Campaign, fields: Mapping[str, Any]) -> dict[str, Any]:
    known = set(campaign.fields.values_list("key", flat=True))
    if len(fields) > FIELDS_BOUND or not set(fields) <= known:
        raise InvalidInputError(_("The form has changed. Reload the page; what you typed before is kept."))
    for value in fields.values():
        if not isinstance(value, str | int | float | bool | None) or len(str(value)) > FIELD_BOUND:
            raise InvalidInputError(_("One of the answers is too long."))
    return dict(fields)


def _show_draft(row: Attempt, fields: dict[str, Any], notes: str) -> None:
    """To the managers to whom this contact is being handed over."""
    live = (HandOverState.RINGING, HandOverState.BRIEFING, HandOverState.COMPLETED)
    audiences = []
    for handover in HandOver.objects.filter(attempt=row, state__in=live, ended_at=None).select_related("manager"):
        if handover.manager is not None and handover.manager.user_id is not None:
            audiences.append(user_audience(handover.manager.user_id))
        if handover.guest_token:
            audiences.append(guest_audience(handover.pk))
    if audiences:
        bus().publish("draft.saved", {"attempt": str(row.pk), "fields": fields, "notes": notes}, audiences=audiences)
