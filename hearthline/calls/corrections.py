"""Calls that were paid and should not have been: the money back, the figures right, the evidence untouched.

Two things can be set right about a call, each once, in any order: the customer's price (`charged_minor`, 0 when they have it back)
and the operator's pay (`payable`). Whoever decides locks the calls first (`locked`) and judges what it reads then.
"""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from django.db import transaction
from django.db.models import F

from hearthline.calls.models import Attempt, Shift
from hearthline.campaigns import tally
from hearthline.ledger import reversals
from hearthline.ledger.models import Transfer
from hearthline.lib.ids import derived_id
from hearthline.lib.money import Money

REVERSED = "reversed"
REJECTED = "rejected"


def locked(ids: Iterable[uuid.UUID]) -> list[Attempt]:
    """These calls, as they are from now until the caller's transaction ends."""
    rows = Attempt.objects.select_for_update(of=("self",)).filter(pk__in=list(ids))
    return list(rows.select_related("assignment", "campaign", "contact").order_by("pk"))


def take_back(attempts: Sequence[Attempt], *, reason: str, stopped: bool = False) -> list[Attempt]:
    """The operators' pay and the commission go back to whoever bore them: the customer; the exchange where it has refunded the
    customer already, or where it had slipped a robot in. The calls count as unpaid with `reason` (REVERSED, REJECTED). Returns the calls of
    which something was taken; the others are no paid ones (any more).

    Of `locked` calls, in the caller's transaction. `stopped` as in `ledger.reversals.Reversal`. Raises InsufficientFundsError, and
    nothing is changed, when an operator has been paid out meanwhile.
    """
    paid = [one for one in attempts if one.payable and one.earned_minor and one.assignment.hold is not None]
    refunded = _refunded(paid)
    with transaction.atomic():
        _in_campaigns(paid, conversations=-1)
        reversals.reverse_conversations(
            [
                reversals.Reversal(one.assignment.hold, f"attempt:{one.pk}", stopped, one.pk in refunded)
                for one in paid
                if one.assignment.hold is not None
            ]
        )
        for one in sorted(paid, key=lambda one: one.shift_id):
            Shift.objects.filter(pk=one.shift_id).update(
                conversations=F("conversations") - 1, earned_minor=F("earned_minor") - one.earned_minor
            )
            one.payable, one.not_payable_reason, one.charged_minor, one.earned_minor = False, reason, 0, 0
            one.save(update_fields=["payable", "not_payable_reason", "charged_minor", "earned_minor"])
    return paid


def give_back(attempts: Sequence[Attempt]) -> list[Attempt]:
    """The exchange gives the customers back what they paid for these calls; the operators keep their pay. Returns the calls for which
    something was given; for the others the customer has everything back already.

    Of `locked` calls, in the caller's transaction.
    """
    charged = [one for one in attempts if one.payable and one.charged_minor]
    with transaction.atomic():
        _in_campaigns(charged, conversations=0)
        reversals.refund(
            [
                reversals.Refund(
                    id=_refund_id(one),
                    organisation=one.campaign.organisation_id,
                    amount=Money(one.charged_minor, one.campaign.currency),
                    reference=f"attempt:{one.pk}",
                )
                for one in charged
            ]
        )
        for one in charged:
            one.charged_minor = 0
            one.save(update_fields=["charged_minor"])
    return charged


def _in_campaigns(attempts: Sequence[Attempt], *, conversations: int) -> None:
    """What the campaigns have spent is less; in the order of their ids, before the ledger, as a claim does it."""
    changes: defaultdict[uuid.UUID, Counter[str]] = defaultdict(Counter)
    for one in attempts:
        if not one.contact.scenario:  # a robot that was slipped in never counted
            changes[one.campaign_id].update(conversations=conversations, spent_minor=-one.charged_minor)
    for campaign in sorted(changes):
        tally.add(campaign, **changes[campaign])


def _refunded(attempts: Sequence[Attempt]) -> set[uuid.UUID]:
    made = Transfer.objects.filter(pk__in=[_refund_id(one) for one in attempts]).values_list("pk", flat=True)
    found = set(made)
    return {one.pk for one in attempts if _refund_id(one) in found}


def _refund_id(attempt: Attempt) -> uuid.UUID:
    return derived_id(attempt.pk, "refund")
