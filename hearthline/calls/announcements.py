"""What this package tells the pages: each event's payload and who hears it. Takes effect when the transaction commits."""

from __future__ import annotations

from typing import Any

from hearthline.calls.models import Attempt, HandOver, Shift
from hearthline.realtime.audiences import (
    STAFF,
    campaign_audience,
    guest_audience,
    organisation_audience,
    user_audience,
)
from hearthline.realtime.bus import Audience
from hearthline.realtime.configured import bus


def call_audiences(attempt: Attempt) -> tuple[Audience, ...]:
    """The operator, the customer's owners, whoever watches the campaign, the exchange's staff. A robot is nothing to the
    customer."""
    if attempt.contact.scenario:
        return (user_audience(attempt.operator_id), STAFF)
    return (
        user_audience(attempt.operator_id),
        organisation_audience(attempt.campaign.organisation_id),
        campaign_audience(attempt.campaign_id),
        STAFF,
    )


def tell_call(name: str, attempt: Attempt, *, phase: str, at: float, **details: Any) -> None:
    bus().publish(
        name,
        {
            "attempt": str(attempt.pk),
            "assignment": str(attempt.assignment_id),
            "campaign": str(attempt.campaign_id),
            "operator": str(attempt.operator_id),
            "phase": phase,
            "at": at,
            **details,
        },
        audiences=call_audiences(attempt),
    )


def tell_handover(name: str, handover: HandOver, attempt: Attempt, *, at: float, reason: str = "") -> None:
    """To the operator, and to the manager: an account, or a guest with a signed link."""
    manager = handover.manager
    audiences = [user_audience(attempt.operator_id), STAFF]
    if manager is not None and manager.user_id is not None:
        audiences.append(user_audience(manager.user_id))
    if handover.guest_token:
        audiences.append(guest_audience(handover.pk))
    bus().publish(
        name,
        {
            "handover": str(handover.pk),
            "attempt": str(attempt.pk),
            "campaign": str(attempt.campaign_id),
            "manager": handover.manager_id,
            "manager_name": manager.name if manager is not None else "",
            "state": str(handover.state),
            "at": at,
            "reason": reason,
        },
        audiences=audiences,
    )


def tell_shift(name: str, shift: Shift, *, reason: str = "") -> None:
    bus().publish(
        name,
        {
            "shift": str(shift.pk),
            "campaign": str(shift.campaign_id or ""),
            "on_break": shift.on_break,
            "calls": shift.calls,
            "conversations": shift.conversations,
            "skipped": shift.skipped,
            "earned_minor": shift.earned_minor,
            "currency": shift.campaign.currency if shift.campaign is not None else "",
            "reason": reason,
        },
        audiences=(user_audience(shift.operator_id), STAFF),
    )


def tell_contact_disposed(attempt: Attempt, *, kind: str, outcome: str, state: str) -> None:
    bus().publish(
        "contact.disposed",
        {
            "contact": str(attempt.contact_id),
            "campaign": str(attempt.campaign_id),
            "attempt": str(attempt.pk),
            "disposition": attempt.disposition_id,
            "kind": kind,
            "outcome": outcome,
            "state": state,
            "talk_ms": attempt.talk_ms,
            "charged_minor": attempt.charged_minor,
        },
        audiences=call_audiences(attempt)[1:],
    )
