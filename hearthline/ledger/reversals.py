"""Setting settled conversations right: pay that must wait, that goes back, that is given after all.

Each function makes one transaction of the ledger; ids derive from the hold, so that repeating changes nothing. Whoever has
stopped a pay's maturing must remember it: afterwards the transfer itself does not tell "stopped" from "matured".
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from hearthline.ledger.accounts import Changes
from hearthline.ledger.models import AccountKey, AccountKind, Transfer, TransferCode, TransferState
from hearthline.ledger.movements import Movement, make, new, once, transfer_of
from hearthline.lib import clock
from hearthline.lib.errors import ConflictError
from hearthline.lib.ids import derived_id
from hearthline.lib.money import Money


def stop_maturing(hold: uuid.UUID) -> datetime:
    """The pay stays in review until it is decided on. Returns when it would have left it. Raises ConflictError when it has."""
    due = Transfer.objects.filter(pk=hold, state=TransferState.POSTED).values_list("matures_at", flat=True).first()
    if due is None or Transfer.objects.filter(pk=hold, matures_at=due).update(matures_at=None) != 1:
        raise ConflictError(_("The time of review is over: this conversation is paid."))
    return due


def resume_maturing(hold: uuid.UUID, at: datetime) -> None:
    """Undo `stop_maturing`: the pay leaves the review at `at`."""
    Transfer.objects.filter(pk=hold, state=TransferState.POSTED, matures_at=None).update(matures_at=at)


@dataclass(frozen=True, slots=True)
class Reversal:
    """A settled conversation whose pay and commission are to go back to whoever bore them."""

    hold: uuid.UUID
    reference: str
    stopped: bool = False  # the caller has stopped the pay's maturing, so it is still in review
    borne: bool = False  # the exchange has refunded the customer: what comes back is the exchange's


def reverse_conversations(asked: Sequence[Reversal]) -> None:
    """Pay and commission go back to the customer, or to the exchange where it has borne a refund; all of them, or none. One call
    for many, so that the accounts are locked in one round. Each hold is reversed once, however often it is asked for.

    Raises InsufficientFundsError when a pay was matured and has been paid out, ConflictError when a hold was never posted.
    """
    with transaction.atomic():
        made = _made(derived_id(one.hold, "reversal") for one in asked)
        back = [
            movement
            for one in sorted(asked, key=lambda one: one.hold)
            if derived_id(one.hold, "reversal") not in made
            for movement in _back(one)
        ]
        make(back, Changes(), clock.now())


def _back(asked: Reversal) -> list[Movement]:
    settled = transfer_of(asked.hold)
    if settled.state != TransferState.POSTED:
        raise ConflictError(_("Only a conversation that was paid can be reversed."))
    currency = settled.debit.currency
    payer, operator = settled.debit.key, settled.credit.key
    if asked.borne:
        payer = AccountKey(AccountKind.EXCHANGE_BONUS, None, currency)
    reviewed = Transfer.objects.filter(pk=asked.hold, matures_at__isnull=False).update(matures_at=None) == 1
    if not reviewed and not asked.stopped:
        operator = operator._replace(kind=AccountKind.OPERATOR_AVAILABLE)
    pay = Money(settled.posted_minor, currency)
    id = derived_id(asked.hold, "reversal")
    back = [new(id, operator, payer, pay, TransferCode.CORRECTION, asked.reference)]
    taken = Transfer.objects.filter(pk=derived_id(asked.hold, "commission")).first()
    if taken is not None:
        revenue = AccountKey(AccountKind.EXCHANGE_REVENUE, None, currency)
        commission = Money(taken.posted_minor, currency)
        id = derived_id(asked.hold, "commission-reversal")
        back.append(new(id, revenue, payer, commission, TransferCode.CORRECTION, asked.reference))
    return back


@dataclass(frozen=True, slots=True)
class Refund:
    """What the exchange itself gives back to a customer; `id` is made by the caller, one for each cause."""

    id: uuid.UUID
    organisation: uuid.UUID
    amount: Money
    reference: str


def refund(asked: Sequence[Refund]) -> None:
    """The exchange itself gives customers money back; nobody's pay is touched. Each refund is made once. One call for many, as
    `reverse_conversations`."""
    with transaction.atomic():
        made = _made(one.id for one in asked)
        given = [
            new(
                one.id,
                AccountKey(AccountKind.EXCHANGE_BONUS, None, one.amount.currency),
                AccountKey(AccountKind.CUSTOMER, one.organisation, one.amount.currency),
                one.amount,
                TransferCode.CORRECTION,
                one.reference,
            )
            for one in asked
            if one.id not in made
        ]
        make(given, Changes(), clock.now())


def _made(ids: Iterable[uuid.UUID]) -> set[uuid.UUID]:
    return set(Transfer.objects.filter(pk__in=list(ids)).values_list("pk", flat=True))


def compensate(*, id: uuid.UUID, operator: uuid.UUID, amount: Money, reference: str) -> Transfer:
    """The exchange itself pays an operator for a call that the customer was not charged for."""
    debit = AccountKey(AccountKind.EXCHANGE_BONUS, None, amount.currency)
    credit = AccountKey(AccountKind.OPERATOR_AVAILABLE, operator, amount.currency)
    return once(new(id, debit, credit, amount, TransferCode.CORRECTION, reference), TransferState.POSTED)
