"""What a timer of a call means when it fires."""

from __future__ import annotations

from hearthline.calls import call_events as ev
from hearthline.calls import taping
from hearthline.calls.call_effects import AutoWrapUp, HangUp
from hearthline.calls.call_state import LIVE, EndedBy, EndReason, Phase
from hearthline.calls.turn import (
    WARNING_S,
    Turn,
    contact_is_gone,
    end_contact,
    hand_over,
    hang_up_after_parting,
    take_back,
)


def fire(turn: Turn, event: ev.TimerFired) -> None:
    state = turn.state
    if state.timer(event.name) is None:
        return  # cancelled while it fired
    turn.state = state.without_timer(event.name)
    if event.name.startswith("parting:"):
        hang_up_after_parting(turn, event.name.removeprefix("parting:"), event.at)
        return
    match event.name:
        case "ring":
            end_contact(turn, event.at, EndedBy.EXCHANGE, EndReason.NO_ANSWER)
        case "warning":
            turn.tell("call.warned", remaining_s=WARNING_S)
        case "max_duration":
            end_contact(turn, event.at, EndedBy.EXCHANGE, EndReason.MAX_DURATION, politely=True)
        case "operator_gone":
            _operator_stayed_away(turn, event.at)
        case "manager_ring":
            take_back(turn, event.at, "unanswered")
        case "manager_gone":
            end_contact(turn, event.at, EndedBy.EXCHANGE, EndReason.MANAGER_VANISHED, politely=True)
        case "contact_gone":
            contact_is_gone(turn, ev.HungUp(state.contact, event.at, 16, ev.Cut.LOCAL))
        case taping.RESUME:
            taping.resume(turn, "bound")
        case taping.ANNOUNCEMENT:
            taping.not_announced(turn)
        case "node":
            _node_stayed_away(turn, event.at)
        case "wrap_up":
            turn.change(wrapped=True)
            turn.add(AutoWrapUp())
            if state.phase is Phase.WRAP_UP:
                turn.change(phase=Phase.CLOSED)
                turn.tell("call.closed")
        case _:
            raise turn.undefined(event)


def _operator_stayed_away(turn: Turn, at: float) -> None:
    state = turn.state
    manager = state.manager
    if state.phase is Phase.BRIEFING and manager is not None and manager.talking and manager.here:
        hand_over(turn, at)  # a briefed manager is there for the contact; nobody has to be dropped
    else:
        answered = state.answered
        end_contact(turn, at, EndedBy.EXCHANGE, EndReason.OPERATOR_VANISHED, politely=answered)


def _node_stayed_away(turn: Turn, at: float) -> None:
    if turn.state.phase not in LIVE or not turn.state.contact_here:
        return
    turn.change(operator_here=False)
    turn.stop_talk_clock(turn.state.node_lost_at or at)
    if turn.state.ending is None:
        end_contact(turn, at, EndedBy.SWITCH, EndReason.NODE_LOST, ask_switch=False)
    turn.add(HangUp(turn.state.contact))  # should it come back after all; otherwise the reconciler finds the leg
    contact_is_gone(turn, ev.HungUp(turn.state.contact, at, 41, ev.Cut.SWITCH))
