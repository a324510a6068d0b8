"""What the switch should be doing with a call's legs, as a function of its state.

Transitions ask the switch only for what changed between two arrangements; after a lost connection or a restart the whole
arrangement is asked for once more, which is safe because connecting and parking may be repeated.

A line's leg belongs to a call only while its person takes part: an operator who has wrapped up may be in the next call with
the same leg, so nothing is asked of it then.
"""

from __future__ import annotations

from hearthline.calls.call_effects import Connect, Park
from hearthline.calls.call_state import CallState, Phase


def arrangement(state: CallState) -> tuple[Connect | Park, ...]:
    if not state.contact_here:
        return _operator_alone(state) if state.phase is Phase.WRAP_UP else ()
    if state.ending is not None:
        return (Park(state.contact), *_operator_alone(state))
    match state.phase:
        case Phase.EARLY | Phase.TALKING:
            return _operator_and_contact(state)
        case Phase.ON_HOLD:
            return (Park(state.contact, music=True), *_operator_alone(state))
        case Phase.BRIEFING:
            return (Park(state.contact, music=True), *_briefing(state))
        case Phase.HANDED_OVER:
            return (*_manager_and_contact(state), *_operator_alone(state))
        case _:
            return ()


def _operator_alone(state: CallState) -> tuple[Connect | Park, ...]:
    return (Park(state.operator),) if state.operator_here and not state.wrapped else ()


def _operator_and_contact(state: CallState) -> tuple[Connect | Park, ...]:
    if state.operator_here:
        return (Connect((state.operator, state.contact)),)
    return (Park(state.contact, music=True),)


def _briefing(state: CallState) -> tuple[Connect | Park, ...]:
    manager = state.manager
    audible = manager is not None and bool(manager.leg) and (manager.talking or manager.early)
    if manager is None or not audible:
        return _operator_alone(state)
    if state.operator_here:
        return (Connect((state.operator, manager.leg)),)
    return (Park(manager.leg),)


def _manager_and_contact(state: CallState) -> tuple[Connect | Park, ...]:
    if state.manager is not None and state.manager.here:
        return (Connect((state.contact, state.manager.leg)),)
    return (Park(state.contact, music=True),)
