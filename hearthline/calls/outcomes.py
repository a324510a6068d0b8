"""The end of an attempt: by the operator's wrap-up, or by the exchange itself when nobody answered or nobody wrapped up.

Each function belongs into the caller's transaction, which also writes the machine's state. Exactly one caller passes
`_claim`: all that follows happens once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Case, DateTimeField, F, Value, When
from django.utils.translation import gettext as _

from hearthline.calls import pace, settlement
from hearthline.calls.announcements import tell_call, tell_contact_disposed, tell_shift
from hearthline.calls.models import Attempt, Shift
from hearthline.campaigns import tally
from hearthline.campaigns.models import CampaignKind, ContactState, Disposition
from hearthline.dialing import services as dialing
from hearthline.dialing.models import Assignment, AssignmentState
from hearthline.lib import measures
from hearthline.lib.errors import ConflictError


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt. Money in minor units of `currency`; `retry_at` None: the contact does not come back."""

    attempt: str
    disposition: int | None
    auto_outcome: str
    payable: bool
    not_payable_reason: str
    earned_minor: int  # of a call that is not payable: for its ringing
    charged_minor: int
    currency: str
    retry_at: datetime | None


def dispose(
    attempt: Attempt,
    *,
    now: datetime,
    disposition: Disposition | None = None,
    outcome: str = "",
    result: dict[str, Any] | None = None,
    notes: str | None = None,
    call_back_at: datetime | None = None,
) -> Outcome:
    """Settle, note the outcome, let the contact and the assignment go, count it for the shift, tell it.

    Either `disposition` (the operator's) or `outcome` ("busy", "no_answer", ... "not_wrapped_up") is given. Raises ConflictError when
    the attempt was wrapped up before.
    """
    _claim(attempt, now)
    if result is not None:
        attempt.result = result
    if notes is not None:
        attempt.notes = notes
    # the contact and the campaign's counts first, the ledger last: the order in which a claim locks them, too
    contact = dialing.apply_outcome(
        contact=attempt.contact,
        operator=attempt.operator,
        disposition=disposition,
        outcome=outcome,
        result=attempt.result,
        notes=attempt.notes,
        talk_ms=attempt.talk_ms,
        call_back_at=call_back_at,
        attempt=attempt.pk,
    )
    retry_at = contact.next_attempt_at if contact.state == ContactState.RETRY else None
    Assignment.objects.filter(pk=attempt.assignment_id, state=AssignmentState.ACTIVE).update(
        state=AssignmentState.CLOSED, closed_at=now
    )
    verdict = settlement.judge(
        settlement.evidence_of(attempt),
        disposition_payable=disposition.payable if disposition is not None else None,
        min_talk_s=attempt.campaign.min_talk_s,
    )
    if attempt.campaign.kind != CampaignKind.REAL:
        verdict = settlement.Verdict(False, "practice")
    money = settlement.settle(attempt, verdict, outcome)
    transaction.on_commit(measures.SETTLEMENTS.labels(verdict.reason or "paid").inc)
    if verdict.payable and not attempt.contact.scenario:
        tally.conversation_settled(attempt.campaign_id, charged_minor=money.charged.minor)
    elif money.charged.minor:
        tally.add(attempt.campaign_id, spent_minor=money.charged.minor)
    attempt.wrapped_up_at, attempt.disposition, attempt.auto_outcome = now, disposition, outcome
    attempt.payable, attempt.not_payable_reason = verdict.payable, verdict.reason
    attempt.charged_minor, attempt.earned_minor = money.charged.minor, money.earned.minor
    attempt.save(
        update_fields=[
            "disposition", "auto_outcome", "payable", "not_payable_reason", "charged_minor", "earned_minor",
            "result", "notes",
        ]
    )  # fmt: skip
    _count(attempt, now)
    _tell(attempt, contact.state, retry_at, now)
    return outcome_of(attempt, retry_at)


def outcome_of(attempt: Attempt, retry_at: datetime | None) -> Outcome:
    return Outcome(
        attempt=str(attempt.pk),
        disposition=attempt.disposition_id,
        auto_outcome=attempt.auto_outcome,
        payable=bool(attempt.payable),
        not_payable_reason=attempt.not_payable_reason,
        earned_minor=attempt.earned_minor,
        charged_minor=attempt.charged_minor,
        currency=attempt.campaign.currency,
        retry_at=retry_at,
    )


def _claim(attempt: Attempt, now: datetime) -> None:
    """Of all who would end this attempt, one does."""
    if Attempt.objects.filter(pk=attempt.pk, wrapped_up_at=None).update(wrapped_up_at=now) != 1:
        raise ConflictError(_("This call is wrapped up already."))


def _count(attempt: Attempt, now: datetime) -> None:
    shift = Shift.objects.select_related("campaign").get(pk=attempt.shift_id)
    Shift.objects.filter(pk=attempt.shift_id).update(
        calls=F("calls") + 1,
        conversations=F("conversations") + (1 if attempt.payable else 0),
        earned_minor=F("earned_minor") + attempt.earned_minor,
        worked_from=Case(When(ended_at=None, on_break=False, then=Value(now)), output_field=DateTimeField()),
    )
    pace.note_attempt(attempt, shift, now)
    shift.refresh_from_db(fields=["calls", "conversations", "earned_minor", "on_break"])
    tell_shift("shift.changed", shift)


def _tell(attempt: Attempt, contact_state: str, retry_at: datetime | None, now: datetime) -> None:
    disposition = attempt.disposition
    tell_call(
        "call.wrapped_up",
        attempt,
        phase=attempt.phase,
        at=now.timestamp(),
        disposition=attempt.disposition_id,
        outcome=attempt.auto_outcome,
        payable=attempt.payable,
        not_payable_reason=attempt.not_payable_reason,
        earned_minor=attempt.earned_minor,
        charged_minor=attempt.charged_minor,
        currency=attempt.campaign.currency,
        retry_at=retry_at.timestamp() if retry_at else None,
    )
    tell_contact_disposed(
        attempt,
        kind=disposition.kind if disposition is not None else "",
        outcome=attempt.auto_outcome,
        state=contact_state,
    )
