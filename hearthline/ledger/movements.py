"""How a transfer is made: asked for as a `Movement`, made once however often it is asked for.

What `services` and `reversals` are built of; nobody else needs it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext_lazy as _

from hearthline.ledger import one_statement
from hearthline.ledger.accounts import Changes, InsufficientFundsError
from hearthline.ledger.models import AccountKey, Transfer, TransferState
from hearthline.lib import clock
from hearthline.lib.errors import ConflictError, NotFoundError
from hearthline.lib.money import Money


@dataclass(frozen=True, slots=True)
class Movement:
    """A transfer that is asked for: its row, and what its accounts are."""

    row: Transfer
    debit: AccountKey
    credit: AccountKey


def new(id: uuid.UUID, debit: AccountKey, credit: AccountKey, amount: Money, code: str, reference: str) -> Movement:
    if amount.minor <= 0:
        raise ValueError("a transfer moves more than nothing")
    if not debit.currency == credit.currency == amount.currency:
        raise ValueError("a transfer stays in one currency")
    row = Transfer(
        id=id, debit_id=debit.id, credit_id=credit.id, amount_minor=amount.minor, code=code, reference=reference
    )
    return Movement(row, debit, credit)


def once(asked: Movement, state: TransferState) -> Transfer:
    """Make the transfer unless it has been made."""
    if state == TransferState.PENDING and one_statement.available():
        with suppress(IntegrityError):  # somebody makes the same one at this moment: it is found below
            if held := _held_at_once(asked):
                return held
    if made := _same(asked):
        return made
    now = clock.now()
    try:
        with transaction.atomic():
            changes = Changes()
            if state == TransferState.POSTED:
                make([asked], changes, now)
            else:
                changes.hold(asked.debit, asked.credit, asked.row.amount_minor)
                changes.apply()
                asked.row.state, asked.row.created_at = state, now
                asked.row.save(force_insert=True)
    except (IntegrityError, InsufficientFundsError):
        made = _same(asked)  # somebody else may have made the same one meanwhile, with these very funds
        if made is None:
            raise
        return made
    return asked.row


def _held_at_once(asked: Movement) -> Transfer | None:
    row = asked.row
    savepoint = transaction.atomic() if connection.in_atomic_block else nullcontext()
    with savepoint:
        return one_statement.hold(
            id=row.id,
            debit=asked.debit,
            credit=asked.credit,
            minor=row.amount_minor,
            code=row.code,
            reference=row.reference,
            now=clock.now(),
        )


def make(movements: Sequence[Movement], changes: Changes, now: datetime) -> None:
    """Move what these posted transfers move, with the changes gathered so far, and write them in the order of their ids."""
    for movement in movements:
        row = movement.row
        row.state, row.posted_minor = TransferState.POSTED, row.amount_minor
        row.created_at = row.settled_at = now
        changes.move(movement.debit, movement.credit, row.amount_minor)
    changes.apply()
    Transfer.objects.bulk_create(_by_id(m.row for m in movements))


def _by_id(rows: Iterable[Transfer]) -> list[Transfer]:
    return sorted(rows, key=lambda row: row.id)


def _same(asked: Movement) -> Transfer | None:
    """The transfer with this id, if there is one; it must be what is asked for now."""
    made = Transfer.objects.filter(pk=asked.row.id).first()
    if made is None:
        return None
    for field in ("debit_id", "credit_id", "amount_minor", "code", "reference"):
        if getattr(made, field) != getattr(asked.row, field):
            raise ConflictError(
                _("This transfer was already made, but for something else. Make a new one."), field=field
            )
    return made


def transfer_of(id: uuid.UUID) -> Transfer:
    found = Transfer.objects.filter(pk=id).select_related("debit", "credit").first()
    if found is None:
        raise NotFoundError(_("There is no such transfer."))
    return found
