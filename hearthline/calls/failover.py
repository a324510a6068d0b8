"""A trunk that fails an attempt, and the next one that takes it over. Which failures deserve that is decided here and
argued in docs/adr/0013-when-another-trunk-is-tried.md.

The rule: another trunk is tried when this one did not do its work, never when the network has said something about the
person who is called. A telephone that rang is never rung again over another trunk.
"""

from __future__ import annotations

from hearthline.calls import call_events as ev
from hearthline.calls.call_effects import NoteTry, RingNext
from hearthline.calls.call_state import BEFORE_ANSWER, CallState, Failure, Phase
from hearthline.calls.turn import REFUSED_BY_PROVIDER, RING_GUARD_S, Turn

MAX_TRIES = 3  # trunks that one attempt may go over
LAST_TRY_WITHIN_S = 20  # of the dialling: no other trunk is begun later

# Q.850 causes that are the trunk's or its network's: no route (2, 3), exchange routing error (23 redirection, 25), no
# circuit (34), network out of order (38), temporary failure (41), congestion (42), channel not available (44), resource
# unavailable (47), not subscribed, not authorized or not available (50, 57, 58, 63), not implemented (65, 69, 79), incompatible
# audio (88), the network's recovery (97 to 101, 111)
TRUNK_CAUSES = frozenset(
    {2, 3, 23, 25, 34, 38, 41, 42, 44, 47, 50, 57, 58, 63, 65, 69, 79, 88, 97, 98, 99, 100, 101, 111}
)
TIMER_CAUSE = 102  # nobody said anything: the trunk's fault only while nothing was heard of the call
UNCLEAR_CAUSES = frozenset({31, 127})  # "normal, unspecified" and "interworking": the provider's status decides


def deserves_another_trunk(*, cause: int, sip_status: int | None, heard: bool) -> bool:
    """Whether this failure is the trunk's. `cause` is Q.850, `sip_status` the final response when there was one, `heard`
    whether ringing or an announcement was heard before."""
    if cause == 21:  # also what 403 means without a cause of its own: our account is refused, not we by the person
        return sip_status in REFUSED_BY_PROVIDER
    if cause == TIMER_CAUSE:
        return not heard
    if cause in UNCLEAR_CAUSES:
        return sip_status is not None and 500 <= sip_status < 600
    return cause in TRUNK_CAUSES


def _may_go_on(state: CallState, at: float) -> bool:
    return (
        state.phase in BEFORE_ANSWER and state.ending is None and state.operator_here and state.node_here
        and not state.rang and bool(state.spare) and at - state.dialled_at <= LAST_TRY_WITHIN_S
    )  # fmt: skip


def try_next_trunk(turn: Turn, event: ev.HungUp) -> bool:
    """The contact's leg ended before an answer: go on over the next trunk, if that is deserved. False: it is not."""
    state = turn.state
    if event.missed or event.by is ev.Cut.LOCAL or not _may_go_on(state, event.at):
        return False
    heard = state.ringing_at is not None
    if not deserves_another_trunk(cause=event.cause, sip_status=event.sip_status, heard=heard):
        return False
    leg, *spare = state.spare
    turn.change(
        contact=leg, spare=tuple(spare), former=(*state.former, state.contact), phase=Phase.DIALLING, ringing_at=None,
        tried_at=event.at, failure=Failure(event.cause, event.sip_status, event.by.value),
    )  # fmt: skip
    turn.start("ring", event.at + state.limits.ring_s + RING_GUARD_S)
    turn.add(NoteTry(state.contact, event.cause, event.sip_status), RingNext(leg))
    if state.phase is not Phase.DIALLING:
        turn.tell("call.dialling")  # an announcement was heard; now the operator waits as at the beginning
    return True
