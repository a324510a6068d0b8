"""An operator's account over a period: what it was, each movement, what it is. Review and available pay are one account here.

Movements count at the moment they were posted; money that is only held has not moved yet.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, Sum

from hearthline.ledger.models import AccountKey, AccountKind, Transfer, TransferState
from hearthline.lib.money import Money


@dataclass(frozen=True, slots=True)
class Entry:
    at: datetime
    code: str
    title: str  # of the code, in the active language
    minor: int  # negative: it left the account
    reference: str
    transfer: uuid.UUID


@dataclass(frozen=True, slots=True)
class Period:
    """[start, end)"""

    operator: uuid.UUID
    currency: str
    start: datetime
    end: datetime


def balance_at(operator: uuid.UUID, currency: str, moment: datetime) -> Money:
    """What had been posted to the operator's two accounts before `moment`, less what had left them."""
    ids = _accounts(operator, currency)
    posted = Transfer.objects.filter(state=TransferState.POSTED, settled_at__lt=moment)
    came = posted.filter(credit__in=ids).aggregate(sum=Sum("posted_minor"))["sum"] or 0
    left = posted.filter(debit__in=ids).aggregate(sum=Sum("posted_minor"))["sum"] or 0
    return Money(came - left, currency)


def entries(period: Period) -> Iterator[Entry]:
    """In the order of time; what only went from review to available is left out. Memory flat in their number."""
    ids = _accounts(period.operator, period.currency)
    moved = (
        Transfer.objects.filter(Q(credit__in=ids) | Q(debit__in=ids))
        .exclude(credit__in=ids, debit__in=ids)
        .filter(state=TransferState.POSTED, settled_at__gte=period.start, settled_at__lt=period.end)
        .order_by("settled_at", "pk")
    )
    for row in moved.iterator(chunk_size=2000):
        assert row.settled_at is not None
        minor = row.posted_minor if row.credit_id in ids else -row.posted_minor
        yield Entry(row.settled_at, row.code, row.get_code_display(), minor, row.reference, row.pk)


def _accounts(operator: uuid.UUID, currency: str) -> list[uuid.UUID]:
    kinds = (AccountKind.OPERATOR_MATURING, AccountKind.OPERATOR_AVAILABLE)
    return [AccountKey(kind, operator, currency).id for kind in kinds]
