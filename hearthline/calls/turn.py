"""One transition in the making: the next state, the effects so far, and the steps that several events share."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hearthline.calls import call_events as ev
from hearthline.calls import taping
from hearthline.calls.arrangement import arrangement
from hearthline.calls.call_effects import (
    AutoDispose,
    CancelTimer,
    Connect,
    Effect,
    HangUp,
    KeepStats,
    NoteHandOver,
    NoteTry,
    Park,
    PauseRecording,
    PayTelephone,
    Play,
    Record,
    Sound,
    StartTimer,
    StopPlaying,
    TakeStats,
    Tell,
)
from hearthline.calls.call_state import (
    BEFORE_ANSWER,
    WITH_OPERATOR,
    CallState,
    EndedBy,
    Ending,
    EndReason,
    Phase,
    Via,
)

RING_GUARD_S = 10  # after the switch's own ring timeout, before we stop believing in it
HANG_UP_BOUND_S = 3  # from asking for a hang-up until the leg is taken for gone
PARTING_BOUND_S = 8  # a closing sentence is cut off after this
NODE_BOUND_S = 45  # a switch that is not back by then has lost its calls
WARNING_S = 30  # before the longest duration is reached
MANAGER_MAX_S = 3600  # contact and manager after the hand-over

NO_ANSWER_CAUSES = frozenset({16, 18, 19, 102})
ABSENT_CAUSES = frozenset({1, 2, 3, 20, 22, 27, 28})
REFUSED_BY_PROVIDER = frozenset({401, 402, 403, 407})  # our trunk is refused; the contact never learned of the call


_AT_SWITCH = (Play, StopPlaying, HangUp, Record, PauseRecording)


class UndefinedTransitionError(Exception):
    """This event means nothing in this state."""

    def __init__(self, phase: Phase, event: object) -> None:
        super().__init__(f"{type(event).__name__} in {phase.value}")
        self.phase = phase


class Turn:
    def __init__(self, state: CallState) -> None:
        self.before = state
        self.state = state
        self._switch: list[Effect] = []
        self._rest: list[Effect] = []
        self._all_again = False

    def change(self, **changes: Any) -> None:
        self.state = replace(self.state, **changes)

    def change_manager(self, **changes: Any) -> None:
        assert self.state.manager is not None
        self.change(manager=replace(self.state.manager, **changes))

    def add(self, *effects: Effect) -> None:
        for effect in effects:
            (self._switch if isinstance(effect, _AT_SWITCH) else self._rest).append(effect)

    def tell(self, name: str, **details: Any) -> None:
        self._rest.append(Tell(name, details))

    def start(self, name: str, due: float, *, keep: bool = False) -> None:
        """`keep`: a timer that runs already goes on as it is."""
        if keep and self.state.timer(name) is not None:
            return
        self.state = self.state.with_timer(name, due)
        self._rest.append(StartTimer(name, due))

    def cancel(self, *names: str) -> None:
        for name in names:
            if self.state.timer(name) is not None:
                self.state = self.state.without_timer(name)
                self._rest.append(CancelTimer(name))

    def rearrange(self) -> None:
        """Ask for the whole arrangement, also for what did not change."""
        self._all_again = True

    def stop_talk_clock(self, at: float) -> None:
        self.change(talked_ms=self.state.talk_ms(at), talking_since=None)

    def forget_parting(self, leg: str) -> None:
        self.change(parting=tuple(p for p in self.state.parting if p != leg))
        self.cancel(f"parting:{leg}")

    def undefined(self, event: object) -> UndefinedTransitionError:
        return UndefinedTransitionError(self.before.phase, event)

    def finish(self) -> tuple[CallState, tuple[Effect, ...]]:
        old = () if self._all_again else arrangement(self.before)
        moved = [e for e in arrangement(self.state) if e not in old]
        moved.sort(key=lambda e: isinstance(e, Connect))  # first part people, then join others
        released = [e for e in self._rest if isinstance(e, Park)]  # legs that leave this call altogether
        rest = [e for e in self._rest if not isinstance(e, Park)]
        return self.state, (*released, *moved, *self._switch, *rest)


# --- steps ----------------------------------------------------------------------------------------------------------


def answer(turn: Turn, at: float) -> None:
    state = turn.state
    if state.ending is not None:  # a 200 that crossed our CANCEL: nobody is there to talk to
        turn.add(HangUp(state.contact))
        return
    turn.change(phase=Phase.TALKING, ringing_at=state.ringing_at or at, answered_at=at, talking_since=at)
    turn.cancel("ring")
    turn.start("max_duration", at + state.limits.max_duration_s)
    if state.limits.max_duration_s > WARNING_S:
        turn.start("warning", at + state.limits.max_duration_s - WARNING_S)
    turn.tell("call.answered")
    taping.begin(turn, at)


def outcome_of(state: CallState, cause: int, sip_status: int | None) -> str:
    """Attempt.auto_outcome of a call that nobody answered."""
    if state.ending is not None and state.ending.reason in (EndReason.CANCELLED, EndReason.OPERATOR_VANISHED):
        return "cancelled"
    if state.ending is not None and state.ending.reason is EndReason.NO_ANSWER:
        return "no_answer"
    if sip_status in REFUSED_BY_PROVIDER:
        return "network"
    if cause == 102 and sip_status is None and state.ringing_at is None:
        return "network"  # the provider said nothing at all: nobody's telephone rang
    if cause == 17:
        return "busy"
    if cause in NO_ANSWER_CAUSES:
        return "no_answer"
    if cause in ABSENT_CAUSES:
        return "absent"
    return "rejected" if cause == 21 else "network"


def end_contact(
    turn: Turn, at: float, by: EndedBy, reason: EndReason, *, politely: bool = False, ask_switch: bool = True
) -> None:
    """Let the contact go: with a closing sentence or at once. The call ends when the leg is gone, or is taken for gone."""
    state = turn.state
    turn.change(ending=Ending(by, reason))
    if state.manager is not None:
        drop_manager(turn, at, "over" if state.phase is Phase.HANDED_OVER else "cancelled")
    if state.phase in (Phase.ON_HOLD, Phase.BRIEFING):
        turn.change(phase=Phase.TALKING)
    turn.stop_talk_clock(at)
    turn.cancel("ring", "warning", "max_duration", "operator_gone")
    if not ask_switch:
        return
    if politely:
        turn.change(parting=(*turn.state.parting, state.contact))
        turn.add(Play(state.contact, Sound.GOODBYE))
        turn.start(f"parting:{state.contact}", at + PARTING_BOUND_S)
    else:
        turn.add(HangUp(state.contact))
        turn.start("contact_gone", at + HANG_UP_BOUND_S)


def hang_up_after_parting(turn: Turn, leg: str, at: float) -> None:
    turn.forget_parting(leg)
    turn.add(HangUp(leg))
    if leg == turn.state.contact and turn.state.contact_here:
        turn.start("contact_gone", at + HANG_UP_BOUND_S)


def contact_is_gone(turn: Turn, event: ev.HungUp) -> None:
    """The contact's leg has ended, whoever ended it. Here the call leaves its live phases."""
    state = turn.state
    if state.ending is not None:
        by, reason = state.ending.by, state.ending.reason.value
    else:
        by = {ev.Cut.REMOTE: EndedBy.CONTACT, ev.Cut.SWITCH: EndedBy.SWITCH}.get(event.by, EndedBy.EXCHANGE)
        gone_with_the_switch = event.missed and event.by is ev.Cut.SWITCH and not event.stats
        reason = EndReason.NODE_LOST.value if gone_with_the_switch else ""
    if state.manager is not None:
        drop_manager(turn, event.at, "over" if state.phase is Phase.HANDED_OVER else "contact_gone")
    turn.stop_talk_clock(state.node_lost_at if reason == EndReason.NODE_LOST and state.node_lost_at else event.at)
    turn.cancel(
        "ring", "warning", "max_duration", "operator_gone", "manager_gone", "contact_gone", "node",
        f"parting:{state.contact}",
    )  # fmt: skip
    turn.change(
        contact_here=False, ended_at=event.at, ended_by=by.value, end_reason=reason,
        cause=event.cause, sip_status=event.sip_status,
        parting=tuple(p for p in turn.state.parting if p != state.contact),
    )  # fmt: skip
    taping.end(turn)
    turn.add(NoteTry(state.contact, event.cause, event.sip_status))
    if event.stats and state.phase is not Phase.HANDED_OVER:  # what the manager said is no evidence for the operator
        turn.add(KeepStats(event.stats))
    if state.phase in BEFORE_ANSWER:
        outcome = outcome_of(state, event.cause, event.sip_status)
        turn.change(phase=Phase.CLOSED, operator_left_at=event.at)
        turn.tell("call.ended", outcome=outcome)
        turn.add(AutoDispose(outcome))
        turn.tell("call.closed")
        return
    turn.add(PayTelephone())
    turn.tell("call.ended")
    if state.phase is Phase.HANDED_OVER:
        turn.change(phase=Phase.CLOSED if state.wrapped else Phase.WRAP_UP)
        if state.wrapped:
            turn.tell("call.closed")
    else:
        enter_wrap_up(turn, event.at)
        turn.change(phase=Phase.WRAP_UP)


def enter_wrap_up(turn: Turn, at: float) -> None:
    """The operator has left the conversation; the clock of the wrap-up starts."""
    turn.change(operator_left_at=at)
    turn.start("wrap_up", at + turn.state.limits.wrap_up_s)


def hand_over(turn: Turn, at: float) -> None:
    """Contact and manager are joined, the operator is free."""
    manager = turn.state.manager
    assert manager is not None
    assert manager.talking
    taping.resume(turn, "operator_left")
    turn.change(phase=Phase.HANDED_OVER)
    turn.cancel("operator_gone", "warning", "max_duration")
    enter_wrap_up(turn, at)
    turn.start("max_duration", at + MANAGER_MAX_S)
    turn.add(TakeStats(), NoteHandOver(manager.handover, "completed", manager.leg))
    turn.tell("handover.completed", handover=manager.handover)


def take_back(turn: Turn, at: float, outcome: str) -> None:
    """The briefing ends without a hand-over: operator and contact talk on."""
    drop_manager(turn, at, outcome)
    turn.change(phase=Phase.TALKING, talking_since=at if turn.state.operator_here else None)


def drop_manager(turn: Turn, at: float, outcome: str) -> None:
    """The manager leaves this call. `outcome` is a HandOverState, or "over" after a completed hand-over. A phone that talks
    and loses its contact is told in words before it is hung up."""
    manager = turn.state.manager
    assert manager is not None
    if manager.via is Via.LINE:
        if manager.talking and manager.here:
            turn.add(Park(manager.leg))
    elif manager.talking and manager.here and outcome == "contact_gone":
        turn.change(parting=(*turn.state.parting, manager.leg))
        turn.add(Park(manager.leg), Play(manager.leg, Sound.CONTACT_GONE))
        turn.start(f"parting:{manager.leg}", at + PARTING_BOUND_S)
    elif manager.here:
        turn.add(HangUp(manager.leg))
    turn.cancel("manager_ring", "manager_gone")
    turn.change(manager=None)
    turn.add(NoteHandOver(manager.handover, outcome, manager.leg))
    turn.tell("handover.ended", handover=manager.handover, outcome=outcome)


def operator_lost(turn: Turn, at: float) -> None:
    """The operator's leg is gone: the browser was closed or lost."""
    state = turn.state
    turn.change(operator_here=False)
    if state.ending is not None or state.operator_left_at is not None:
        return
    if state.phase in BEFORE_ANSWER:  # a person who answers must not meet silence
        end_contact(turn, at, EndedBy.EXCHANGE, EndReason.OPERATOR_VANISHED)
    elif state.phase in WITH_OPERATOR:
        turn.stop_talk_clock(at)
        turn.start("operator_gone", at + state.limits.grace_s, keep=True)


def manager_lost(turn: Turn, event: ev.HungUp) -> None:
    state = turn.state
    manager = state.manager
    assert manager is not None
    turn.change_manager(here=False)
    if state.phase is Phase.BRIEFING:
        outcome = "failed"
        if manager.talking:
            outcome = "declined" if event.by is not ev.Cut.SWITCH else "failed"
        elif manager.via is Via.PHONE:
            outcome = {17: "declined", 21: "declined", 18: "unanswered", 19: "unanswered", 102: "unanswered"}.get(
                event.cause, "failed"
            )
        take_back(turn, event.at, outcome)
    elif state.ending is None:
        # a browser that was lost may come back, and so may one that said goodbye: a reload says it too
        if manager.via is Via.LINE and event.by is not ev.Cut.LOCAL:
            turn.start("manager_gone", event.at + state.limits.grace_s, keep=True)
            return
        end_contact(turn, event.at, EndedBy.MANAGER, EndReason.ASKED)
