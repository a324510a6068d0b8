"""The events of the exchange: their names (`noun.verb`) and what each carries.

Ids are UUIDs as text, moments are seconds since the epoch, money is minor units with a currency. A payload never carries
a phone number or a contact's name: pages fetch those through their gates. Unknown names and unfitting payloads are
refused where they are published, so that a wrong event is found by the test that publishes it.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError


class Payload(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


# --- the line and the shift -------------------------------------------------------------------------------------------


class LineChanged(Payload):
    line: str
    # of closing: "by_person", "taken_over", "grace_expired", "node_lost", "shift_ended"; of a telephone also "busy",
    # "no_answer", "absent", "rejected", "network", "not_confirmed", "code_wrong", "hung_up", "lost", "silent", "idle",
    # "limit", "time_up", "moved"; of line.ringing: "redial" or "moved" when the exchange rings by itself
    reason: str = ""
    silent_ms: int = 0  # line.stalled: for how long nothing came; line.resumed: how long it was away


class LineQuality(Payload):
    """What the switch sees of this person's audio, every five seconds while the line is open."""

    line: str
    loss_percent: float = 0.0
    jitter_ms: float = 0.0
    level_dbfs: float | None = None  # None: nothing audible lately


class PhoneChanged(Payload):
    """The person's own SIP phone can be rung, or cannot any more."""

    registered: bool


class ShiftChanged(Payload):
    shift: str
    campaign: str = ""
    on_break: bool = False
    calls: int = 0
    conversations: int = 0
    skipped: int = 0
    earned_minor: int = 0
    currency: str = ""
    reason: str = ""


# --- the contact and the call -----------------------------------------------------------------------------------------


class ContactAssigned(Payload):
    assignment: str
    contact: str
    campaign: str
    operator: str


class ContactReleased(Payload):
    assignment: str
    contact: str
    campaign: str
    reason: str  # "skipped", "lease_expired", "shift_ended", "withdrawn"


class ContactAdded(Payload):
    contact: str
    campaign: str


class ContactDisposed(Payload):
    """A contact's latest outcome is in the results."""

    contact: str
    campaign: str
    attempt: str = ""
    disposition: int | None = None
    kind: str = ""
    outcome: str = ""  # "busy", "no_answer", ... when the exchange disposed of it by itself
    state: str = ""  # `ContactState`
    talk_ms: int = 0
    charged_minor: int = 0


class CallChanged(Payload):
    attempt: str
    assignment: str = ""
    campaign: str = ""
    operator: str = ""
    phase: str = ""  # `calls.machine.Phase` after the change
    at: float = 0.0


class CallRecording(CallChanged):
    recording: str = ""  # `calls.call_state.Taping` from now on
    # "asked" by the operator, "bound": paused for too long, "operator_left", "announced", "not_played": read it
    why: str = ""


class CallEnded(CallChanged):
    by: str = ""  # "operator", "contact", "manager", "switch", "exchange"
    reason: str = ""  # why we let the contact go, as `calls.call_state.EndReason`; empty: they or the network did
    cause: int | None = None  # Q.850
    outcome: str = (
        ""  # "busy", "no_answer", "absent", "rejected", "network", "cancelled"; empty: there was a conversation
    )
    talk_ms: int = 0
    answered: bool = False


class CallWarned(CallChanged):
    """The longest duration of the campaign is near."""

    remaining_s: int = 0


class CallFailed(CallChanged):
    """The call could not be placed at all; `message` is for the operator and says what to do."""

    code: str = ""
    message: str = ""


class CallWrappedUp(CallChanged):
    disposition: int | None = None
    outcome: str = ""
    payable: bool | None = None
    not_payable_reason: str = ""
    earned_minor: int = 0
    charged_minor: int = 0
    currency: str = ""
    retry_at: float | None = None  # when this contact comes back; None: it does not


class DraftSaved(Payload):
    """What the operator has written so far; the ringing manager's page shows it live."""

    attempt: str
    fields: dict[str, Any] = {}
    notes: str = ""


class RecordingReady(Payload):
    attempt: str
    recording: str
    campaign: str = ""
    duration_ms: int = 0


# --- quality ---------------------------------------------------------------------------------------------------------


class CallReviewed(Payload):
    attempt: str
    review: str
    total: int


class CallJudged(Payload):
    """A customer has rejected a paid call, or what becomes of the rejection is settled."""

    attempt: str
    campaign: str


class CallListened(Payload):
    """A moderator listens live, or has stopped; the operator is told as the exchange has it."""

    attempt: str
    mode: str  # "silent", "whisper", "barge", "stop"


class DisputeChanged(Payload):
    dispute: str
    attempt: str
    state: str  # `DisputeState`


class ReportChanged(Payload):
    report: str
    kind: str
    open: bool


# --- the hand-over ----------------------------------------------------------------------------------------------------


class HandOverChanged(Payload):
    handover: str
    attempt: str
    campaign: str = ""
    manager: int | None = None  # CampaignManager's id
    manager_name: str = ""  # the manager's own name, for the operator's strip
    state: str = ""  # `HandOverState`
    at: float = 0.0
    reason: str = ""


# --- campaigns, files, money ------------------------------------------------------------------------------------------


class CampaignChanged(Payload):
    campaign: str
    state: str = ""
    reason: str = ""  # `PauseReason`


class FileProgress(Payload):
    """An import or an export on its way."""

    id: str
    campaign: str
    state: str  # `ImportState`
    rows: int = 0
    total: int = 0
    added: int = 0
    duplicates: int = 0
    rejected: int = 0
    error: str = ""


class BalanceChanged(Payload):
    owner: str  # an organisation's or a user's id
    account: str = ""  # ledger's account kind
    available_minor: int
    currency: str


class PayoutDecided(Payload):
    """An admin has approved, paid or refused what an operator asked for."""

    payout: str
    state: str  # `PayoutState`


# --- the exchange -----------------------------------------------------------------------------------------------------


class NodeChanged(Payload):
    node: str
    reason: str = ""
    load: dict[str, Any] = {}


class TrunkChanged(Payload):
    trunk: int
    # when it was tried; its registration at a node; how calls go over it there
    state: Literal["ok", "failing", "registered", "refused", "set_aside", "working"]
    message: str = ""
    node: str = ""


class SessionEnded(Payload):
    session: str  # SHA-256 of the session's key


class PracticeScored(Payload):
    """A call with a robot has been compared with what the robot meant: the feedback is there. `again`: measured anew, on the
    recording."""

    attempt: str
    score: int | None
    again: bool = False


class LevelChanged(Payload):
    """An operator's level, or a proposal of one. `state` as `quality.models.LevelState`."""

    operator: str
    state: str
    level: int


class TestDecided(Payload):
    """A moderator has decided an operator's test call."""

    test: str
    passed: bool


SCHEMAS: dict[str, type[Payload]] = {
    "line.ringing": LineChanged,
    "line.opened": LineChanged,
    "line.stalled": LineChanged,
    "line.resumed": LineChanged,
    "line.taken_over": LineChanged,
    "line.moved": LineChanged,  # the same page has opened it on another node
    "line.leaving": LineChanged,  # its node is being emptied: the page opens it anew, elsewhere
    "line.muted": LineChanged,  # a telephone, by its page
    "line.unmuted": LineChanged,
    "line.closed": LineChanged,
    "line.measured": LineQuality,
    "phone.changed": PhoneChanged,
    "shift.started": ShiftChanged,
    "shift.changed": ShiftChanged,
    "shift.ended": ShiftChanged,
    "contact.assigned": ContactAssigned,
    "contact.released": ContactReleased,
    "contact.added": ContactAdded,
    "contact.disposed": ContactDisposed,
    "call.dialling": CallChanged,
    "call.ringing": CallChanged,
    "call.early_media": CallChanged,
    "call.answered": CallChanged,
    "call.held": CallChanged,
    "call.resumed": CallChanged,
    "call.recording": CallRecording,
    "call.warned": CallWarned,
    "call.ended": CallEnded,
    "call.failed": CallFailed,
    "call.wrapped_up": CallWrappedUp,
    "call.closed": CallChanged,
    "draft.saved": DraftSaved,
    "recording.ready": RecordingReady,
    "call.listened": CallListened,
    "call.reviewed": CallReviewed,
    "call.rejected": CallJudged,
    "rejection.settled": CallJudged,
    "dispute.changed": DisputeChanged,
    "report.changed": ReportChanged,
    "handover.ringing": HandOverChanged,
    "handover.answered": HandOverChanged,  # the briefing begins
    "handover.completed": HandOverChanged,
    "handover.declined": HandOverChanged,
    "handover.unanswered": HandOverChanged,
    "handover.cancelled": HandOverChanged,
    "handover.contact_gone": HandOverChanged,
    "handover.failed": HandOverChanged,
    "handover.ended": HandOverChanged,  # contact and manager have finished
    "campaign.changed": CampaignChanged,
    "campaign.started": CampaignChanged,
    "campaign.paused": CampaignChanged,
    "campaign.finished": CampaignChanged,
    "import.progressed": FileProgress,
    "export.progressed": FileProgress,
    "balance.changed": BalanceChanged,
    "payout.decided": PayoutDecided,
    "node.lost": NodeChanged,
    "node.back": NodeChanged,
    "node.measured": NodeChanged,
    "trunk.changed": TrunkChanged,
    "session.ended": SessionEnded,
    "level.changed": LevelChanged,
    "practice.scored": PracticeScored,
    "test.decided": TestDecided,
}


def checked(name: str, payload: dict[str, Any]) -> dict[str, Any]:
    """The payload as it is stored. Raises ValueError for an unknown name or a payload that its schema refuses."""
    schema = SCHEMAS.get(name)
    if schema is None:
        raise ValueError(f"no event is called {name!r}; add it to realtime/events.py")
    try:
        return schema.model_validate(payload).model_dump(mode="json")
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False))
        raise ValueError(f"{name}: {problems}") from None
