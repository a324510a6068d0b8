"""Money that many want at once, on both databases."""

from __future__ import annotations

import random
import uuid

from django.db import transaction

from hearthline.ledger import check, services
from hearthline.ledger.models import Account, AccountKind, Transfer, TransferState
from hearthline.ledger.services import InsufficientFundsError
from hearthline.lib import clock
from hearthline.lib.errors import ConflictError
from hearthline.lib.ids import new_id
from hearthline.lib.money import Money
from tests.races import failures, together

THREADS = 16


def rub(minor: int) -> Money:
    return Money(minor, "RUB")


def a_customer(minor: int) -> uuid.UUID:
    owner = new_id()
    services.top_up(organisation=owner, amount=rub(minor), id=new_id())
    return owner


def customer_account(owner: uuid.UUID) -> Account:
    return services.account_of(AccountKind.CUSTOMER, owner, "RUB")


def test_sixteen_holds_for_ten_prices_never_overdraw(database: str) -> None:
    customer = a_customer(1000)

    def hold(number: int) -> Transfer:
        return services.hold_conversation(
            id=new_id(), organisation=customer, operator=new_id(), price=rub(100), reference=f"assignment:{number}"
        )

    results = together(THREADS, hold)

    refused = failures(results)
    assert len(refused) == 6
    assert all(isinstance(r, InsufficientFundsError) for r in refused)
    account = customer_account(customer)
    assert (account.available, account.debits_pending) == (0, 1000)
    assert Transfer.objects.filter(state=TransferState.PENDING).count() == 10
    assert check.prove().faults == []


def test_sixteen_times_the_same_hold_is_one_hold(database: str) -> None:
    customer, operator, id = a_customer(150), new_id(), new_id()

    def hold(number: int) -> Transfer:
        return services.hold_conversation(
            id=id, organisation=customer, operator=operator, price=rub(100), reference="assignment:1"
        )

    results = together(THREADS, hold)

    assert failures(results) == []
    assert customer_account(customer).debits_pending == 100
    assert check.prove().faults == []


def test_sixteen_settlements_of_one_hold_are_one(database: str) -> None:
    customer, operator, id, call = a_customer(1000), new_id(), new_id(), new_id()
    services.hold_conversation(
        id=id, organisation=customer, operator=operator, price=rub(100), reference="assignment:1"
    )

    def settle(number: int) -> Transfer:
        cost = services.TelephoneCost(call, rub(7))
        return services.settle_conversation(hold=id, commission=rub(20), telephone=cost)

    results = together(THREADS, settle)

    assert failures(results) == []
    assert customer_account(customer).balance == 900
    assert services.account_of(AccountKind.OPERATOR_MATURING, operator, "RUB").balance == 80
    assert services.account_of(AccountKind.EXCHANGE_REVENUE, None, "RUB").balance == 20
    assert services.account_of(AccountKind.PROVIDER_PAYABLE, None, "RUB").balance == 7
    assert check.prove().faults == []


def test_posting_and_voiding_race_and_one_of_them_wins(database: str) -> None:
    customer, operator, id = a_customer(1000), new_id(), new_id()
    services.hold_conversation(
        id=id, organisation=customer, operator=operator, price=rub(100), reference="assignment:1"
    )

    results = together(THREADS, lambda number: services.post(id) if number % 2 else services.void(id))

    refused = failures(results)
    assert len(refused) == THREADS // 2
    assert all(isinstance(r, ConflictError) for r in refused)
    assert customer_account(customer).balance in (900, 1000)
    assert customer_account(customer).debits_pending == 0
    assert check.prove().faults == []


def test_transfers_back_and_forth_do_not_wait_for_each_other_in_a_circle(database: str) -> None:
    owners = [a_customer(1000) for _ in range(4)]
    accounts = [customer_account(owner) for owner in owners]

    def wander(number: int) -> int:
        dice = random.Random(number)
        moved = 0
        for _ in range(15):
            debit, credit = dice.sample(accounts, 2)
            try:
                services.transfer(
                    id=new_id(), debit=debit, credit=credit, amount=rub(dice.randint(1, 900)), code="correction",
                    reference="wandering",
                )  # fmt: skip
                moved += 1
            except InsufficientFundsError:
                continue
        return moved

    results = together(THREADS, wander)

    assert failures(results) == []
    report = check.prove()
    assert report.faults == []
    assert report.sums == {"RUB": 0}
    assert sum(customer_account(owner).balance for owner in owners) == 4000


def test_conversations_of_many_operators_settle_at_once(database: str) -> None:
    customers = [a_customer(100_000) for _ in range(3)]

    def work(number: int) -> int:
        operator = new_id()
        for call in range(6):
            id = new_id()
            services.hold_conversation(
                id=id,
                organisation=customers[(number + call) % 3],
                operator=operator,
                price=rub(100),
                reference=f"a:{id}",
            )
            if call % 3 == 2:
                services.void(id)
            else:
                cost = services.TelephoneCost(new_id(), rub(3))
                services.settle_conversation(hold=id, commission=rub(20), telephone=cost)
        return 4

    results = together(THREADS, work)

    assert failures(results) == []
    assert services.account_of(AccountKind.EXCHANGE_REVENUE, None, "RUB").balance == THREADS * 4 * 20
    assert check.prove().faults == []


def test_maturing_in_several_places_at_once_matures_each_pay_once(database: str, settings) -> None:  # type: ignore[no-untyped-def]
    settings.HEARTHLINE = settings.HEARTHLINE.model_copy(update={"review_window_hours": 0})
    customer, operators = a_customer(100_000), [new_id() for _ in range(3)]
    for number in range(30):
        id = new_id()
        services.hold_conversation(
            id=id, organisation=customer, operator=operators[number % 3], price=rub(100), reference=f"a:{number}"
        )
        services.settle_conversation(hold=id, commission=rub(20))

    results = together(8, lambda number: services.mature(clock.now()))

    assert failures(results) == []
    assert sum(r for r in results if isinstance(r, int)) == 30
    for operator in operators:
        assert services.account_of(AccountKind.OPERATOR_AVAILABLE, operator, "RUB").balance == 800
        assert services.account_of(AccountKind.OPERATOR_MATURING, operator, "RUB").balance == 0
    assert check.prove().faults == []


def test_a_crash_in_the_middle_leaves_nothing(database: str) -> None:
    class CrashError(Exception):
        pass

    customer, operator, id = a_customer(1000), new_id(), new_id()
    services.hold_conversation(id=id, organisation=customer, operator=operator, price=rub(100), reference="a:1")

    def crash(number: int) -> None:
        with transaction.atomic():
            services.settle_conversation(
                hold=id, commission=rub(20), telephone=services.TelephoneCost(new_id(), rub(3))
            )
            raise CrashError

    results = together(4, crash)

    assert all(isinstance(r, CrashError) for r in results)
    assert Transfer.objects.get(pk=id).state == TransferState.PENDING
    account = customer_account(customer)
    assert (account.balance, account.debits_pending) == (1000, 100)
    assert Transfer.objects.count() == 2  # the top-up and the hold
    assert check.prove().faults == []
    services.settle_conversation(hold=id, commission=rub(20))  # and it can be settled after that
    assert check.prove().faults == []


def test_the_first_settlements_of_all_open_the_exchanges_accounts_without_a_deadlock(database: str) -> None:
    customer, call = a_customer(100_000), new_id()
    holds = [new_id() for _ in range(THREADS)]
    for id in holds:
        services.hold_conversation(id=id, organisation=customer, operator=new_id(), price=rub(100), reference=f"a:{id}")

    def work(number: int) -> None:
        cost = services.TelephoneCost(new_id(), rub(3))
        if number % 3 == 0:
            services.record_telephone_cost(services.TelephoneCost(call, rub(5)), reference="attempt:1")
        services.settle_conversation(hold=holds[number], commission=rub(20), telephone=cost)

    results = together(THREADS, work)

    assert failures(results) == []
    assert services.account_of(AccountKind.EXCHANGE_REVENUE, None, "RUB").balance == THREADS * 20
    assert services.account_of(AccountKind.PROVIDER_PAYABLE, None, "RUB").balance == THREADS * 3 + 5
    assert check.prove().faults == []


def test_a_hold_asked_for_by_many_while_money_arrives_is_made_at_most_once(database: str) -> None:
    customer, operator, id = a_customer(50), new_id(), new_id()
    arrives = new_id()

    def work(number: int) -> Transfer:
        if number == 3:
            return services.top_up(organisation=customer, amount=rub(60), id=arrives)
        return services.hold_conversation(
            id=id, organisation=customer, operator=operator, price=rub(100), reference="assignment:1"
        )

    results = together(THREADS, work)

    assert all(isinstance(r, InsufficientFundsError) for r in failures(results))
    held = sum(isinstance(r, Transfer) and r.pk == id for r in results)
    assert customer_account(customer).debits_pending == (100 if held else 0)
    assert check.prove().faults == []
