"""A conversation that the exchange's own fault cut off: free for the customer, paid to the operator, by nobody's word alone."""

from __future__ import annotations

import pytest
from django.conf import settings

from hearthline.calls import call_events as ev
from hearthline.calls import machine
from hearthline.calls.call_state import CallState, Limits, Phase, from_json, to_json
from hearthline.calls.models import Attempt, Shift
from hearthline.calls.turn import NODE_BOUND_S
from hearthline.ledger import check
from hearthline.ledger import services as ledger
from hearthline.ledger.models import AccountKind, Transfer, TransferState
from tests.calls.worlds import HEARD, Conversation, a_conversation

AWAY = ev.HungUp("contact", 100.0, 41, ev.Cut.SWITCH, missed=True)


def talking(*events: ev.CallEvent) -> CallState:
    state, _ = machine.begin(attempt="a", contact="contact", operator="op", limits=Limits(), record=False, at=0.0)
    for event in (ev.Answered("contact", 10.0), *events):
        state, _ = machine.transition(state, event)
    return state


def test_the_clock_of_the_talk_stops_when_the_switch_is_lost() -> None:
    came_back_empty = talking(ev.NodeLost(40.0), AWAY, ev.NodeBack(100.0))
    stayed_away = talking(ev.NodeLost(40.0), ev.TimerFired("node", 40.0 + NODE_BOUND_S))
    for state in (came_back_empty, stayed_away):
        assert (state.phase, state.end_reason, state.talked_ms) == (Phase.WRAP_UP, "node_lost", 30_000)
        assert from_json(to_json(state)).node_lost_at == 40.0


def test_a_switch_that_comes_back_with_the_call_has_taken_nothing() -> None:
    state = talking(ev.NodeLost(40.0), ev.NodeBack(60.0), ev.HungUp("contact", 100.0, 16, ev.Cut.REMOTE))
    assert (state.end_reason, state.talked_ms, state.node_lost_at) == ("", 90_000, None)


def test_a_hang_up_that_the_switch_still_tells_of_is_no_fault() -> None:
    told = ev.HungUp("contact", 100.0, 41, ev.Cut.SWITCH, None, {"voice_in_ms": 1}, missed=True)
    assert talking(told).end_reason == ""


def cut_off(*, talk_s: int, lost_at: float | None = 1.0, stats: dict[str, int] | None = None) -> Conversation:
    talk = a_conversation(talk_s=talk_s, stats=stats or {})
    state = to_json(from_json(talk.attempt.machine)) | {"end_reason": "node_lost", "node_lost_at": lost_at}
    Attempt.objects.filter(pk=talk.attempt.pk).update(machine=state, ended_by="switch")
    return talk


def paid_by_exchange(talk: Conversation) -> int:
    return ledger.account_of(AccountKind.OPERATOR_AVAILABLE, talk.operator.pk, "RUB").balance


@pytest.mark.django_db
class TestPay:
    def test_it_is_paid_by_the_exchange_once(self) -> None:
        talk = cut_off(talk_s=30)
        outcome = talk.wrap_up()
        assert talk.wrap_up() == outcome
        assert (outcome.payable, outcome.not_payable_reason) == (False, "exchange_fault")
        assert (outcome.charged_minor, outcome.earned_minor, paid_by_exchange(talk)) == (0, 960, 960)
        assert Transfer.objects.get(pk=str(talk.assignment.hold)).state == TransferState.VOIDED
        shift = Shift.objects.get(pk=talk.shift.pk)
        assert (shift.conversations, shift.earned_minor) == (0, 960)
        assert check.prove().faults == []

    @pytest.mark.parametrize(
        ("talk_s", "lost_at", "reason"),
        [
            (9, 1.0, "too_short"),
            # nobody knows when the talk broke off: the longest that its clock can have run on is taken away
            (59, None, "too_short"),
            (61, None, "exchange_fault"),
        ],
    )
    def test_only_what_was_long_enough_for_certain(self, talk_s: int, lost_at: float | None, reason: str) -> None:
        assert settings.HEARTHLINE.node_lost_after_s + settings.HEARTHLINE.reconcile_every_s == 50
        talk = cut_off(talk_s=talk_s, lost_at=lost_at)
        assert talk.wrap_up().not_payable_reason == reason
        assert paid_by_exchange(talk) == (960 if reason == "exchange_fault" else 0)

    def test_a_result_that_is_never_paid_is_not_paid_by_the_exchange_either(self) -> None:
        talk = cut_off(talk_s=30)
        talk.campaign.dispositions.filter(kind="refusal").update(payable=False)
        assert talk.wrap_up("refusal").not_payable_reason == "disposition_not_payable"
        assert paid_by_exchange(talk) == 0

    def test_with_the_evidence_saved_the_customer_pays_as_ever(self) -> None:
        talk = cut_off(talk_s=30, stats=HEARD)
        assert talk.wrap_up().payable
        assert paid_by_exchange(talk) == 0
