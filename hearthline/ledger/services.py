"""Moving money. Each function is one transaction, and repeating it with the same id changes nothing.

Lock order everywhere: transfers that are there, then accounts in the order of `accounts.Changes`, then the ids of new
transfers. A caller with a transaction of
its own should make one ledger call in it: two calls lock accounts in two rounds, and two such transactions may wait for
each other (PostgreSQL then ends one of them). `settle_conversation` exists so that the hot case is one call.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from hearthline.ledger import one_statement
from hearthline.ledger.accounts import Changes, InsufficientFundsError, account_of, open_accounts
from hearthline.ledger.models import (
    Account,
    AccountKey,
    AccountKind,
    Transfer,
    TransferCode,
    TransferState,
)
from hearthline.ledger.movements import Movement, make, new, once, transfer_of
from hearthline.lib import clock
from hearthline.lib.errors import ConflictError
from hearthline.lib.ids import derived_id, new_id
from hearthline.lib.money import Money

__all__ = [
    "InsufficientFundsError",
    "TelephoneCost",
    "account_of",
    "correct",
    "give_bonus",
    "hold",
    "hold_conversation",
    "hold_own_conversation",
    "mature",
    "post",
    "record_telephone_cost",
    "settle_conversation",
    "top_up",
    "transfer",
    "void",
]

MATURING_BATCH = 500
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TelephoneCost:
    """What a call cost the exchange. `id` is made by the caller (one per attempt), `amount` may be zero."""

    id: uuid.UUID
    amount: Money


def transfer(*, id: uuid.UUID, debit: Account, credit: Account, amount: Money, code: str, reference: str) -> Transfer:
    """Move `amount` at once.

    Raises InsufficientFundsError, or ConflictError when the id was used for something else.
    """
    return once(new(id, debit.key, credit.key, amount, code, reference), TransferState.POSTED)


def hold(*, id: uuid.UUID, debit: Account, credit: Account, amount: Money, code: str, reference: str) -> Transfer:
    """Set `amount` aside on `debit` until `post` or `void`. Raises as `transfer` does."""
    return once(new(id, debit.key, credit.key, amount, code, reference), TransferState.PENDING)


def hold_conversation(
    *, id: uuid.UUID, organisation: uuid.UUID, operator: uuid.UUID, price: Money, reference: str
) -> Transfer:
    """Set the price of a conversation aside: the customer's money, promised to the operator. Raises as `transfer` does."""
    debit = AccountKey(AccountKind.CUSTOMER, organisation, price.currency)
    credit = AccountKey(AccountKind.OPERATOR_MATURING, operator, price.currency)
    return once(new(id, debit, credit, price, TransferCode.CONVERSATION_PAY, reference), TransferState.PENDING)


def hold_own_conversation(*, id: uuid.UUID, operator: uuid.UUID, pay: Money, reference: str) -> Transfer:
    """Set an operator's pay aside for a conversation that the exchange itself pays. Raises as `transfer` does."""
    debit = AccountKey(AccountKind.QUALITY_COST, None, pay.currency)
    credit = AccountKey(AccountKind.OPERATOR_MATURING, operator, pay.currency)
    return once(new(id, debit, credit, pay, TransferCode.CONVERSATION_PAY, reference), TransferState.PENDING)


def post(id: uuid.UUID, amount: Money | None = None) -> Transfer:
    """Settle a hold for `amount` (at most what is held; None: all of it); the rest is free again.

    Raises NotFoundError, or ConflictError when it was voided or posted for another amount.
    """
    held = transfer_of(id)
    minor = held.amount_minor if amount is None else _posting(held, amount)
    with transaction.atomic():
        if not _take(held, state=TransferState.POSTED, posted_minor=minor):
            return _same_ending(id, TransferState.POSTED, minor)
        changes = Changes()
        changes.hold(held.debit.key, held.credit.key, -held.amount_minor)
        changes.move(held.debit.key, held.credit.key, minor)
        changes.apply()
    return Transfer.objects.get(pk=id)


def void(id: uuid.UUID) -> Transfer:
    """Give a hold back. Raises NotFoundError, or ConflictError when it was posted."""
    held = transfer_of(id)
    with transaction.atomic():
        if not _take(held, state=TransferState.VOIDED, posted_minor=0):
            return _same_ending(id, TransferState.VOIDED, 0)
        changes = Changes()
        changes.hold(held.debit.key, held.credit.key, -held.amount_minor)
        changes.apply()
    return Transfer.objects.get(pk=id)


def settle_conversation(*, hold: uuid.UUID, commission: Money, telephone: TelephoneCost | None = None) -> Transfer:
    """The final movement of a payable conversation, in one transaction.

    The held price is divided: `commission` goes to the exchange, the rest to the operator, where it stays in review for
    `review_window_hours`. With `telephone` its cost is posted too. Returns the posted hold: `posted_minor` is the
    operator's pay. Raises NotFoundError, or ConflictError when the hold was voided or settled differently.
    """
    if commission.minor < 0 or (telephone is not None and telephone.amount.minor < 0):
        raise ValueError("neither a commission nor a cost is less than nothing")
    if telephone is not None and telephone.amount.currency != commission.currency:
        raise ValueError("a settlement stays in one currency")
    now = clock.now()
    matures_at = now + timedelta(hours=settings.HEARTHLINE.review_window_hours)
    if one_statement.available():
        settled = one_statement.settle(
            hold=hold,
            currency=commission.currency,
            own=_own_accounts(commission.currency),
            commission=(derived_id(hold, "commission"), commission.minor),
            telephone=(telephone.id, telephone.amount.minor) if telephone else (hold, 0),
            now=now,
            matures_at=matures_at,
        )
        if settled is not None:
            return settled
    return _settle_step_by_step(hold, commission, telephone, now, matures_at)


def _settle_step_by_step(
    hold: uuid.UUID, commission: Money, telephone: TelephoneCost | None, now: datetime, matures_at: datetime
) -> Transfer:
    held = transfer_of(hold)
    price = Money(held.amount_minor, held.debit.currency)
    pay = price - commission
    if pay.minor <= 0:
        raise ValueError("the commission must leave the operator something")
    customer, operator = held.debit.key, held.credit.key
    revenue = _own_accounts(price.currency)[0]
    with transaction.atomic():
        if one_statement.available():
            open_accounts(_own_accounts(price.currency))  # so that the next settlement finds all of them
        if not _take(held, state=TransferState.POSTED, posted_minor=pay.minor, matures_at=matures_at):
            return _same_ending(hold, TransferState.POSTED, pay.minor)
        changes = Changes()
        changes.hold(customer, operator, -price.minor)
        changes.move(customer, operator, pay.minor)
        transfers = []
        if commission.minor:
            id = derived_id(hold, "commission")
            transfers.append(new(id, customer, revenue, commission, TransferCode.COMMISSION, held.reference))
        if telephone is not None and telephone.amount.minor:
            transfers.append(_telephone(telephone, held.reference))
        make(transfers, changes, now)
    return Transfer.objects.get(pk=hold)


def _own_accounts(currency: str) -> tuple[AccountKey, AccountKey, AccountKey]:
    revenue, telephony, provider = (
        AccountKey(kind, None, currency)
        for kind in (AccountKind.EXCHANGE_REVENUE, AccountKind.TELEPHONY_COST, AccountKind.PROVIDER_PAYABLE)
    )
    return revenue, telephony, provider


def record_telephone_cost(cost: TelephoneCost, *, reference: str) -> Transfer | None:
    """What an answered call cost the exchange when no conversation is settled with it. None when it was free."""
    return once(_telephone(cost, reference), TransferState.POSTED) if cost.amount.minor else None


def top_up(*, organisation: uuid.UUID, amount: Money, id: uuid.UUID) -> Transfer:
    """Money arrived at the bank for a customer. `id` is made by whoever asks: the same id is the same payment."""
    debit = AccountKey(AccountKind.EXCHANGE_CASH, None, amount.currency)
    credit = AccountKey(AccountKind.CUSTOMER, organisation, amount.currency)
    return once(new(id, debit, credit, amount, TransferCode.TOP_UP, f"topup:{id}"), TransferState.POSTED)


def give_bonus(*, organisation: uuid.UUID, amount: Money) -> Transfer | None:
    """The registration bonus: once per organisation, however often it is asked for. None when there is none to give."""
    if not amount.minor:
        return None
    debit = AccountKey(AccountKind.EXCHANGE_BONUS, None, amount.currency)
    credit = AccountKey(AccountKind.CUSTOMER, organisation, amount.currency)
    id = derived_id(organisation, "registration-bonus")
    return once(
        new(id, debit, credit, amount, TransferCode.BONUS, f"organisation:{organisation}"), TransferState.POSTED
    )


def correct(*, id: uuid.UUID, original: uuid.UUID, reference: str) -> Transfer:
    """Move back all that a posted transfer moved; pay in review stops maturing.

    Raises InsufficientFundsError when it was already spent, ConflictError when the original is not posted.
    """
    wrong = transfer_of(original)
    if wrong.state != TransferState.POSTED:
        raise ConflictError(_("Only a posted transfer can be corrected."))
    amount = Money(wrong.posted_minor, wrong.debit.currency)
    correction = new(id, wrong.credit.key, wrong.debit.key, amount, TransferCode.CORRECTION, reference)
    with transaction.atomic():
        Transfer.objects.filter(pk=original).update(matures_at=None)
        return once(correction, TransferState.POSTED)


def mature(now: datetime) -> int:
    """Let pay whose review is over become available. Returns how many transfers matured; safe to run at any time, in
    several places at once, and again. An operator whose pay is not all there (it was corrected by hand) is left for a
    person to look at; the others are not kept waiting."""
    due = Transfer.objects.filter(matures_at__lte=now).order_by("credit").values_list("credit", flat=True).distinct()
    matured = 0
    for account in list(due):
        try:
            while batch := _mature_account(account, now):
                matured += batch
        except InsufficientFundsError:
            _log.warning("pay in review is not all there", account=str(account))
    return matured


def _mature_account(account: uuid.UUID, now: datetime) -> int:
    with transaction.atomic():
        due = Transfer.objects.filter(credit=account, matures_at__lte=now).select_related("credit").order_by("pk")
        if connection.features.has_select_for_update_skip_locked:
            due = due.select_for_update(skip_locked=True, of=("self",))
        rows = list(due[:MATURING_BATCH])
        if not rows:
            return 0
        Transfer.objects.filter(pk__in=[row.pk for row in rows]).update(matures_at=None)
        review = rows[0].credit.key
        amount = Money(sum(row.posted_minor for row in rows), review.currency)
        available = review._replace(kind=AccountKind.OPERATOR_AVAILABLE)
        reference = f"review:{now:%Y-%m-%dT%H:%M}"
        make([new(new_id(), review, available, amount, TransferCode.MATURING, reference)], Changes(), clock.now())
    return len(rows)


def _telephone(cost: TelephoneCost, reference: str) -> Movement:
    currency = cost.amount.currency
    debit = AccountKey(AccountKind.TELEPHONY_COST, None, currency)
    credit = AccountKey(AccountKind.PROVIDER_PAYABLE, None, currency)
    return new(cost.id, debit, credit, cost.amount, TransferCode.TELEPHONE, reference)


def _posting(held: Transfer, amount: Money) -> int:
    if amount.currency != held.debit.currency or not 0 < amount.minor <= held.amount_minor:
        raise ValueError("a hold is posted for at most what it holds, in its currency")
    return amount.minor


def _take(held: Transfer, **fields: object) -> bool:
    """End a hold, if it is still one: of all who try, one."""
    pending = Transfer.objects.filter(pk=held.pk, state=TransferState.PENDING)
    return pending.update(settled_at=clock.now(), **fields) == 1


def _same_ending(id: uuid.UUID, state: TransferState, posted_minor: int) -> Transfer:
    ended = Transfer.objects.get(pk=id)
    if (ended.state, ended.posted_minor) != (state, posted_minor):
        raise ConflictError(_("This hold was already settled differently."), state=ended.state)
    return ended
