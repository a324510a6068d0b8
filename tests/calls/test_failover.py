"""Which failures go on over another trunk, and what becomes of the attempt."""

from __future__ import annotations

import pytest

from hearthline.calls import call_effects as fx
from hearthline.calls import call_events as ev
from hearthline.calls.call_state import CallState, Limits, Phase
from hearthline.calls.failover import LAST_TRY_WITHIN_S, MAX_TRIES, deserves_another_trunk
from hearthline.calls.machine import begin, transition

AT = 1000.0


def dialled() -> CallState:
    return begin(
        attempt="a", contact="one", operator="operator", limits=Limits(ring_s=40), record=False, at=AT,
        spare=("two", "three"),
    )[0]  # fmt: skip


def refused(cause: int = 41, status: int | None = 503, *, leg: str = "one", at: float = AT + 1) -> ev.HungUp:
    return ev.HungUp(leg, at, cause, ev.Cut.REMOTE, status)


def rung(effects: tuple[fx.Effect, ...]) -> list[str]:
    return [e.leg for e in effects if isinstance(e, fx.RingNext)]


def outcomes(effects: tuple[fx.Effect, ...]) -> list[str]:
    return [e.outcome for e in effects if isinstance(e, fx.AutoDispose)]


@pytest.mark.parametrize(
    ("cause", "status", "deserves"),
    [
        (41, 503, True), (38, 502, True), (34, 503, True), (42, 503, True), (3, 404, True), (2, 404, True),
        (25, 483, True), (41, 500, True), (102, None, True), (102, 408, True), (21, 403, True), (21, 401, True),
        (21, 402, True), (88, 488, True), (127, 513, True), (38, None, True), (23, 302, True), (31, 599, True),
        (17, 486, False), (17, 600, False), (17, 503, False), (18, 480, False), (19, None, False), (20, 480, False),
        (1, 404, False), (22, 410, False), (28, 484, False), (21, 603, False), (21, 607, False), (16, None, False),
        (16, 503, False), (27, 502, False), (31, 480, False), (127, 420, False),
    ],
)  # fmt: skip
def test_only_what_is_the_trunks_fault_deserves_another(cause: int, status: int | None, deserves: bool) -> None:
    assert deserves_another_trunk(cause=cause, sip_status=status, heard=False) is deserves


def test_a_silence_after_something_was_heard_is_no_answer() -> None:
    assert not deserves_another_trunk(cause=102, sip_status=408, heard=True)


def test_the_same_attempt_goes_on_over_the_next_trunk() -> None:
    state, effects = transition(dialled(), refused())
    assert rung(effects) == ["two"]
    assert (state.phase, state.contact, state.former) == (Phase.DIALLING, "two", ("one",))
    assert fx.NoteTry("one", 41, 503) in effects
    assert not [e for e in effects if isinstance(e, fx.Tell)]  # the console goes on saying "dialling"

    state, _ = transition(state, ev.Answered("two", AT + 4))
    assert state.phase is Phase.TALKING


def test_after_an_announcement_the_console_says_dialling_again() -> None:
    state, _ = transition(dialled(), ev.EarlyMedia("one", AT + 1))
    state, effects = transition(state, refused(34))
    assert rung(effects) == ["two"]
    assert fx.Tell("call.dialling") in effects
    assert state.ringing_at is None


@pytest.mark.parametrize("told", [[ev.Ringing], [ev.Ringing, ev.EarlyMedia], [ev.EarlyMedia, ev.Ringing]])
def test_a_telephone_that_rang_is_not_rung_again(told: list[type[ev.Ringing]]) -> None:
    state = dialled()
    for kind in told:
        state, _ = transition(state, kind("one", AT + 1))
    state, effects = transition(state, refused())
    assert rung(effects) == []
    assert outcomes(effects) == ["network"]


def test_three_trunks_at_most() -> None:
    state, tried = dialled(), 1
    for leg in ("one", "two", "three"):
        state, effects = transition(state, refused(leg=leg))
        tried += len(rung(effects))
    assert tried == MAX_TRIES
    assert (state.phase, state.cause, state.sip_status) == (Phase.CLOSED, 41, 503)
    assert outcomes(effects) == ["network"]


def test_no_trunk_is_begun_late() -> None:
    _, effects = transition(dialled(), refused(at=AT + LAST_TRY_WITHIN_S + 1))
    assert rung(effects) == []


def test_without_another_trunk_it_ends_as_the_first_one_ended() -> None:
    state, _ = transition(dialled(), refused(21, 403))
    state, effects = transition(state, ev.NoTrunkLeft(AT + 1, "two"))
    assert (state.phase, state.cause, state.sip_status) == (Phase.CLOSED, 21, 403)
    assert outcomes(effects) == ["network"]


def test_the_operator_hangs_up_between_two_tries() -> None:
    state, _ = transition(dialled(), refused())
    state, effects = transition(state, ev.HangUpAsked(AT + 1.1))
    assert fx.HangUp("two") in effects
    state, effects = transition(state, refused(leg="two"))  # the second one refuses before it hears of that
    assert rung(effects) == []
    assert outcomes(effects) == ["cancelled"]
    assert state.phase is Phase.CLOSED


def test_an_answer_that_crosses_the_hang_up_is_let_go() -> None:
    state, _ = transition(dialled(), refused())
    state, _ = transition(state, ev.HangUpAsked(AT + 1.1))
    state, effects = transition(state, ev.Answered("two", AT + 1.2))
    assert effects == (fx.HangUp("two"),)
    assert not state.answered


def test_a_late_word_of_a_former_try_changes_nothing() -> None:
    state, _ = transition(dialled(), refused())
    for event in (ev.Answered("one", AT + 2), ev.Ringing("one", AT + 2), refused(leg="one")):
        assert transition(state, event) == (state, ())


def test_a_leg_that_went_while_nobody_watched_is_not_called_again() -> None:
    _, effects = transition(dialled(), ev.HungUp("one", AT + 12, 41, ev.Cut.SWITCH, missed=True))
    assert rung(effects) == []
    assert outcomes(effects) == ["network"]


def test_a_switch_that_refuses_one_trunk_is_asked_for_the_next() -> None:
    state, effects = transition(dialled(), ev.RingFailed(AT, by_trunk=True))
    assert rung(effects) == ["two"]
    _, effects = transition(state, ev.RingFailed(AT, by_trunk=False))
    assert rung(effects) == []
    assert outcomes(effects) == ["network"]


def test_a_refusal_of_the_switch_after_the_hang_up_stays_a_hang_up() -> None:
    state, _ = transition(dialled(), ev.HangUpAsked(AT))
    _, effects = transition(state, ev.RingFailed(AT, by_trunk=True))
    assert rung(effects) == []
    assert outcomes(effects) == ["cancelled"]


def test_a_provider_that_says_nothing_is_no_unanswered_telephone() -> None:
    state = dialled()
    for leg, at in (("one", AT + 6), ("two", AT + 12), ("three", AT + 18)):
        state, effects = transition(state, ev.HungUp(leg, at, 102, ev.Cut.SWITCH))
    assert outcomes(effects) == ["network"]
