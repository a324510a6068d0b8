"""What a transition asks for: things to do at the switch, timers, things to keep, things to tell."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Sound(StrEnum):
    """Sentences that a party hears; call control finds the file in the call's language."""

    GOODBYE = "goodbye"  # the contact: the operator was lost, or the time is up
    CONTACT_GONE = "contact_gone"  # a manager at a phone: the person hung up meanwhile
    CONSENT = "consent"  # to contact and operator: what the campaign says of the recording
    PRESS_A_KEY = "press_a_key"  # a telephone that was called as a line: somebody must say that they are there
    LINE_OPEN = "line_open"


# --- at the switch --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Connect:
    """These hear each other. Safe to repeat; carried out before the state is written, because audio must not wait."""

    legs: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Park:
    leg: str
    music: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    leg: str


@dataclass(frozen=True, slots=True)
class PauseRecording:
    """Record silence instead of what is said, or what is said again. Safe to repeat."""

    leg: str
    on: bool


@dataclass(frozen=True, slots=True)
class StopPlaying:
    leg: str


@dataclass(frozen=True, slots=True)
class Play:
    leg: str
    sound: Sound


@dataclass(frozen=True, slots=True)
class HangUp:
    leg: str
    cause: int = 16


@dataclass(frozen=True, slots=True)
class RingManager:
    """Call the manager's phone; `leg` is the id to use."""

    handover: str
    leg: str


@dataclass(frozen=True, slots=True)
class RingNext:
    """The trunk failed: call the contact over another one; `leg` is the id to use."""

    leg: str


# --- timers ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StartTimer:
    name: str
    due: float  # seconds since the epoch


@dataclass(frozen=True, slots=True)
class CancelTimer:
    name: str


# --- to keep and to tell, in the transaction that writes the state ----------------------------------------------------


@dataclass(frozen=True, slots=True)
class KeepStats:
    """The contact's leg is gone: these are the last words of its media statistics."""

    stats: dict[str, Any]


@dataclass(frozen=True, slots=True)
class NoteTry:
    """A leg to the contact has ended: evidence of the try, and its trunk's channel is free again."""

    leg: str
    cause: int
    sip_status: int | None


@dataclass(frozen=True, slots=True)
class NotePause:
    """The recording was paused (`on`), or goes on: `why` is "asked", "bound", "operator_left" or "ended". Evidence."""

    leg: str
    on: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class NoteAnnounced:
    """The contact has heard that the call is recorded."""


@dataclass(frozen=True, slots=True)
class TakeStats:
    """The operator leaves while the legs go on: ask the switch what was seen until now."""


@dataclass(frozen=True, slots=True)
class NoteHandOver:
    """A hand-over changed its state (a `HandOverState`)."""

    handover: str
    state: str
    leg: str = ""


@dataclass(frozen=True, slots=True)
class AutoDispose:
    """Nobody answered: close the assignment and give the held money back. `outcome` is Attempt.auto_outcome."""

    outcome: str


@dataclass(frozen=True, slots=True)
class AutoWrapUp:
    """The operator did not wrap up in time."""


@dataclass(frozen=True, slots=True)
class PayTelephone:
    """The contact's leg was answered and is gone: its cost is known."""


@dataclass(frozen=True, slots=True)
class Tell:
    """Publish an event of this name to those concerned."""

    name: str
    details: dict[str, Any] = field(default_factory=dict)


SwitchEffect = Connect | Park | Record | PauseRecording | StopPlaying | Play | HangUp | RingManager | RingNext
TimerEffect = StartTimer | CancelTimer
StoreEffect = (
    KeepStats
    | NoteTry
    | NotePause
    | NoteAnnounced
    | TakeStats
    | NoteHandOver
    | AutoDispose
    | AutoWrapUp
    | PayTelephone
    | Tell
)
Effect = SwitchEffect | TimerEffect | StoreEffect
