"""Reading the books."""

from __future__ import annotations

import uuid

from django.db.models import Q, QuerySet

from hearthline.ledger.models import Account, AccountKey, AccountKind, Transfer, TransferState
from hearthline.lib.money import Money


def balance_of(kind: AccountKind, owner: uuid.UUID | None, currency: str) -> Money:
    """What is on the account, holds included; zero when it was never opened."""
    account = _account(kind, owner, currency)
    return Money(account.balance if account else 0, currency)


def available_of(kind: AccountKind, owner: uuid.UUID | None, currency: str) -> Money:
    """What can be spent: the balance without what is held."""
    account = _account(kind, owner, currency)
    return Money(account.available if account else 0, currency)


def held_of(kind: AccountKind, owner: uuid.UUID | None, currency: str) -> Money:
    account = _account(kind, owner, currency)
    return Money(account.debits_pending if account else 0, currency)


def available_of_many(kind: AccountKind, owners: list[uuid.UUID], currency: str) -> dict[uuid.UUID, Money]:
    """The same for a page of owners, in one query."""
    ids = [AccountKey(kind, owner, currency).id for owner in owners]
    found = {a.owner: Money(a.available, currency) for a in Account.objects.filter(pk__in=ids)}
    return {owner: found.get(owner, Money(0, currency)) for owner in owners}


def statement(kind: AccountKind, owner: uuid.UUID | None, currency: str) -> QuerySet[Transfer]:
    """What moved on the account, the latest first; voided holds are left out. Slice it: it may be long."""
    id = AccountKey(kind, owner, currency).id
    return (
        Transfer.objects.filter(Q(debit_id=id) | Q(credit_id=id))
        .exclude(state=TransferState.VOIDED)
        .select_related("debit", "credit")
        .order_by("-created_at", "-pk")
    )


def _account(kind: AccountKind, owner: uuid.UUID | None, currency: str) -> Account | None:
    return Account.objects.filter(pk=AccountKey(kind, owner, currency).id).first()
