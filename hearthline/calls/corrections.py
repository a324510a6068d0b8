"""A call that was paid and should not have been: the money back, the figures right, the evidence untouched."""

from __future__ import annotations

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from hearthline.calls.models import Attempt, Shift
from hearthline.campaigns import tally
from hearthline.ledger import reversals
from hearthline.lib.errors import ConflictError
from hearthline.lib.money import Money

REVERSED = "reversed"
REJECTED = "rejected"


def take_back(attempt: Attempt, *, reason: str, stopped: bool) -> Money:
    """Pay and commission go back to the customer; the call counts as unpaid with `reason` (REVERSED, REJECTED). Returns what
    came back.

    In the caller's transaction. `stopped` as in `ledger.reversals.reverse_conversation`. Raises ConflictError when the call is not a
    paid one, InsufficientFundsError when the operator has been paid out meanwhile.
    """
    hold = attempt.assignment.hold
    paid = Attempt.objects.filter(pk=attempt.pk, payable=True, charged_minor__gt=0)
    with transaction.atomic():
        changed = paid.update(payable=False, not_payable_reason=reason, charged_minor=0, earned_minor=0)
        if changed != 1 or hold is None:
            raise ConflictError(_("This call is not a paid one; there is nothing to take back."))
        Shift.objects.filter(pk=attempt.shift_id).update(
            conversations=F("conversations") - 1, earned_minor=F("earned_minor") - attempt.earned_minor
        )
        tally.add(attempt.campaign_id, conversations=-1, spent_minor=-attempt.charged_minor)
        back = reversals.reverse_conversation(hold=hold, stopped=stopped, reference=f"attempt:{attempt.pk}")
    attempt.payable, attempt.not_payable_reason, attempt.charged_minor, attempt.earned_minor = False, reason, 0, 0
    return back
