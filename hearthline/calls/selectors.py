"""What the pages need to know after a reload, as JSON. Ids are text, moments are ISO 8601 in UTC, money is minor units.

Every function returns `last_event`: the bus's id taken before anything was read, so that a page which goes on from there
misses nothing (it may hear something twice).
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from hearthline.calls.call_state import LIVE
from hearthline.calls.models import Attempt, HandOver, HandOverState, Line, LineKind, LineState, OwnPhone, Shift
from hearthline.calls.own_line import line_json, lines_json
from hearthline.calls.taping import RESUME
from hearthline.campaigns.models import Campaign, Contact
from hearthline.dialing.models import Assignment, AssignmentState
from hearthline.dialing.promises import Summary, beside, columns
from hearthline.people.models import User
from hearthline.realtime.configured import bus

HISTORY_BOUND = 50
LIVE_HANDOVER = (HandOverState.RINGING, HandOverState.BRIEFING, HandOverState.COMPLETED)
_LIVE_PHASES = frozenset(phase.value for phase in LIVE)


@dataclass(frozen=True, slots=True)
class ConsoleRows:
    """What the operator's page is about. `attempt` is the one that is not wrapped up; contacts and campaigns are read along."""

    last_event: int
    operator: User
    shift: Shift | None
    assignment: Assignment | None  # the active one
    attempt: Attempt | None
    promises: Summary  # callbacks that this operator promised

    @property
    def held(self) -> Assignment | None:
        """Whose sheet is shown: until the wrap-up, also when the lease has ended meanwhile."""
        return self.assignment or (self.attempt.assignment if self.attempt is not None else None)


def console_rows(operator: User) -> ConsoleRows:
    """Three queries, two during a call."""
    last_event = bus().latest_id()
    shift = (
        Shift.objects.select_related("campaign", "operator__own_phone")
        .annotate(**columns("operator"))
        .filter(operator=operator, ended_at=None)
        .first()
    )
    promised = beside(shift)
    attempt = (
        Attempt.objects.select_related("campaign__organisation", "contact__prefer_operator", "assignment")
        .filter(operator=operator, wrapped_up_at=None)
        .order_by("-dialled_at")
        .first()
    )
    if attempt is not None:  # they are the same rows
        attempt.assignment.contact, attempt.assignment.campaign = attempt.contact, attempt.campaign
        if attempt.assignment.state == AssignmentState.ACTIVE:
            return ConsoleRows(last_event, operator, shift, attempt.assignment, attempt, promised)
    assignment = (
        Assignment.objects.select_related("contact__prefer_operator", "campaign__organisation")
        .filter(operator=operator, state=AssignmentState.ACTIVE)
        .first()
    )
    return ConsoleRows(last_event, operator, shift, assignment, attempt, promised)


def console_state(operator: User) -> dict[str, Any]:
    """The operator's page, as `console_json`."""
    return console_json(console_rows(operator))


def console_json(rows: ConsoleRows) -> dict[str, Any]:
    """Shape: {"last_event", "shift": {...} | None, "campaign": {..., "fields": [...], "dispositions": [...]} | None,
    "line": {"id", "state", "node", "kind", "code", "muted", "ends_at", "ends_by"} | None,
    "own_line": as `own_line.lines_json` says, "assignment": {"id", "fence", "lease_expires_at", "contact": {...}} | None,
    "call": {"attempt", "phase", ..., "draft": {"fields", "notes"}, "handover": {...} | None} | None,
    "promises": {"count", "next_at": seconds | None}}.
    The script is rendered by the page. No phone number is in it; the name only when the campaign shows names.
    """
    shift, assignment, attempt = rows.shift, rows.assignment, rows.attempt
    campaign = (assignment and assignment.campaign) or (shift and shift.campaign) or None
    return {
        "last_event": rows.last_event,
        "shift": shift_json(shift) if shift else None,
        "campaign": campaign_json(campaign) if campaign else None,
        **lines_json(rows.operator, phone_of(shift.operator if shift else rows.operator)),
        "assignment": assignment_json(assignment) if assignment else None,
        "call": call_json(attempt) if attempt else None,
        "promises": {
            "count": rows.promises["count"],
            "next_at": rows.promises["next_at"].timestamp() if rows.promises["next_at"] else None,
        },
    }


def manager_state(user: User) -> dict[str, Any]:
    """The manager's page: {"last_event", "line", "own_line", "handovers": [{..., "contact", "draft", "fields"}]}, the latest first.
    A manager is the customer's: name and data of the contact are shown, the number is not."""
    last_event = bus().latest_id()
    rows = _live_handovers().filter(manager__user=user).order_by("-rang_at")[:HISTORY_BOUND]
    return {
        "last_event": last_event,
        **lines_json(user, phone_of(user)),
        "handovers": [handover_json(row) for row in rows],
    }


def guest_state(handover: HandOver) -> dict[str, Any]:
    """The same for a guest with a signed link, who sees one hand-over only."""
    last_event = bus().latest_id()
    row = _live_handovers().filter(pk=handover.pk).first()
    line = Line.objects.filter(handover=handover).exclude(state=LineState.CLOSED).order_by("-opened_at").first()
    return {
        "last_event": last_event,
        "line": line_json(line) if line else None,
        "own_line": {"kind": LineKind.BROWSER.value},  # a guest has no account to keep a telephone in
        "handovers": [handover_json(row)] if row else [],
    }


def call_history(*, contact: Contact) -> list[dict[str, Any]]:
    """Earlier attempts to reach a contact, the latest first, at most `HISTORY_BOUND`."""
    rows = Attempt.objects.select_related("disposition", "operator").filter(contact=contact).order_by("-dialled_at")
    return [_history(row) for row in rows[:HISTORY_BOUND]]


def shift_history(*, operator: User, shift: Shift | None = None) -> list[dict[str, Any]]:
    """The operator's latest calls, of one shift or of all."""
    rows = Attempt.objects.select_related("disposition", "operator").filter(operator=operator)
    if shift is not None:
        rows = rows.filter(shift=shift)
    return [_history(row) for row in rows.order_by("-dialled_at")[:HISTORY_BOUND]]


def live_calls(campaign: Campaign | None = None) -> list[dict[str, Any]]:
    """Calls that go on right now, for the wall of the exchange or of one campaign."""
    rows = Attempt.objects.select_related("campaign", "operator").filter(phase__in=_LIVE_PHASES)
    if campaign is not None:
        rows = rows.filter(campaign=campaign, contact__scenario="")
    return [
        {
            "attempt": str(row.pk),
            "campaign": str(row.campaign_id),
            "campaign_name": row.campaign.name,
            "operator": str(row.operator_id),
            "operator_name": row.operator.name,
            "phase": row.phase,
            "dialled_at": _iso(row.dialled_at),
            "answered_at": _iso(row.answered_at),
        }
        for row in rows.order_by("dialled_at")[:1000]
    ]


# --- parts ----------------------------------------------------------------------------------------------------------


def shift_json(shift: Shift) -> dict[str, Any]:
    return {
        "id": str(shift.pk),
        "campaign": str(shift.campaign_id) if shift.campaign_id else None,
        "started_at": _iso(shift.started_at),
        "on_break": shift.on_break,
        "break_began_at": _iso(shift.break_began_at),
        "breaks": shift.breaks,
        "calls": shift.calls,
        "conversations": shift.conversations,
        "skipped": shift.skipped,
        "earned_minor": shift.earned_minor,
        "currency": shift.campaign.currency if shift.campaign else "",
    }


def campaign_json(campaign: Campaign) -> dict[str, Any]:
    return {
        "id": str(campaign.pk),
        "name": campaign.name,
        "kind": campaign.kind,
        "state": campaign.state,
        "pause_reason": campaign.pause_reason,
        "language": campaign.language,
        "price_minor": campaign.price_minor,
        "currency": campaign.currency,
        "max_duration_s": campaign.max_duration_s,
        "min_talk_s": campaign.min_talk_s,
        "has_managers": campaign.managers.exists(),
        "fields": [
            {"key": f.key, "title": f.title, "kind": f.kind, "choices": f.choices, "required": f.required}
            for f in campaign.fields.all()
        ],
        "dispositions": [
            {
                "id": d.pk,
                "key": d.key,
                "title": d.title,
                "kind": d.kind,
                "payable": d.payable,
                "retry_after_min": d.retry_after_min,
            }
            for d in campaign.dispositions.all()
        ],
    }


def contact_json(contact: Contact, campaign: Campaign, *, with_name: bool) -> dict[str, Any]:
    return {
        "id": str(contact.pk),
        "name": contact.name if with_name else "",
        "timezone": contact.timezone,
        "attempts": contact.attempts,
        "columns": [
            {"key": c["key"], "title": c.get("title", c["key"]), "value": contact.data[c["key"]]}
            for c in campaign.columns
            if contact.data.get(c["key"])
        ],
    }


def assignment_json(assignment: Assignment) -> dict[str, Any]:
    campaign = assignment.campaign
    return {
        "id": str(assignment.pk),
        "fence": assignment.fence,
        "lease_expires_at": _iso(assignment.lease_expires_at),
        "campaign": str(assignment.campaign_id),
        "contact": contact_json(assignment.contact, campaign, with_name=campaign.show_name),
    }


def call_json(attempt: Attempt) -> dict[str, Any]:
    handover = _live_handovers().filter(attempt=attempt).order_by("-rang_at").first()
    return {
        "attempt": str(attempt.pk),
        "assignment": str(attempt.assignment_id),
        "fence": attempt.assignment.fence,
        "phase": attempt.phase,
        "dialled_at": _iso(attempt.dialled_at),
        "ringing_at": _iso(attempt.ringing_at),
        "answered_at": _iso(attempt.answered_at),
        "operator_left_at": _iso(attempt.operator_left_at),
        "ended_at": _iso(attempt.ended_at),
        "ended_by": attempt.ended_by,
        "end_reason": str(attempt.machine.get("end_reason", "")),
        "max_duration_s": attempt.campaign.max_duration_s,
        "recording": _recording_json(attempt),
        "draft": {"fields": attempt.result, "notes": attempt.notes},
        "handover": _handover_head(handover) if handover else None,
    }


def _recording_json(attempt: Attempt) -> dict[str, Any]:
    """{"state": a `Taping`, "consent": "", "read" or "played", "paused_until": seconds since the epoch or None}."""
    state = attempt.machine
    due = next((due for name, due in state.get("timers", ()) if name == RESUME), None)
    return {"state": state.get("recording", "off"), "consent": state.get("consent", ""), "paused_until": due}


def handover_json(handover: HandOver) -> dict[str, Any]:
    attempt = handover.attempt
    campaign = attempt.campaign
    return {
        **_handover_head(handover),
        "attempt": str(attempt.pk),
        "node": attempt.node_id,  # where the manager's line must be
        "campaign": {"id": str(campaign.pk), "name": campaign.name},
        "operator_name": attempt.operator.name,
        "contact": contact_json(attempt.contact, campaign, with_name=True),
        "contact_here": attempt.ended_at is None,
        "draft": {"fields": attempt.result, "notes": attempt.notes},
        "fields": [{"key": f.key, "title": f.title, "kind": f.kind} for f in campaign.fields.all()],
        "manager_notes": handover.manager_notes,
    }


def phone_of(user: User) -> OwnPhone | None:
    """The person's own telephone, if they have said anything about one."""
    return getattr(user, "own_phone", None)


def _handover_head(handover: HandOver) -> dict[str, Any]:
    manager = handover.manager
    return {
        "id": str(handover.pk),
        "state": handover.state,
        "manager": handover.manager_id,
        "manager_name": manager.name if manager else "",
        "rang_at": _iso(handover.rang_at),
        "answered_at": _iso(handover.answered_at),
        "completed_at": _iso(handover.completed_at),
        "ended_at": _iso(handover.ended_at),
    }


def _live_handovers() -> QuerySet[HandOver]:
    return HandOver.objects.select_related(
        "manager", "attempt__campaign", "attempt__contact", "attempt__operator"
    ).filter(state__in=LIVE_HANDOVER, ended_at=None)


def _history(row: Attempt) -> dict[str, Any]:
    return {
        "attempt": str(row.pk),
        "dialled_at": _iso(row.dialled_at),
        "answered_at": _iso(row.answered_at),
        "operator_name": row.operator.name,
        "talk_ms": row.talk_ms,
        "ended_by": row.ended_by,
        "disposition": row.disposition.title if row.disposition else "",
        "auto_outcome": row.auto_outcome,
        "payable": row.payable,
        "earned_minor": row.earned_minor,
        "notes": row.notes,
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def node_of(*, attempt: uuid.UUID | str | None = None, user: User | None = None) -> str | None:
    """The node whose call control serves this call or this person's line; None when there is neither."""
    if attempt is not None:
        return Attempt.objects.filter(pk=attempt).values_list("node_id", flat=True).first()
    return Line.objects.filter(user=user).exclude(state=LineState.CLOSED).values_list("node_id", flat=True).first()


def node_of_telephone(user: User) -> str | None:
    """The node at which this person's own SIP phone is registered; None for everybody else."""
    phones = OwnPhone.objects.filter(user=user, kind=LineKind.SIP_PHONE)
    return phones.values_list("registered_node_id", flat=True).first()
