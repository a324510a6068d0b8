"""What is known of one call: the state that `machine.transition` takes and returns, and its JSON.

Times are seconds since the epoch (UTC), as the switch tells them; durations are seconds or, where the name says so,
milliseconds. Legs are ids of the switch; the state never holds a number or a name.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Self

STATE_VERSION = 1


class Phase(StrEnum):
    DIALLING = "dialling"
    RINGING = "ringing"
    EARLY = "early"  # the network's own announcement is heard
    TALKING = "talking"
    ON_HOLD = "on_hold"
    BRIEFING = "briefing"  # a manager is rung, or talks with the operator; the contact hears music
    HANDED_OVER = "handed_over"  # contact and manager; the operator is in wrap-up or done with it
    WRAP_UP = "wrap_up"
    CLOSED = "closed"


BEFORE_ANSWER = frozenset({Phase.DIALLING, Phase.RINGING, Phase.EARLY})
WITH_OPERATOR = frozenset({Phase.TALKING, Phase.ON_HOLD, Phase.BRIEFING})
LIVE = BEFORE_ANSWER | WITH_OPERATOR | {Phase.HANDED_OVER}  # the contact's leg may exist
TERMINAL = frozenset({Phase.CLOSED})


class Taping(StrEnum):
    """Whether the call is being recorded."""

    OFF = "off"
    WAITING = "waiting"  # for the announcement to be heard
    ON = "on"
    PAUSED = "paused"  # silence is recorded


class Via(StrEnum):
    """How a manager is reached."""

    LINE = "line"  # a browser: their own open line, or a guest's
    PHONE = "phone"  # a leg of its own through a trunk or to a SIP URI


class EndedBy(StrEnum):
    OPERATOR = "operator"
    CONTACT = "contact"
    MANAGER = "manager"
    SWITCH = "switch"
    EXCHANGE = "exchange"


class EndReason(StrEnum):
    """Why we let the contact go."""

    ASKED = "asked"  # operator or manager hung up
    CANCELLED = "cancelled"  # before an answer
    OPERATOR_VANISHED = "operator_vanished"
    MANAGER_VANISHED = "manager_vanished"
    MAX_DURATION = "max_duration"
    NODE_LOST = "node_lost"  # the exchange's own fault
    RING_FAILED = "ring_failed"
    NO_ANSWER = "no_answer"  # the switch's own timer did not end the ringing


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of this call, in seconds; copied at dial so that a change of settings does not touch a running call."""

    ring_s: int = 40
    manager_ring_s: int = 30
    max_duration_s: int = 600
    grace_s: int = 20
    wrap_up_s: int = 900
    pause_s: int = 180  # a paused recording goes on by itself after this


@dataclass(frozen=True, slots=True)
class ManagerSide:
    handover: str  # HandOver.id
    via: Via
    leg: str = ""  # empty until a manager with a line answers
    talking: bool = False
    early: bool = False  # the operator hears the ringing or the announcement of the manager's phone
    here: bool = True  # False: the browser was lost; it may come back within the grace time


@dataclass(frozen=True, slots=True)
class Ending:
    """We have decided to let the contact go; the call ends when the leg is gone."""

    by: EndedBy
    reason: EndReason


@dataclass(frozen=True, slots=True)
class Failure:
    """How the former try ended: what is told when no other trunk can take the attempt."""

    cause: int  # Q.850
    sip_status: int | None
    by: str  # a `call_events.Cut`


@dataclass(frozen=True, slots=True)
class CallState:
    attempt: str  # Attempt.id
    contact: str  # leg; of the present try
    operator: str  # leg
    limits: Limits
    record: bool = False
    consent: str = ""  # a campaign's `Consent`: how the contact learns that they are recorded
    announced: bool = False  # ... and has
    record_with_consent: bool = False  # the recording begins with the announcement, not after it
    recording: Taping = Taping.OFF
    phase: Phase = Phase.DIALLING
    spare: tuple[str, ...] = ()  # legs for tries over other trunks, chosen beforehand
    former: tuple[str, ...] = ()  # legs of tries whose trunk failed; they are gone
    failure: Failure | None = None
    tried_at: float = 0.0  # when the present try began
    rang: bool = False  # the contact's telephone rang (180): no other trunk rings it again
    contact_here: bool = True
    operator_here: bool = True
    operator_stalled: bool = False
    node_here: bool = True
    node_lost_at: float | None = None  # since when the switch is away, or was when it took the call with it
    manager: ManagerSide | None = None
    ending: Ending | None = None
    parting: tuple[str, ...] = ()  # legs that hear a closing sentence and are hung up after it
    wrapped: bool = False
    dialled_at: float = 0.0
    ringing_at: float | None = None
    answered_at: float | None = None
    operator_left_at: float | None = None
    ended_at: float | None = None
    ended_by: str = ""
    end_reason: str = ""
    cause: int | None = None
    sip_status: int | None = None
    talking_since: float | None = None
    talked_ms: int = 0
    timers: tuple[tuple[str, float], ...] = ()  # (name, when due): what StartTimer asked for and nobody cancelled

    @property
    def answered(self) -> bool:
        return self.answered_at is not None

    def timer(self, name: str) -> float | None:
        return next((due for n, due in self.timers if n == name), None)

    def with_timer(self, name: str, due: float) -> Self:
        return replace(self, timers=(*(t for t in self.timers if t[0] != name), (name, due)))

    def without_timer(self, name: str) -> Self:
        return replace(self, timers=tuple(t for t in self.timers if t[0] != name))

    def legs(self) -> frozenset[str]:
        """Every leg that this call may still do something to."""
        legs = {leg for leg, here in ((self.contact, self.contact_here), (self.operator, self.operator_here)) if here}
        if self.manager is not None and self.manager.leg and self.manager.here:
            legs.add(self.manager.leg)
        return frozenset(legs | set(self.parting))

    def talk_ms(self, now: float) -> int:
        """How long contact and operator have talked until `now`, without hold and briefing."""
        running = 0 if self.talking_since is None else max(0, round((now - self.talking_since) * 1000))
        return self.talked_ms + running


def to_json(state: CallState) -> dict[str, Any]:
    return {"v": STATE_VERSION, **asdict(state)}


def from_json(data: dict[str, Any]) -> CallState:
    """Raises ValueError when the JSON is not of this version or does not fit."""
    fields = dict(data)
    if fields.pop("v", None) != STATE_VERSION:
        raise ValueError("the call's state was written by another version")
    try:
        manager, ending, failure = fields.pop("manager"), fields.pop("ending"), fields.pop("failure", None)
        return CallState(
            **{
                **fields,
                "limits": Limits(**fields["limits"]),
                "phase": Phase(fields["phase"]),
                "recording": Taping(fields.get("recording", Taping.OFF)),
                "manager": ManagerSide(**{**manager, "via": Via(manager["via"])}) if manager else None,
                "ending": Ending(EndedBy(ending["by"]), EndReason(ending["reason"])) if ending else None,
                "failure": Failure(**failure) if failure else None,
                "spare": tuple(fields.get("spare", ())),
                "former": tuple(fields.get("former", ())),
                "parting": tuple(fields["parting"]),
                "timers": tuple((str(name), float(due)) for name, due in fields["timers"]),
            }
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a call's state: {error}") from error
