"""What a campaign pays for the time in which nobody answered, out of the money that was held for the conversation."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from hearthline.ledger.models import Transfer, TransferCode
from hearthline.ledger.services import transfer, void
from hearthline.lib import clock
from hearthline.lib.errors import ConflictError
from hearthline.lib.ids import derived_id
from hearthline.lib.money import Money


def pay_ringing(*, hold: uuid.UUID, amount: Money) -> Transfer:
    """Give the hold back and pay `amount` of it to the operator, whole; it stays in review like a conversation's pay.

    Safe to repeat. Raises ConflictError when the hold was posted, ValueError for more than was held. The two movements lock
    the same two accounts in the same order, so nobody can come in between, nor wait in a circle.
    """
    id = derived_id(hold, "ringing")
    with transaction.atomic():
        held = void(hold)
        if amount.minor > held.amount_minor:
            raise ValueError("ringing is paid from what is held, and not more")
        made = Transfer.objects.filter(pk=id).first()
        if made is not None:
            if made.amount_minor != amount.minor:
                raise ConflictError(_("This transfer was already made, but for something else. Make a new one."))
            return made
        paid = transfer(
            id=id,
            debit=held.debit,
            credit=held.credit,
            amount=amount,
            code=TransferCode.RINGING,
            reference=held.reference,
        )
        matures_at = clock.now() + timedelta(hours=settings.HEARTHLINE.review_window_hours)
        Transfer.objects.filter(pk=id).update(matures_at=matures_at)
    paid.matures_at = matures_at
    return paid
