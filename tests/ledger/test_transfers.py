"""Two-phase transfers: what moves, what is refused, and that asking twice is asking once."""

from __future__ import annotations

import uuid

import pytest

from hearthline.ledger import services
from hearthline.ledger.models import Account, AccountKind
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


def balance(kind: AccountKind, owner: uuid.UUID | None) -> tuple[int, int]:
    account = services.account_of(kind, owner, "RUB")
    return account.balance, account.available


def total() -> int:
    return sum(a.balance for a in Account.objects.all())


def test_a_hold_is_settled_between_operator_and_exchange(customer: uuid.UUID) -> None:
    operator, hold = new_id(), new_id()
    services.hold_conversation(
        id=hold, organisation=customer, operator=operator, price=rub(300), reference="assignment:1"
    )
    assert balance(AccountKind.CUSTOMER, customer) == (1000, 700)
    assert balance(AccountKind.OPERATOR_MATURING, operator) == (0, 0)

    settled = services.settle_conversation(
        hold=hold, commission=rub(60), telephone=services.TelephoneCost(new_id(), rub(17))
    )

    assert settled.posted_minor == 240
    assert balance(AccountKind.CUSTOMER, customer) == (700, 700)
    assert balance(AccountKind.OPERATOR_MATURING, operator) == (240, 240)
    assert balance(AccountKind.EXCHANGE_REVENUE, None) == (60, 60)
    assert balance(AccountKind.TELEPHONY_COST, None) == (-17, -17)
    assert balance(AccountKind.PROVIDER_PAYABLE, None) == (17, 17)
    assert total() == 0
