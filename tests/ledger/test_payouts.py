"""Payouts: held when asked for, decided once, never more than there is; statements that match the books."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
import time_machine
from django.conf import settings

from hearthline.ledger import check, payouts, services
from hearthline.ledger.models import (
    AccountKind,
    Payout,
    PayoutDetails,
    PayoutState,
    Transfer,
    TransferCode,
    TransferState,
)
from hearthline.ledger.statements import Period, balance_at, entries
from hearthline.lib import clock
from hearthline.lib.errors import ConflictError, InvalidInputError, NotFoundError
from hearthline.lib.ids import new_id
from hearthline.lib.money import Money
from hearthline.lib.sealed import seal, unseal
from tests.races import failures, together

CARD = "2200 7000 1234 5678"


def rub(minor: int) -> Money:
    return Money(minor, "RUB")


def an_earner(minor: int = 300_000, details: str = CARD) -> uuid.UUID:
    """An operator whose pay is out of review."""
    operator, customer = new_id(), new_id()
    services.top_up(organisation=customer, amount=rub(minor + 1), id=new_id())
    hold = new_id()
    services.hold_conversation(
        id=hold, organisation=customer, operator=operator, price=rub(minor + 1), reference=f"assignment:{hold}"
    )
    services.settle_conversation(hold=hold, commission=rub(1))
    services.mature(clock.now() + timedelta(hours=settings.HEARTHLINE.review_window_hours + 1))
    if details:
        payouts.keep_details(operator=operator, method="card", details=details)
    return operator


def available(operator: uuid.UUID) -> int:
    return services.account_of(AccountKind.OPERATOR_AVAILABLE, operator, "RUB").available


def ask(operator: uuid.UUID, minor: int = 100_000, id: uuid.UUID | None = None) -> Payout:
    return payouts.request_payout(id=id or new_id(), operator=operator, amount=rub(minor))


@pytest.mark.django_db
class TestPayout:
    def test_it_is_held_approved_and_paid(self) -> None:
        operator, admin = an_earner(), new_id()
        asked = ask(operator)
        assert available(operator) == 200_000
        assert Transfer.objects.get(pk=asked.pk).state == TransferState.PENDING
        with pytest.raises(ConflictError):
            payouts.mark_paid(payout=asked.pk, by=admin)
        assert Transfer.objects.get(pk=asked.pk).state == TransferState.PENDING
        payouts.approve(payout=asked.pk, by=admin)
        paid = payouts.mark_paid(payout=asked.pk, by=admin, payment="A-17")
        assert (paid.state, paid.payment, paid.decided_by) == (PayoutState.PAID, "A-17", admin)
        assert Transfer.objects.get(pk=asked.pk).state == TransferState.POSTED
        assert available(operator) == 200_000
        assert check.prove().faults == []

    def test_refused_with_a_reason_the_money_is_free_again(self) -> None:
        operator, admin = an_earner(), new_id()
        asked = ask(operator)
        with pytest.raises(InvalidInputError):
            payouts.refuse(payout=asked.pk, by=admin, reason="  ")
        assert available(operator) == 200_000
        payouts.approve(payout=asked.pk, by=admin)
        payouts.refuse(payout=asked.pk, by=admin, reason="The bank does not know this card.")
        assert available(operator) == 300_000
        for change in (payouts.approve, payouts.mark_paid):
            with pytest.raises(ConflictError):
                change(payout=asked.pk, by=admin)
        assert check.prove().faults == []

    def test_its_owner_may_withdraw_it_until_it_is_approved(self) -> None:
        operator = an_earner()
        asked = ask(operator)
        with pytest.raises(NotFoundError):
            payouts.withdraw(payout=asked.pk, operator=new_id())
        payouts.withdraw(payout=asked.pk, operator=operator)
        assert available(operator) == 300_000
        asked = ask(operator)
        payouts.approve(payout=asked.pk, by=new_id())
        with pytest.raises(ConflictError):
            payouts.withdraw(payout=asked.pk, operator=operator)
        assert available(operator) == 200_000

    def test_limits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        operator = an_earner()
        monkeypatch.setattr(settings.HEARTHLINE, "payout_daily_limit_minor", 250_000)
        monkeypatch.setattr(settings.HEARTHLINE, "payouts_a_day", 2)
        for minor in (settings.HEARTHLINE.payout_minimum_minor - 1, 250_001, 300_001):
            with pytest.raises(InvalidInputError):
                ask(operator, minor)
        assert not Payout.objects.exists()
        ask(operator, 150_000)
        with pytest.raises(InvalidInputError, match="most"):
            ask(operator, 100_001)
        refused = ask(operator, 60_000)
        with pytest.raises(ConflictError, match="tomorrow"):
            ask(operator, 50_000)
        payouts.refuse(payout=refused.pk, by=new_id(), reason="Another card, please.")
        ask(operator, 50_000)  # what was refused does not count
        with time_machine.travel(clock.now() + timedelta(hours=25)):
            assert payouts.limits_of(operator, "RUB").possible
        assert available(operator) == 100_000

    def test_the_same_request_twice_is_one_and_another_amount_is_refused(self) -> None:
        operator, id = an_earner(), new_id()
        assert ask(operator, 100_000, id).pk == ask(operator, 100_000, id).pk
        with pytest.raises(ConflictError):
            ask(operator, 110_000, id)
        with pytest.raises(ConflictError):
            ask(an_earner(), 100_000, id)
        assert available(operator) == 200_000

    def test_details_are_sealed_and_a_request_keeps_its_own(self) -> None:
        operator = an_earner()
        asked = ask(operator)
        kept = PayoutDetails.objects.get()
        for sealed in (kept.sealed, asked.sealed):
            assert "1234" not in sealed
        assert (kept.hint, payouts.details_of(asked)) == ("5678", CARD)
        payouts.keep_details(operator=operator, method="phone", details="+7 916 123-45-67")
        assert payouts.details_of(Payout.objects.get()) == CARD
        assert unseal(seal("a", "another purpose"), payouts.PURPOSE) is None
        with pytest.raises(InvalidInputError):
            payouts.keep_details(operator=operator, method="magic", details=CARD)
        with pytest.raises(InvalidInputError):
            payouts.keep_details(operator=operator, method="card", details="1")
        assert PayoutDetails.objects.get().method == "phone"

    def test_without_details_nothing_is_asked_for(self) -> None:
        operator = an_earner(details="")
        with pytest.raises(ConflictError, match="where the money"):
            ask(operator)
        assert available(operator) == 300_000

    def test_a_statement_matches_the_books(self) -> None:
        operator, other = an_earner(), an_earner()
        start = clock.now()
        paid, refused, open_one = (ask(operator, minor) for minor in (60_000, 70_000, 80_000))
        ask(other)
        payouts.approve(payout=paid.pk, by=new_id())
        payouts.mark_paid(payout=paid.pk, by=new_id())
        payouts.refuse(payout=refused.pk, by=new_id(), reason="Try another card.")
        earned = Transfer.objects.get(
            code=TransferCode.CONVERSATION_PAY,
            credit=services.account_of(AccountKind.OPERATOR_MATURING, operator, "RUB"),
        )
        customer = earned.debit
        services.transfer(
            id=new_id(), debit=services.account_of(AccountKind.OPERATOR_AVAILABLE, operator, "RUB"), credit=customer,
            amount=rub(5_000), code=TransferCode.CORRECTION, reference="a correction",
        )  # fmt: skip
        end = clock.now()

        before, after = balance_at(operator, "RUB", start), balance_at(operator, "RUB", end)
        found = list(entries(Period(operator, "RUB", start, end)))

        assert before == rub(300_000)
        assert [(entry.code, entry.minor) for entry in found] == [("payout", -60_000), ("correction", -5_000)]
        assert before.minor + sum(entry.minor for entry in found) == after.minor
        books = sum(
            services.account_of(kind, operator, "RUB").balance
            for kind in (AccountKind.OPERATOR_MATURING, AccountKind.OPERATOR_AVAILABLE)
        )
        assert after.minor == books == 235_000
        assert available(operator) == books - open_one.amount_minor
        whole = list(entries(Period(operator, "RUB", start - timedelta(days=1), end)))
        assert [entry.minor for entry in whole] == [300_000, -60_000, -5_000]


def test_sixteen_requests_never_overdraw_nor_pass_the_limits(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings.HEARTHLINE, "payouts_a_day", 16)
    operator = an_earner(300_000)

    results = together(16, lambda _n: ask(operator, 100_000))

    assert len(failures(results)) == 13
    assert all(isinstance(error, InvalidInputError) for error in failures(results)), failures(results)
    assert available(operator) == 0
    assert Payout.objects.count() == 3
    assert check.prove().faults == []


def test_as_many_as_a_day_allows_whatever_comes_at_once(database: str) -> None:
    operator = an_earner(3_000_000)
    results = together(16, lambda _n: ask(operator, 100_000))
    assert Payout.objects.count() == 16 - len(failures(results)) == settings.HEARTHLINE.payouts_a_day


def test_paid_refused_and_withdrawn_at_once_one_of_them_happens(database: str) -> None:
    operator, admin = an_earner(), new_id()
    asked = ask(operator)
    payouts.approve(payout=asked.pk, by=admin)

    def decide(number: int) -> Payout:
        if number % 2:
            return payouts.mark_paid(payout=asked.pk, by=admin)
        return payouts.refuse(payout=asked.pk, by=admin, reason="No such card.")

    results = together(8, decide)

    assert len(failures(results)) == 7
    state = Payout.objects.get().state
    assert available(operator) == (200_000 if state == PayoutState.PAID else 300_000)
    assert check.prove().faults == []
