"""What can happen to a call: the events that `machine.transition` understands. `at` is seconds since the epoch (UTC)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from hearthline.calls.call_state import Via


class Cut(StrEnum):
    """Who ended a leg, as the switch tells it."""

    LOCAL = "local"
    REMOTE = "remote"
    SWITCH = "switch"


# --- from the switch ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ringing:
    leg: str
    at: float


@dataclass(frozen=True, slots=True)
class EarlyMedia:
    leg: str
    at: float


@dataclass(frozen=True, slots=True)
class Answered:
    leg: str
    at: float


@dataclass(frozen=True, slots=True)
class HungUp:
    leg: str
    at: float
    cause: int = 16  # Q.850
    by: Cut = Cut.REMOTE
    sip_status: int | None = None
    stats: dict[str, Any] = field(default_factory=dict)  # port.MediaStats as JSON
    missed: bool = False  # nobody heard it: that the leg is gone is all that is known


@dataclass(frozen=True, slots=True)
class MediaStalled:
    leg: str
    at: float


@dataclass(frozen=True, slots=True)
class MediaResumed:
    leg: str
    at: float


@dataclass(frozen=True, slots=True)
class SoundFinished:
    leg: str
    at: float


@dataclass(frozen=True, slots=True)
class NodeLost:
    at: float


@dataclass(frozen=True, slots=True)
class NodeBack:
    """The switch answers again. Legs that are gone follow as `HungUp`; the arrangement is asked for once more."""

    at: float


# --- from call control ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RingFailed:
    """The switch refused to call the contact; no leg exists. `by_trunk`: because of the trunk; another one may do."""

    at: float
    cause: int = 41
    by_trunk: bool = False


@dataclass(frozen=True, slots=True)
class NotAnnounced:
    """The announcement could not be played to the contact."""

    at: float


@dataclass(frozen=True, slots=True)
class NoTrunkLeft:
    """No other trunk can take this attempt; the leg that was to be rung will never exist."""

    at: float
    leg: str


@dataclass(frozen=True, slots=True)
class TimerFired:
    name: str
    at: float


@dataclass(frozen=True, slots=True)
class OperatorReturned:
    """The operator's page is back on a new line (the former leg may be gone or replaced)."""

    leg: str
    at: float


@dataclass(frozen=True, slots=True)
class ManagerReturned:
    leg: str
    at: float


# --- from people ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HangUpAsked:
    at: float
    by_manager: bool = False


@dataclass(frozen=True, slots=True)
class HoldAsked:
    at: float
    on: bool


@dataclass(frozen=True, slots=True)
class RecordingAsked:
    """The operator pauses the recording or lets it go on; or says that the announcement was read and agreed to (`on`)."""

    at: float
    on: bool


@dataclass(frozen=True, slots=True)
class TransferAsked:
    """`leg` is the id chosen for a phone's leg; empty for a manager with a line. `ring_s` 0: as the call's limits say."""

    at: float
    handover: str
    via: Via
    leg: str = ""
    ring_s: int = 0


@dataclass(frozen=True, slots=True)
class ManagerAnswered:
    """A manager's page answers on this line."""

    at: float
    handover: str
    leg: str


@dataclass(frozen=True, slots=True)
class ManagerDeclined:
    at: float
    handover: str


@dataclass(frozen=True, slots=True)
class ManagerUnreachable:
    """The switch refused to ring the manager's phone."""

    at: float
    handover: str


@dataclass(frozen=True, slots=True)
class CompleteAsked:
    at: float


@dataclass(frozen=True, slots=True)
class CancelAsked:
    at: float


@dataclass(frozen=True, slots=True)
class WrappedUp:
    at: float


LegEvent = Ringing | EarlyMedia | Answered | HungUp | MediaStalled | MediaResumed | SoundFinished
CallEvent = (
    LegEvent
    | NodeLost
    | NodeBack
    | RingFailed
    | NotAnnounced
    | NoTrunkLeft
    | TimerFired
    | OperatorReturned
    | ManagerReturned
    | HangUpAsked
    | HoldAsked
    | RecordingAsked
    | TransferAsked
    | ManagerAnswered
    | ManagerDeclined
    | ManagerUnreachable
    | CompleteAsked
    | CancelAsked
    | WrappedUp
)
