"""Two-phase transfers: what moves, what is refused, and that asking twice is asking once."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
import time_machine
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_tasks_db.models import DBTaskResult

from hearthline.ledger import check, selectors, services, tasks
from hearthline.ledger.models import Account, AccountKey, AccountKind, Transfer, TransferCode
from hearthline.ledger.services import InsufficientFundsError, TelephoneCost
from hearthline.lib import clock
from hearthline.lib.errors import ConflictError, NotFoundError
from hearthline.lib.ids import new_id
from hearthline.lib.money import Money

pytestmark = pytest.mark.django_db


def rub(minor: int) -> Money:
    return Money(minor, "RUB")


@pytest.fixture
def customer() -> uuid.UUID:
    owner = new_id()
    services.top_up(organisation=owner, amount=rub(1000), id=new_id())
    return owner


def paid_out(operator: uuid.UUID, minor: int) -> None:
    services.transfer(
        id=new_id(),
        debit=services.account_of(AccountKind.OPERATOR_AVAILABLE, operator, "RUB"),
        credit=services.account_of(AccountKind.EXCHANGE_CASH, None, "RUB"),
        amount=rub(minor),
        code=TransferCode.PAYOUT,
        reference="payout",
    )


def balance(kind: AccountKind, owner: uuid.UUID | None) -> tuple[int, int]:
    return selectors.balance_of(kind, owner, "RUB").minor, selectors.available_of(kind, owner, "RUB").minor


def held(customer: uuid.UUID, operator: uuid.UUID, minor: int = 300) -> uuid.UUID:
    id = new_id()
    services.hold_conversation(
        id=id, organisation=customer, operator=operator, price=rub(minor), reference="assignment:1"
    )
    return id


def books() -> list[tuple[object, ...]]:
    accounts = Account.objects.order_by("pk").values_list()
    return [*accounts, *Transfer.objects.order_by("pk").values_list()]


def test_a_hold_is_settled_between_operator_and_exchange(customer: uuid.UUID) -> None:
    operator = new_id()
    hold = held(customer, operator)
    assert balance(AccountKind.CUSTOMER, customer) == (1000, 700)
    assert balance(AccountKind.OPERATOR_MATURING, operator) == (0, 0)

    settled = services.settle_conversation(hold=hold, commission=rub(60), telephone=TelephoneCost(new_id(), rub(17)))

    assert settled.posted_minor == 240
    assert balance(AccountKind.CUSTOMER, customer) == (700, 700)
    assert balance(AccountKind.OPERATOR_MATURING, operator) == (240, 240)
    assert balance(AccountKind.EXCHANGE_REVENUE, None) == (60, 60)
    assert balance(AccountKind.TELEPHONY_COST, None) == (-17, -17)
    assert balance(AccountKind.PROVIDER_PAYABLE, None) == (17, 17)
    assert check.prove().faults == []


def test_settling_again_is_settling_once_and_differently_is_refused(customer: uuid.UUID) -> None:
    hold = held(customer, new_id())
    first = services.settle_conversation(hold=hold, commission=rub(60))
    before = books()

    assert services.settle_conversation(hold=hold, commission=rub(60)) == first
    with pytest.raises(ConflictError):
        services.settle_conversation(hold=hold, commission=rub(61))
    with pytest.raises(ConflictError):
        services.void(hold)

    assert books() == before


def test_a_voided_hold_gives_all_back_and_stays_voided(customer: uuid.UUID) -> None:
    hold = held(customer, new_id())
    services.void(hold)
    assert balance(AccountKind.CUSTOMER, customer) == (1000, 1000)
    before = books()

    services.void(hold)
    for again in (services.post, lambda id: services.settle_conversation(hold=id, commission=rub(1))):
        with pytest.raises(ConflictError):
            again(hold)

    assert books() == before
    assert check.prove().faults == []


def test_a_hold_posted_for_less_frees_the_rest(customer: uuid.UUID) -> None:
    operator = new_id()
    hold = held(customer, operator)
    services.post(hold, rub(100))
    assert balance(AccountKind.CUSTOMER, customer) == (900, 900)
    assert balance(AccountKind.OPERATOR_MATURING, operator) == (100, 100)
    services.post(hold, rub(100))
    with pytest.raises(ConflictError):
        services.post(hold)
    assert check.prove().faults == []


@pytest.mark.parametrize("amount", [rub(0), rub(-1), rub(301), Money(10, "EUR")])
def test_a_hold_is_not_posted_for_what_it_does_not_hold(customer: uuid.UUID, amount: Money) -> None:
    hold = held(customer, new_id())
    before = books()
    with pytest.raises(ValueError, match="at most what it holds"):
        services.post(hold, amount)
    assert books() == before


def test_what_is_not_there_cannot_be_held_spent_or_paid_out(customer: uuid.UUID) -> None:
    operator = new_id()
    held(customer, operator, 900)
    with pytest.raises(InsufficientFundsError):
        held(customer, operator, 101)
    with pytest.raises(InsufficientFundsError):
        paid_out(operator, 1)
    debit, credit = (services.account_of(AccountKind.CUSTOMER, o, "RUB") for o in (customer, new_id()))
    with pytest.raises(InsufficientFundsError):
        services.transfer(id=new_id(), debit=debit, credit=credit, amount=rub(101), code="correction", reference="x")
    assert balance(AccountKind.CUSTOMER, customer) == (1000, 100)
    assert Transfer.objects.count() == 2
    assert check.prove().faults == []


def test_the_same_id_for_something_else_is_refused(customer: uuid.UUID) -> None:
    id, debit = new_id(), services.account_of(AccountKind.CUSTOMER, customer, "RUB")
    credit = services.account_of(AccountKind.EXCHANGE_REVENUE, None, "RUB")
    asked = {"id": id, "debit": debit, "credit": credit, "amount": rub(10), "code": "correction", "reference": "r"}
    services.transfer(**asked)  # type: ignore[arg-type]
    before = books()

    services.transfer(**asked)  # type: ignore[arg-type]
    cash = services.account_of(AccountKind.PROVIDER_PAYABLE, None, "RUB")
    for other in ({"amount": rub(11)}, {"reference": "s"}, {"code": "payout"}, {"credit": cash}):
        with pytest.raises(ConflictError):
            services.transfer(**{**asked, **other})  # type: ignore[arg-type]

    assert [row for row in books() if row[1] != "provider_payable"] == before


@pytest.mark.parametrize("commission", [rub(-1), rub(300), rub(301)])
def test_a_commission_leaves_the_operator_something(customer: uuid.UUID, commission: Money) -> None:
    hold = held(customer, new_id())
    before = books()
    with pytest.raises(ValueError, match="commission"):
        services.settle_conversation(hold=hold, commission=commission)
    assert books() == before


def test_a_transfer_stays_in_one_currency(customer: uuid.UUID) -> None:
    debit = services.account_of(AccountKind.CUSTOMER, customer, "RUB")
    credit = services.account_of(AccountKind.EXCHANGE_REVENUE, None, "EUR")
    with pytest.raises(ValueError, match="one currency"):
        services.transfer(id=new_id(), debit=debit, credit=credit, amount=rub(1), code="correction", reference="x")


def test_what_was_never_made_cannot_be_settled() -> None:
    for settle in (services.post, services.void):
        with pytest.raises(NotFoundError):
            settle(new_id())


def test_the_bonus_is_given_once(customer: uuid.UUID) -> None:
    for _ in range(3):
        services.give_bonus(organisation=customer, amount=rub(500))
    assert balance(AccountKind.CUSTOMER, customer) == (1500, 1500)
    assert services.give_bonus(organisation=new_id(), amount=rub(0)) is None


def test_a_telephone_call_that_cost_nothing_is_not_written_down() -> None:
    assert services.record_telephone_cost(TelephoneCost(new_id(), rub(0)), reference="attempt:1") is None
    cost = TelephoneCost(new_id(), rub(12))
    for _ in range(2):
        services.record_telephone_cost(cost, reference="attempt:2")
    assert balance(AccountKind.PROVIDER_PAYABLE, None) == (12, 12)


def test_pay_matures_when_the_review_is_over_and_can_then_be_paid_out(customer: uuid.UUID) -> None:
    operator = new_id()
    services.settle_conversation(hold=held(customer, operator, 300), commission=rub(60))
    services.settle_conversation(hold=held(customer, operator, 200), commission=rub(40))
    window = timedelta(hours=settings.HEARTHLINE.review_window_hours)

    assert services.mature(clock.now() + window - timedelta(minutes=1)) == 0
    assert balance(AccountKind.OPERATOR_AVAILABLE, operator) == (0, 0)
    assert services.mature(clock.now() + window) == 2
    assert services.mature(clock.now() + window) == 0

    assert balance(AccountKind.OPERATOR_MATURING, operator) == (0, 0)
    assert balance(AccountKind.OPERATOR_AVAILABLE, operator) == (400, 400)
    paid_out(operator, 400)
    assert balance(AccountKind.OPERATOR_AVAILABLE, operator) == (0, 0)
    assert check.prove().faults == []


def test_pay_that_has_just_come_due_is_matured_at_once_and_what_stays_due_is_left_to_the_round(
    customer: uuid.UUID,
) -> None:
    services.settle_conversation(hold=held(customer, new_id(), 300), commission=rub(60))
    due = clock.now() + timedelta(hours=settings.HEARTHLINE.review_window_hours)
    for moment, queued in (
        (due - timedelta(seconds=5), 0),
        (due + timedelta(hours=1), 0),
        (due + timedelta(seconds=5), 1),
    ):
        with time_machine.travel(moment, tick=False):
            tasks.mature_what_came_due()
        assert DBTaskResult.objects.filter(task_path__endswith="mature_pay").count() == queued


def test_corrected_pay_goes_back_and_never_matures(customer: uuid.UUID) -> None:
    operator = new_id()
    pay = services.settle_conversation(hold=held(customer, operator, 300), commission=rub(60))
    correction = new_id()
    for _ in range(2):
        services.correct(id=correction, original=pay.pk, reference="dispute:1")

    assert balance(AccountKind.CUSTOMER, customer) == (940, 940)
    assert balance(AccountKind.OPERATOR_MATURING, operator) == (0, 0)
    assert services.mature(clock.now() + timedelta(days=365)) == 0
    assert check.prove().faults == []


def test_one_operators_trouble_does_not_keep_the_others_waiting(customer: uuid.UUID) -> None:
    troubled, fine = sorted((new_id(), new_id()), key=lambda o: AccountKey(AccountKind.OPERATOR_MATURING, o, "RUB").id)
    for operator in (troubled, fine):
        services.settle_conversation(hold=held(customer, operator, 300), commission=rub(60))
    review = services.account_of(AccountKind.OPERATOR_MATURING, troubled, "RUB")
    revenue = services.account_of(AccountKind.EXCHANGE_REVENUE, None, "RUB")
    services.transfer(id=new_id(), debit=review, credit=revenue, amount=rub(1), code="correction", reference="by hand")

    assert services.mature(clock.now() + timedelta(days=365)) == 1

    assert balance(AccountKind.OPERATOR_AVAILABLE, fine) == (240, 240)
    assert balance(AccountKind.OPERATOR_MATURING, troubled) == (239, 239)
    assert check.prove().faults == []


def test_only_what_was_posted_can_be_corrected(customer: uuid.UUID) -> None:
    hold = held(customer, new_id())
    before = books()
    with pytest.raises(ConflictError):
        services.correct(id=new_id(), original=hold, reference="dispute:1")
    assert books() == before


def test_a_statement_shows_what_moved_without_what_was_given_back(customer: uuid.UUID) -> None:
    operator = new_id()
    services.void(held(customer, operator))
    services.settle_conversation(hold=held(customer, operator), commission=rub(60))
    codes = [t.code for t in selectors.statement(AccountKind.CUSTOMER, customer, "RUB")]
    assert sorted(codes) == ["commission", "conversation_pay", "topup"]


def test_a_settlement_is_few_queries(customer: uuid.UUID) -> None:
    hold = held(customer, new_id())
    services.settle_conversation(hold=hold, commission=rub(60), telephone=TelephoneCost(new_id(), rub(3)))
    hold = held(customer, new_id())
    with CaptureQueriesContext(
        connection,
    ) as queries:
        services.settle_conversation(hold=hold, commission=rub(60), telephone=TelephoneCost(new_id(), rub(3)))
    assert len(queries) <= 11, [q["sql"][:80] for q in queries]


def test_the_proof_finds_a_coin_that_was_moved_by_hand(customer: uuid.UUID) -> None:
    held(customer, new_id())
    assert check.prove().sound
    account = Account.objects.filter(kind=AccountKind.CUSTOMER)
    account.update(credits_posted=1001)
    report = check.prove()
    assert not report.sound
    assert report.sums == {"RUB": 1}
    assert any("credits_posted is 1001, its transfers add up to 1000" in fault for fault in report.faults)
    account.update(credits_posted=1000, debits_pending=0)
    assert any("pending" in fault for fault in check.prove().faults)
