"""The state machine of one call: `transition(state, event) -> (state, effects)`. Pure: no I/O, no clock, no database.

Time arrives in events; a timer is an effect with a name and a moment, and comes back as `TimerFired`. A pair of state and
event that has no meaning raises `UndefinedTransitionError`: for a person's command that is a refusal, for anything else a
mistake in this file. Events about legs that have left the call, and timers that were cancelled while they fired, are known
to come late and change nothing.

Bounds, in seconds (`Limits` has those that the exchange configures):
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hearthline.calls import call_events as ev
from hearthline.calls import taping
from hearthline.calls.call_effects import Effect, NoteHandOver, RingManager, StartTimer, Tell
from hearthline.calls.call_state import (
    BEFORE_ANSWER,
    LIVE,
    WITH_OPERATOR,
    CallState,
    EndedBy,
    EndReason,
    Failure,
    Limits,
    ManagerSide,
    Phase,
    Via,
)
from hearthline.calls.failover import try_next_trunk
from hearthline.calls.machine_timers import fire
from hearthline.calls.turn import (
    NODE_BOUND_S,
    RING_GUARD_S,
    Turn,
    UndefinedTransitionError,
    answer,
    contact_is_gone,
    end_contact,
    hand_over,
    hang_up_after_parting,
    manager_lost,
    operator_lost,
    take_back,
)

__all__ = ["UndefinedTransitionError", "begin", "transition"]

Transition = tuple[CallState, tuple[Effect, ...]]


def begin(
    *,
    attempt: str,
    contact: str,
    operator: str,
    limits: Limits,
    record: bool,
    at: float,
    spare: tuple[str, ...] = (),
    consent: str = "",
    record_with_consent: bool = False,
) -> Transition:
    """A call whose contact is about to be rung. `spare`: ids of legs for tries over other trunks, should this one fail;
    `consent` and `record_with_consent` as in the state."""
    state = CallState(
        attempt=attempt, contact=contact, operator=operator, limits=limits, record=record, dialled_at=at, tried_at=at,
        spare=spare, consent=consent if record else "", record_with_consent=record_with_consent,
    )  # fmt: skip
    due = at + limits.ring_s + RING_GUARD_S
    return state.with_timer("ring", due), (StartTimer("ring", due), Tell("call.dialling"))


def transition(state: CallState, event: ev.CallEvent) -> Transition:
    """Raises UndefinedTransitionError for a pair without meaning; `state` is never changed."""
    turn = Turn(state)
    _HANDLERS[type(event)](turn, event)
    return turn.finish()


# --- from the switch ------------------------------------------------------------------------------------------------


def _ringing(turn: Turn, event: ev.Ringing) -> None:
    if event.leg == turn.state.contact and turn.state.phase is Phase.DIALLING:
        turn.change(phase=Phase.RINGING, ringing_at=event.at, rang=True)
        turn.tell("call.ringing")
    elif event.leg == turn.state.contact and turn.state.phase is Phase.EARLY:
        turn.change(rang=True)


def _early_media(turn: Turn, event: ev.EarlyMedia) -> None:
    state = turn.state
    if event.leg == state.contact and state.phase in (Phase.DIALLING, Phase.RINGING):
        turn.change(phase=Phase.EARLY, ringing_at=state.ringing_at or event.at)
        turn.tell("call.early_media")
    elif state.manager is not None and event.leg == state.manager.leg and state.phase is Phase.BRIEFING:
        turn.change_manager(early=True)


def _answered(turn: Turn, event: ev.Answered) -> None:
    state = turn.state
    if event.leg == state.contact and state.phase in BEFORE_ANSWER:
        answer(turn, event.at)
    elif _is_ringing_manager(state, event.leg):
        _manager_talks(turn, event.leg)


def _hung_up(turn: Turn, event: ev.HungUp) -> None:
    state = turn.state
    if event.leg in state.parting:
        turn.forget_parting(event.leg)
    if event.leg == state.contact and state.contact_here:
        if not try_next_trunk(turn, event):
            contact_is_gone(turn, event)
    elif event.leg == state.operator and state.operator_here:
        operator_lost(turn, event.at)
    elif state.manager is not None and event.leg == state.manager.leg and state.manager.here:
        manager_lost(turn, event)


def _stalled(turn: Turn, event: ev.MediaStalled) -> None:
    state = turn.state
    if state.ending is not None:
        return
    if event.leg == state.operator and state.phase in BEFORE_ANSWER | WITH_OPERATOR and not state.operator_stalled:
        turn.change(operator_stalled=True)
        turn.start("operator_gone", event.at + state.limits.grace_s, keep=True)
    elif _is_line_of_manager(state, event.leg) and state.phase is Phase.HANDED_OVER:
        turn.start("manager_gone", event.at + state.limits.grace_s, keep=True)


def _resumed(turn: Turn, event: ev.MediaResumed) -> None:
    state = turn.state
    if event.leg == state.operator and state.operator_stalled:
        turn.change(operator_stalled=False)
        turn.cancel("operator_gone")
    elif _is_line_of_manager(state, event.leg):
        turn.cancel("manager_gone")


def _sound_finished(turn: Turn, event: ev.SoundFinished) -> None:
    if event.leg in turn.state.parting:
        hang_up_after_parting(turn, event.leg, event.at)
    else:
        taping.sound_finished(turn, event.leg)


def _node_lost(turn: Turn, event: ev.NodeLost) -> None:
    if turn.state.phase in LIVE and turn.state.node_here:
        turn.change(node_here=False, node_lost_at=event.at)
        turn.start("node", event.at + NODE_BOUND_S)


def _node_back(turn: Turn, _event: ev.NodeBack) -> None:
    turn.change(node_here=True)
    if turn.state.contact_here:
        turn.change(node_lost_at=None)
    turn.cancel("node")
    turn.rearrange()
    taping.again(turn)


# --- from call control ----------------------------------------------------------------------------------------------


def _ring_failed(turn: Turn, event: ev.RingFailed) -> None:
    if turn.state.phase is not Phase.DIALLING or not turn.state.contact_here:
        raise turn.undefined(event)
    hung_up = ev.HungUp(turn.state.contact, event.at, event.cause, ev.Cut.SWITCH)
    if event.by_trunk and try_next_trunk(turn, hung_up):
        return
    if turn.state.ending is None:
        end_contact(turn, event.at, EndedBy.SWITCH, EndReason.RING_FAILED, ask_switch=False)
    contact_is_gone(turn, hung_up)


def _no_trunk_left(turn: Turn, event: ev.NoTrunkLeft) -> None:
    """The attempt ends as its last try did: that is what became of it."""
    state = turn.state
    if event.leg != state.contact or state.phase is not Phase.DIALLING or not state.contact_here:
        return  # somebody was quicker
    failure = state.failure or Failure(41, None, ev.Cut.SWITCH.value)
    contact_is_gone(turn, ev.HungUp(event.leg, event.at, failure.cause, ev.Cut(failure.by), failure.sip_status))


def _operator_returned(turn: Turn, event: ev.OperatorReturned) -> None:
    state = turn.state
    if state.phase is Phase.CLOSED or state.operator_left_at is not None:
        return
    turn.change(operator=event.leg, operator_here=True, operator_stalled=False)
    if state.phase is Phase.TALKING and state.ending is None and state.talking_since is None:
        turn.change(talking_since=event.at)
    turn.cancel("operator_gone")
    if event.leg == state.operator:
        turn.rearrange()  # the same leg after an ICE restart: say it once more, it costs nothing


def _manager_returned(turn: Turn, event: ev.ManagerReturned) -> None:
    manager = turn.state.manager
    if manager is None or manager.via is not Via.LINE or not manager.talking:
        return
    turn.change_manager(leg=event.leg, here=True)
    turn.cancel("manager_gone")
    turn.add(NoteHandOver(manager.handover, "moved", event.leg))


# --- from people ----------------------------------------------------------------------------------------------------


def _hang_up_asked(turn: Turn, event: ev.HangUpAsked) -> None:
    state = turn.state
    if state.ending is not None:
        if state.contact in state.parting:
            hang_up_after_parting(turn, state.contact, event.at)
        return
    if event.by_manager:
        _manager_hangs_up(turn, event)
    elif state.phase in BEFORE_ANSWER:
        end_contact(turn, event.at, EndedBy.OPERATOR, EndReason.CANCELLED)
    elif state.phase is Phase.BRIEFING and state.manager is not None and state.manager.talking:
        # leaving a briefing gives the contact to the manager who is already there, as an attended transfer does:
        # a contact who agreed to talk to somebody is never dropped by one key
        hand_over(turn, event.at)
    elif state.phase in WITH_OPERATOR:
        end_contact(turn, event.at, EndedBy.OPERATOR, EndReason.ASKED)
    else:
        raise turn.undefined(event)


def _manager_hangs_up(turn: Turn, event: ev.HangUpAsked) -> None:
    state = turn.state
    if state.manager is not None and state.phase is Phase.HANDED_OVER:
        end_contact(turn, event.at, EndedBy.MANAGER, EndReason.ASKED)
    elif state.manager is not None and state.phase is Phase.BRIEFING:
        take_back(turn, event.at, "declined")
    else:
        raise turn.undefined(event)


def _hold_asked(turn: Turn, event: ev.HoldAsked) -> None:
    state = turn.state
    if state.ending is not None:
        raise turn.undefined(event)
    if event.on and state.phase is Phase.TALKING:
        turn.stop_talk_clock(event.at)
        turn.change(phase=Phase.ON_HOLD)
        turn.tell("call.held")
    elif not event.on and state.phase is Phase.ON_HOLD:
        turn.change(phase=Phase.TALKING, talking_since=event.at)
        turn.tell("call.resumed")
    elif state.phase not in (Phase.TALKING, Phase.ON_HOLD):
        raise turn.undefined(event)


def _transfer_asked(turn: Turn, event: ev.TransferAsked) -> None:
    state = turn.state
    if state.phase not in (Phase.TALKING, Phase.ON_HOLD) or state.ending or not state.operator_here:
        raise turn.undefined(event)
    turn.stop_talk_clock(event.at)
    turn.change(phase=Phase.BRIEFING, manager=ManagerSide(event.handover, event.via, event.leg))
    turn.add(NoteHandOver(event.handover, "ringing", event.leg))
    if event.via is Via.PHONE:
        turn.add(RingManager(event.handover, event.leg))
    turn.start("manager_ring", event.at + (event.ring_s or state.limits.manager_ring_s))
    turn.tell("handover.ringing", handover=event.handover)


def _manager_answered(turn: Turn, event: ev.ManagerAnswered) -> None:
    manager = turn.state.manager
    if manager is None or manager.handover != event.handover or manager.via is not Via.LINE:
        raise turn.undefined(event)
    if manager.talking:
        if manager.leg == event.leg:
            return  # the same answer twice
        raise turn.undefined(event)
    _manager_talks(turn, event.leg)


def _manager_talks(turn: Turn, leg: str) -> None:
    manager = turn.state.manager
    assert manager is not None
    turn.change_manager(leg=leg, talking=True)
    turn.cancel("manager_ring")
    turn.add(NoteHandOver(manager.handover, "briefing", leg))
    turn.tell("handover.answered", handover=manager.handover)


def _manager_declined(turn: Turn, event: ev.ManagerDeclined) -> None:
    state = turn.state
    if state.manager is None or state.manager.handover != event.handover or state.phase is not Phase.BRIEFING:
        raise turn.undefined(event)
    take_back(turn, event.at, "declined")


def _manager_unreachable(turn: Turn, event: ev.ManagerUnreachable) -> None:
    state = turn.state
    if state.manager is not None and state.manager.handover == event.handover and state.phase is Phase.BRIEFING:
        take_back(turn, event.at, "failed")


def _complete_asked(turn: Turn, event: ev.CompleteAsked) -> None:
    state = turn.state
    if state.phase is Phase.HANDED_OVER and state.ending is None:
        return  # the second press of the key
    if state.phase is not Phase.BRIEFING or state.manager is None or not state.manager.talking or state.ending:
        raise turn.undefined(event)
    hand_over(turn, event.at)


def _cancel_asked(turn: Turn, event: ev.CancelAsked) -> None:
    if turn.state.phase is not Phase.BRIEFING or turn.state.ending:
        raise turn.undefined(event)
    take_back(turn, event.at, "cancelled")


def _wrapped_up(turn: Turn, event: ev.WrappedUp) -> None:
    state = turn.state
    if state.wrapped or state.phase not in (Phase.HANDED_OVER, Phase.WRAP_UP):
        raise turn.undefined(event)
    turn.cancel("wrap_up")
    turn.change(wrapped=True)
    if state.phase is Phase.WRAP_UP:
        turn.change(phase=Phase.CLOSED)
        turn.tell("call.closed")


def _is_ringing_manager(state: CallState, leg: str) -> bool:
    manager = state.manager
    return (
        manager is not None and manager.leg == leg and manager.via is Via.PHONE
        and not manager.talking and state.phase is Phase.BRIEFING
    )  # fmt: skip


def _is_line_of_manager(state: CallState, leg: str) -> bool:
    return state.manager is not None and state.manager.via is Via.LINE and state.manager.leg == leg


_HANDLERS: dict[type[Any], Callable[[Turn, Any], None]] = {
    ev.Ringing: _ringing,
    ev.EarlyMedia: _early_media,
    ev.Answered: _answered,
    ev.HungUp: _hung_up,
    ev.MediaStalled: _stalled,
    ev.MediaResumed: _resumed,
    ev.SoundFinished: _sound_finished,
    ev.NodeLost: _node_lost,
    ev.NodeBack: _node_back,
    ev.RingFailed: _ring_failed,
    ev.NoTrunkLeft: _no_trunk_left,
    ev.NotAnnounced: lambda turn, _event: taping.not_announced(turn),
    ev.RecordingAsked: taping.asked,
    ev.TimerFired: fire,
    ev.OperatorReturned: _operator_returned,
    ev.ManagerReturned: _manager_returned,
    ev.HangUpAsked: _hang_up_asked,
    ev.HoldAsked: _hold_asked,
    ev.TransferAsked: _transfer_asked,
    ev.ManagerAnswered: _manager_answered,
    ev.ManagerDeclined: _manager_declined,
    ev.ManagerUnreachable: _manager_unreachable,
    ev.CompleteAsked: _complete_asked,
    ev.CancelAsked: _cancel_asked,
    ev.WrappedUp: _wrapped_up,
}
