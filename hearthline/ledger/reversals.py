"""Setting settled conversations right: pay that must wait, that goes back, that is given after all.

Each function makes one transaction of the ledger; ids derive from the hold, so that repeating changes nothing. Whoever has
stopped a pay's maturing must remember it: afterwards the transfer itself does not tell "stopped" from "matured".
"""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from hearthline.ledger.accounts import Changes
from hearthline.ledger.models import AccountKey, AccountKind, Transfer, TransferCode, TransferState
from hearthline.ledger.movements import make, new, once, transfer_of
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


def reverse_conversation(*, hold: uuid.UUID, stopped: bool, reference: str) -> Money:
    """Pay and commission go back to the customer. Returns what came back, the whole price.

    `stopped`: the caller has stopped the pay's maturing, so it is still in review. Raises InsufficientFundsError when the pay was
    matured and has been paid out, ConflictError when the hold was never posted.
    """
    settled = transfer_of(hold)
    if settled.state != TransferState.POSTED:
        raise ConflictError(_("Only a conversation that was paid can be reversed."))
    currency = settled.debit.currency
    customer, operator = settled.debit.key, settled.credit.key
    taken = Transfer.objects.filter(pk=derived_id(hold, "commission")).first()
    with transaction.atomic():
        in_review = Transfer.objects.filter(pk=hold, matures_at__isnull=False).update(matures_at=None) == 1 or stopped
        if not in_review:
            operator = operator._replace(kind=AccountKind.OPERATOR_AVAILABLE)
        back = [
            new(
                derived_id(hold, "reversal"),
                operator,
                customer,
                Money(settled.posted_minor, currency),
                TransferCode.CORRECTION,
                reference,
            )
        ]
        if taken is not None:
            revenue = AccountKey(AccountKind.EXCHANGE_REVENUE, None, currency)
            commission = Money(taken.posted_minor, currency)
            id = derived_id(hold, "commission-reversal")
            back.append(new(id, revenue, customer, commission, TransferCode.CORRECTION, reference))
        total = Money(sum(movement.row.amount_minor for movement in back), currency)
        if not Transfer.objects.filter(pk=back[0].row.pk).exists():
            make(back, Changes(), clock.now())
    return total


def refund(*, id: uuid.UUID, organisation: uuid.UUID, amount: Money, reference: str) -> Transfer:
    """The exchange itself gives a customer money back; nobody's pay is touched."""
    debit = AccountKey(AccountKind.EXCHANGE_BONUS, None, amount.currency)
    credit = AccountKey(AccountKind.CUSTOMER, organisation, amount.currency)
    return once(new(id, debit, credit, amount, TransferCode.CORRECTION, reference), TransferState.POSTED)


def compensate(*, id: uuid.UUID, operator: uuid.UUID, amount: Money, reference: str) -> Transfer:
    """The exchange itself pays an operator for a call that the customer was not charged for."""
    debit = AccountKey(AccountKind.EXCHANGE_BONUS, None, amount.currency)
    credit = AccountKey(AccountKind.OPERATOR_AVAILABLE, operator, amount.currency)
    return once(new(id, debit, credit, amount, TransferCode.CORRECTION, reference), TransferState.POSTED)
