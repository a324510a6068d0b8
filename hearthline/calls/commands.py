"""What the pages may ask of call control. Sent through the bus to the queue of the node that owns the line or call.

Each command carries who asks (`user`, checked by a gate in the page before it is sent and again by call control) and an
idempotency `key`: the same key twice gives the first reply again. Replies are plain dicts; a refusal is
`{"error": {"code": ..., "message": ...}}` in the shape of `ExchangeError.as_json`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


def queue_of(node: str) -> str:
    """The bus queue that a node's call control serves."""
    return f"callcontrol:{node}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    key: str
    user: str  # User.id, or "" for a guest manager with a signed link


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLine(Command):
    """Open the line, or renew it (ICE restart, reload within the grace time: `line` names the existing one).

    Reply: {"line": id, "answer": SDP}. A second page takes the line over; the first is told `line.taken_over`.
    """

    offer: str
    line: str = ""
    handover: str = ""  # a guest manager's


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPhoneLine(Command):
    """Ring the person's own telephone as their line; a telephone that is rung or open already stays as it is.

    Reply at once: {"line": id, "kind", "code": digits to press, or "" for any key}; then the event `line.opened`, or
    `line.closed` with the reason: busy, no_answer, absent, rejected, network, not_confirmed, code_wrong.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewPhones(Command):
    """SIP accounts have changed: let the switch know at once. Who does not hear it knows within `reconcile_every_s`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseLine(Command):
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MuteLine(Command):
    """Of a telephone's line; a browser mutes itself. Reply: {"line", "muted"}; the event is `line.muted` or `line.unmuted`."""

    line: str
    on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CallBack(Command):
    """From one node to another: this closed line was a telephone's, and its node is lost or being emptied. After `after_s` the
    telephone is rung from here, unless its person has a line again by then. Reply at once: {"line"}; then `line.ringing`."""

    line: str
    after_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Dial(Command):
    """Reply: {"attempt": id}."""

    assignment: str
    fence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallCommand(Command):
    attempt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HangUp(CallCommand):
    """The operator ends the call (or cancels the ringing); by a manager after the hand-over: ends theirs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold(CallCommand):
    on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseRecording(CallCommand):
    """Pause the recording (`on` False), let it go on, or begin it after the contact was told and agreed (`on` True).
    Reply: {"attempt", "phase", "recording"}."""

    on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SendDigits(CallCommand):
    digits: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer(CallCommand):
    """Begin a hand-over: the contact hears music, a manager is rung. `manager` is a CampaignManager's id, or 0 for the
    first one free. Reply: {"handover": id}."""

    manager: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteTransfer(CallCommand):
    """The briefing is over: contact and manager talk, the operator is free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelTransfer(CallCommand):
    """The operator takes the contact back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerHandOver(Command):
    """A manager's page answers; its line must be open (or `OpenLine` with `handover` was just done)."""

    handover: str
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclineHandOver(Command):
    handover: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen(CallCommand):
    """A moderator's line listens to a call. `mode`: silent, whisper or barge."""

    line: str
    mode: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TestTrunk(Command):
    """Reply: {"outcome": sentence}."""

    trunk: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LetGo(Command):
    """By another node, of no person: this one was not heard of for `node_lost_after_s`, and its calls shall move.

    Reply: {"stopped": True} when none of its legs exists any more, False when the database hears it after all.
    """

    node: str


COMMANDS: dict[str, type[Command]] = {
    c.__name__: c
    for c in (
        OpenLine, OpenPhoneLine, RenewPhones, CloseLine, MuteLine, CallBack, Dial, HangUp, Hold, PauseRecording, SendDigits,
        Transfer, CompleteTransfer, CancelTransfer, AnswerHandOver, DeclineHandOver, Listen, TestTrunk, LetGo,
    )
}  # fmt: skip


def to_message(command: Command) -> dict[str, Any]:
    return {"command": type(command).__name__, **asdict(command)}


def from_message(message: dict[str, Any]) -> Command:
    """Raises ValueError for an unknown command or unfitting fields."""
    fields = dict(message)
    kind = COMMANDS.get(str(fields.pop("command", "")))
    if kind is None:
        raise ValueError("unknown command")
    try:
        return kind(**fields)
    except TypeError as error:
        raise ValueError(str(error)) from error
