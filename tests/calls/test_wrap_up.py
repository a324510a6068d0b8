"""Wrapping up: paid by evidence, once, by whoever holds the lease."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from hearthline.calls import outcomes, services, settlement
from hearthline.calls.models import Attempt, Shift
from hearthline.calls.outcomes import dispose
from hearthline.campaigns.models import Contact
from hearthline.dialing import services as dialing
from hearthline.dialing.models import Assignment, AssignmentState
from hearthline.ledger import check
from hearthline.ledger import services as ledger
from hearthline.ledger.models import AccountKind, Transfer, TransferState
from hearthline.lib import clock
from hearthline.lib.errors import ConflictError, InvalidInputError, NotFoundError
from tests.calls.worlds import HEARD, Conversation, a_conversation
from tests.campaigns.worlds import PRICE, an_operator
from tests.races import failures, together


def pay_of(talk: Conversation) -> int:
    return ledger.account_of(AccountKind.OPERATOR_MATURING, talk.operator.pk, "RUB").balance


def hold_of(talk: Conversation) -> Transfer:
    return Transfer.objects.get(pk=str(talk.assignment.hold))


def untouched(talk: Conversation) -> bool:
    """Nothing of a wrap-up has happened."""
    return (
        Attempt.objects.get(pk=talk.attempt.pk).wrapped_up_at is None
        and Assignment.objects.get(pk=talk.assignment.pk).state == AssignmentState.ACTIVE
        and hold_of(talk).state == TransferState.PENDING
        and Shift.objects.get(pk=talk.shift.pk).conversations == 0
    )


@pytest.mark.django_db(transaction=True)
class TestOutcome:
    def test_a_payable_conversation_is_charged_and_paid(self) -> None:
        talk = a_conversation()

        outcome = talk.wrap_up()

        assert (outcome.payable, outcome.charged_minor, outcome.earned_minor) == (True, PRICE, 960)
        assert pay_of(talk) == 960
        attempt = Attempt.objects.get(pk=talk.attempt.pk)
        assert (attempt.phase, attempt.version, attempt.notes) == ("closed", 1, "will come")
        contact = Contact.objects.get(pk=talk.assignment.contact_id)
        assert (contact.state, contact.disposition_id) == ("done", talk.disposition().pk)
        assert Assignment.objects.get(pk=talk.assignment.pk).state == AssignmentState.CLOSED
        shift = Shift.objects.get(pk=talk.shift.pk)
        assert (shift.conversations, shift.earned_minor) == (1, 960)
        assert check.prove().faults == []

    @pytest.mark.parametrize(
        ("talk_s", "stats", "kind", "reason"),
        [
            (30, HEARD, "refusal", "disposition_not_payable"),
            (9, HEARD, "success", "too_short"),
            (30, {}, "success", "no_evidence"),
            (30, HEARD | {"voice_in_ms": 600}, "success", "contact_not_heard"),
            (30, HEARD | {"voice_out_ms": 0}, "success", "operator_not_heard"),
        ],
    )
    def test_what_the_evidence_does_not_bear_out_is_not_paid(
        self, talk_s: int, stats: dict[str, Any], kind: str, reason: str
    ) -> None:
        talk = a_conversation(talk_s=talk_s, stats=stats)
        if reason == "disposition_not_payable":
            talk.campaign.dispositions.filter(kind=kind).update(payable=False)

        outcome = talk.wrap_up(kind)

        assert (outcome.payable, outcome.not_payable_reason) == (False, reason)
        assert (outcome.charged_minor, outcome.earned_minor, pay_of(talk)) == (0, 0, 0)
        assert hold_of(talk).state == TransferState.VOIDED
        assert check.prove().faults == []

    def test_the_same_wrap_up_again_is_the_same_outcome_and_another_one_is_refused(self) -> None:
        talk = a_conversation()
        first = talk.wrap_up()
        assert talk.wrap_up() == first
        with pytest.raises(services.AlreadyWrappedUpError):
            talk.wrap_up("refusal")
        assert pay_of(talk) == 960

    def test_a_call_that_goes_on_is_not_wrapped_up(self) -> None:
        talk = a_conversation(hang_up=False)
        with pytest.raises(ConflictError, match="Hang up first"):
            talk.wrap_up()
        assert untouched(talk)

    def test_an_old_fence_and_a_strangers_hand_change_nothing(self) -> None:
        talk = a_conversation()
        with pytest.raises(ConflictError, match="not yours any more"):
            talk.wrap_up(fence=talk.assignment.fence - 1)
        with pytest.raises(NotFoundError):
            talk.wrap_up(operator=an_operator())
        with pytest.raises(NotFoundError):
            talk.wrap_up(attempt="no id at all")
        assert untouched(talk)

    def test_a_promise_too_far_away_undoes_everything(self) -> None:
        talk = a_conversation()
        with pytest.raises(InvalidInputError):
            talk.wrap_up("call_back", call_back_at=clock.now() + timedelta(days=400))
        assert untouched(talk)

    def test_what_is_held_was_agreed_whatever_the_price_is_now(self) -> None:
        talk = a_conversation()
        talk.campaign.price_minor = 5000
        talk.campaign.save()
        assert talk.wrap_up().charged_minor == PRICE

    def test_a_draft_is_kept_and_bounded(self) -> None:
        talk = a_conversation(hang_up=False)
        services.save_draft(attempt=talk.attempt.pk, operator=talk.operator, fields=talk.answers(), notes="half a th")
        row = Attempt.objects.get(pk=talk.attempt.pk)
        assert (row.result, row.notes) == (talk.answers(), "half a th")
        with pytest.raises(InvalidInputError):
            services.save_draft(attempt=talk.attempt.pk, operator=talk.operator, fields={"nonsense": "1"}, notes="")
        with pytest.raises(InvalidInputError):
            services.save_draft(attempt=talk.attempt.pk, operator=talk.operator, fields={}, notes="x" * 20_000)
        with pytest.raises(NotFoundError):
            services.save_draft(attempt=talk.attempt.pk, operator=an_operator(), fields={}, notes="mine now")
        assert Attempt.objects.get(pk=talk.attempt.pk).notes == "half a th"

    @pytest.mark.parametrize(
        "step",
        [
            (settlement, "settle"),
            (outcomes, "_count"),
            (outcomes, "_tell"),
            (dialing, "apply_outcome"),
            (ledger, "settle_conversation"),
        ],
    )
    def test_a_crash_in_the_middle_leaves_nothing_behind_and_the_next_try_works(
        self, step: tuple[Any, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        talk = a_conversation()
        module, name = step
        original: Callable[..., Any] = getattr(module, name)

        def crash(*arguments: Any, **named: Any) -> None:
            original(*arguments, **named)  # it has done its work, and then the process is gone
            raise KeyboardInterrupt

        with monkeypatch.context() as broken:
            broken.setattr(module, name, crash)
            with pytest.raises(KeyboardInterrupt):
                talk.wrap_up()
        assert untouched(talk)
        assert check.prove().faults == []

        assert talk.wrap_up().payable
        assert pay_of(talk) == 960
        assert check.prove().faults == []


@pytest.mark.django_db(transaction=True)
class TestShift:
    def test_a_shift_begins_changes_its_campaign_breaks_and_ends(self) -> None:
        talk = a_conversation()
        with pytest.raises(ConflictError, match="Finish the call"):
            services.end_shift(operator=talk.operator)
        with pytest.raises(ConflictError):
            services.take_break(operator=talk.operator, on=True)
        talk.wrap_up()
        assert services.take_break(operator=talk.operator, on=True).on_break
        assert not services.begin_shift(operator=talk.operator, campaign=talk.campaign).on_break
        assert Shift.objects.filter(operator=talk.operator).count() == 1
        assert services.end_shift(operator=talk.operator).ended_at is not None
        with pytest.raises(NotFoundError):
            services.end_shift(operator=talk.operator)

    def test_the_end_of_a_shift_gives_an_undialled_contact_back(self) -> None:
        talk = a_conversation()
        talk.wrap_up()
        assignment = dialing.claim_next(talk.operator, talk.campaign)
        assert assignment is not None
        services.end_shift(operator=talk.operator)
        row = Assignment.objects.get(pk=assignment.pk)
        assert (row.state, row.release_reason) == (AssignmentState.RELEASED, "shift_ended")
        assert Transfer.objects.get(pk=str(row.hold)).state == TransferState.VOIDED


def test_sixteen_wrap_ups_of_one_call_settle_once(database: str) -> None:
    talk = a_conversation()

    results = together(16, lambda number: talk.wrap_up("success" if number % 2 else "refusal"))

    refused = failures(results)
    assert len(refused) == 8
    assert all(isinstance(error, services.AlreadyWrappedUpError) for error in refused), refused
    row = Attempt.objects.get(pk=talk.attempt.pk)
    assert pay_of(talk) == row.earned_minor
    assert Shift.objects.get(pk=talk.shift.pk).conversations == int(bool(row.payable))
    assert check.prove().faults == []


def test_the_operator_and_the_clock_wrap_up_at_once(database: str) -> None:
    """The wrap-up's time runs out in the moment in which the operator saves: one of them counts, whole."""
    talk = a_conversation()

    def work(number: int) -> Any:
        if number % 2:
            return talk.wrap_up()
        row = Attempt.objects.select_related("campaign", "contact", "assignment", "operator").get(pk=talk.attempt.pk)
        with transaction.atomic():
            return dispose(row, now=clock.now(), outcome="not_wrapped_up")

    results = together(8, work)

    assert all(isinstance(error, ConflictError) for error in failures(results)), failures(results)
    row = Attempt.objects.get(pk=talk.attempt.pk)
    assert (row.earned_minor, pay_of(talk)) in ((960, 960), (0, 0))
    assert (row.auto_outcome == "not_wrapped_up") == (row.earned_minor == 0)
    assert check.prove().faults == []
