"""What an outcome makes of a contact: done, called again later, used up, or never called again."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from hearthline.campaigns import tally
from hearthline.campaigns.models import (
    BlockReason,
    Campaign,
    Contact,
    ContactState,
    Disposition,
    DispositionKind,
    Priority,
)
from hearthline.dialing import do_not_call
from hearthline.dialing.rules import Window, into_window
from hearthline.lib import clock
from hearthline.lib.errors import InvalidInputError
from hearthline.people.models import User

BUSY_AGAIN = timedelta(minutes=30)
UNANSWERED_AGAIN = (timedelta(hours=2), timedelta(hours=4), timedelta(hours=8), timedelta(hours=24))  # by attempts
NETWORK_AGAIN = timedelta(minutes=10)
CALL_BACK_AGAIN = timedelta(minutes=60)  # nobody said when
FURTHEST_PROMISE = timedelta(days=90)

# The outcomes that the exchange finds by itself (calls.Attempt.auto_outcome), and after how long to try again.
_AGAIN: dict[str, timedelta] = {
    "busy": BUSY_AGAIN,
    "network": NETWORK_AGAIN,
    "cancelled": BUSY_AGAIN,  # the operator hung up before there was an answer
    "not_wrapped_up": CALL_BACK_AGAIN,  # there was a conversation, and nobody said how it ended
}
_NOT_REACHED = frozenset({"busy", "no_answer", "rejected", "network", "cancelled"})  # a promise is still to be kept
_UNCOUNTED = frozenset({"network"})  # not the contact's doing: a lost trunk must not use a whole list up


@dataclass(frozen=True, slots=True)
class _Next:
    state: ContactState
    at: datetime | None = None  # None: stays as it is
    block_reason: str = ""
    priority: int = Priority.NORMAL
    prefer: uuid.UUID | None = None
    promised_at: datetime | None = None


def apply_outcome(
    *,
    contact: Contact,
    operator: User,
    disposition: Disposition | None = None,
    outcome: str = "",
    result: Mapping[str, Any] | None = None,
    notes: str = "",
    talk_ms: int = 0,
    call_back_at: datetime | None = None,
    attempt: uuid.UUID | None = None,
) -> Contact:
    """Note how an attempt ended and decide what becomes of the contact; in the caller's transaction, once per attempt.

    Either `disposition` (the operator's word) or `outcome` ("busy", "no_answer", "rejected", "absent", "network",
    "cancelled", "not_wrapped_up") is given. `call_back_at` is what was promised; it is moved into the calling window.
    The caller closes the assignment and settles. Returns the contact; its `next_attempt_at` says when it comes back
    while its state is RETRY. Raises InvalidInputError for a promise in the past or too far away.
    """
    now = clock.now()
    with transaction.atomic():
        fresh = (
            Contact.objects.select_for_update(of=("self",)).select_related("campaign", "disposition").get(pk=contact.pk)
        )
        attempts = fresh.attempts + (outcome not in _UNCOUNTED)
        promised = _promise(call_back_at, fresh, now)
        following = _following(fresh, operator, disposition, outcome, promised, attempts, now)
        before = fresh.state
        changes = tally.state_change(before, following.state) if before == ContactState.ASSIGNED else {}
        changes |= {"attempts": 1, "talk_ms": talk_ms}
        changes["agreed"] = _agreed(disposition) - _agreed(fresh.disposition)
        if before == ContactState.ASSIGNED:  # else it was taken out meanwhile, and stays so
            fresh.state, fresh.block_reason = following.state, following.block_reason
            fresh.priority, fresh.prefer_operator_id = following.priority, following.prefer
            fresh.promised_at = following.promised_at
            fresh.next_attempt_at = following.at or fresh.next_attempt_at
        limit = fresh.campaign.max_attempts - 1 if following.prefer else attempts  # a promise is kept, limit or not
        fresh.attempts = min(attempts, limit)
        fresh.disposition, fresh.outcome = disposition, outcome
        fresh.result = dict(result) if result else fresh.result
        fresh.notes = notes or fresh.notes
        fresh.talk_ms, fresh.disposed_at = talk_ms, now
        fresh.last_operator_id, fresh.last_attempt = operator.pk, attempt
        fresh.save(
            update_fields=[
                "state", "block_reason", "priority", "prefer_operator", "promised_at", "next_attempt_at", "attempts",
                "disposition", "outcome", "result", "notes", "talk_ms", "disposed_at", "last_operator", "last_attempt",
            ]
        )  # fmt: skip
        if disposition is not None and disposition.kind == DispositionKind.DO_NOT_CALL and not fresh.scenario:
            do_not_call.add(
                phone=fresh.phone,
                organisation=fresh.campaign.organisation,
                added_by=operator,
                reason="asked for in a call",
            )
        tally.add(fresh.campaign_id, **changes)
    return fresh


def _following(
    contact: Contact,
    operator: User,
    disposition: Disposition | None,
    outcome: str,
    promised: datetime | None,
    attempts: int,
    now: datetime,
) -> _Next:
    campaign = contact.campaign
    if contact.scenario:
        return _Next(ContactState.DONE)  # a robot is never called again, whatever was promised to it
    if disposition is None:
        if outcome == "absent":
            return _Next(ContactState.BLOCKED, block_reason=BlockReason.ABSENT)
        wait = _AGAIN.get(outcome) or UNANSWERED_AGAIN[min(attempts, len(UNANSWERED_AGAIN)) - 1]
        again = _again(campaign, attempts, now + wait, priority=contact.priority)
        if outcome in _NOT_REACHED and contact.prefer_operator_id == operator.pk and again.state == ContactState.RETRY:
            return replace(again, prefer=operator.pk, promised_at=contact.promised_at)
        return again
    if disposition.kind == DispositionKind.DO_NOT_CALL:
        return _Next(ContactState.BLOCKED, block_reason=BlockReason.DO_NOT_CALL)
    if disposition.kind == DispositionKind.WRONG_NUMBER:
        return _Next(ContactState.DONE)
    if promised is not None:
        return _Next(ContactState.RETRY, promised, priority=Priority.FIRST, prefer=operator.pk, promised_at=promised)
    if disposition.retry_after_min is not None:
        return _again(campaign, attempts, now + timedelta(minutes=disposition.retry_after_min))
    if disposition.kind == DispositionKind.CALL_BACK:
        return _again(campaign, attempts, now + CALL_BACK_AGAIN, priority=Priority.FIRST)
    return _Next(ContactState.DONE)


def _again(campaign: Campaign, attempts: int, at: datetime, priority: int = Priority.NORMAL) -> _Next:
    if attempts >= campaign.max_attempts:
        return _Next(ContactState.EXHAUSTED, priority=priority)
    return _Next(ContactState.RETRY, at, priority=priority)


def _promise(at: datetime | None, contact: Contact, now: datetime) -> datetime | None:
    if at is None:
        return None
    if not now - timedelta(minutes=5) <= at <= now + FURTHEST_PROMISE:
        raise InvalidInputError(_("Choose a time for the call within the next 90 days."), field="call_back_at")
    return into_window(Window.of(contact.campaign), contact.timezone, max(at, now))


def _agreed(disposition: Disposition | None) -> int:
    return int(disposition is not None and disposition.kind == DispositionKind.SUCCESS)
