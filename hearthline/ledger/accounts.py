"""Accounts and the one way in which their four sides change.

Every change of an account is one UPDATE that also guards its balance. Several accounts are changed in a fixed order
(`_ORDER`, then id), so that two transactions never wait for each other in a circle; the accounts that everybody shares
come last, so that they are locked for the shortest time.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from hearthline.ledger.models import MAY_GO_NEGATIVE, Account, AccountKey, AccountKind
from hearthline.lib.errors import ExchangeError

_ORDER = {
    kind: place
    for place, kind in enumerate(
        (
            AccountKind.CUSTOMER,
            AccountKind.QUALITY_COST,
            AccountKind.OPERATOR_MATURING,
            AccountKind.OPERATOR_AVAILABLE,
            AccountKind.EXCHANGE_BONUS,
            AccountKind.EXCHANGE_CASH,
            AccountKind.TELEPHONY_COST,
            AccountKind.PROVIDER_PAYABLE,
            AccountKind.EXCHANGE_REVENUE,
        )
    )
}


class InsufficientFundsError(ExchangeError):
    """The account has not enough available; nothing was moved."""

    code = "insufficient_funds"
    status = 402

    def __init__(self) -> None:
        super().__init__(_("There is not enough money on the balance. Top it up, then try again."))


@dataclass(slots=True)
class Change:
    """What is added to the sides of one account, in minor units; negative takes away."""

    debits_pending: int = 0
    debits_posted: int = 0
    credits_pending: int = 0
    credits_posted: int = 0

    @property
    def spends(self) -> int:
        """By how much the available balance falls."""
        return self.debits_pending + self.debits_posted - self.credits_posted


class Changes:
    """The changes of one transaction, gathered per account, applied in the one order."""

    def __init__(self) -> None:
        self._by_account: defaultdict[AccountKey, Change] = defaultdict(Change)

    def hold(self, debit: AccountKey, credit: AccountKey, minor: int) -> None:
        self._by_account[debit].debits_pending += minor
        self._by_account[credit].credits_pending += minor

    def move(self, debit: AccountKey, credit: AccountKey, minor: int) -> None:
        self._by_account[debit].debits_posted += minor
        self._by_account[credit].credits_posted += minor

    def apply(self) -> None:
        """Within the caller's transaction. Raises InsufficientFundsError; the caller's transaction must then roll back."""
        for key in sorted(self._by_account, key=_place):
            change = self._by_account[key]
            if not _change(key, change):
                open_accounts([key])
                if not _change(key, change):
                    raise InsufficientFundsError


def account_of(kind: AccountKind, owner: uuid.UUID | None, currency: str) -> Account:
    """The account, opened if there is none. `owner` is an organisation's or operator's id, or None for the exchange's own."""
    key = AccountKey(AccountKind(kind), owner, currency)
    account = Account.objects.filter(pk=key.id).first()
    if account is None:
        open_accounts([key])
        account = Account.objects.get(pk=key.id)
    return account


def _place(key: AccountKey) -> tuple[int, uuid.UUID]:
    return _ORDER[key.kind], key.id


def _change(key: AccountKey, change: Change) -> bool:
    """False: the account does not exist, or has not enough."""
    rows = Account.objects.filter(pk=key.id)
    if change.spends > 0:
        rows = rows.filter(
            Q(may_go_negative=True) | Q(credits_posted__gte=F("debits_posted") + F("debits_pending") + change.spends)
        )
    sides = {
        side: F(side) + added
        for side in ("debits_pending", "debits_posted", "credits_pending", "credits_posted")
        if (added := getattr(change, side))
    }
    return not sides or rows.update(**sides) == 1


def open_accounts(keys: Iterable[AccountKey]) -> None:
    """Open those that are not open yet."""
    Account.objects.bulk_create(
        [
            Account(
                id=key.id,
                kind=key.kind,
                owner=key.owner,
                currency=key.currency,
                may_go_negative=key.kind in MAY_GO_NEGATIVE,
            )
            for key in keys
        ],
        ignore_conflicts=True,  # somebody else was first: it is the same account
    )
