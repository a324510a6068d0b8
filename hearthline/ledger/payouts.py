"""Payouts: an operator asks, the money is held at once; an admin approves and marks it paid, or refuses and it is free again.

A payout's id is its hold's: asked for twice, it is one. Requests of one operator wait for each other on their account, so that
limits hold whatever comes at the same time. Details are sealed where they come in and unsealed only for whoever pays.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Count, QuerySet, Sum
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from hearthline.ledger.accounts import account_of
from hearthline.ledger.models import (
    Account,
    AccountKey,
    AccountKind,
    Payout,
    PayoutDetails,
    PayoutMethod,
    PayoutState,
    TransferCode,
)
from hearthline.ledger.services import InsufficientFundsError, hold, post, void
from hearthline.lib import clock
from hearthline.lib.errors import ConflictError, InvalidInputError, NotFoundError
from hearthline.lib.money import Money
from hearthline.lib.sealed import seal, unseal

PURPOSE = "payout details"
LONGEST_DETAILS = 300  # characters
LONGEST_REASON = 300
A_DAY = timedelta(hours=24)
COUNTED = (PayoutState.REQUESTED, PayoutState.APPROVED, PayoutState.PAID)  # against the limits of a day
OPEN = (PayoutState.REQUESTED, PayoutState.APPROVED)


@dataclass(frozen=True, slots=True)
class Limits:
    """What an operator may ask for at this moment. `least` may be more than `most`: then nothing can be asked for."""

    least: Money
    most: Money
    left_today: int  # requests

    @property
    def possible(self) -> bool:
        return self.left_today > 0 and self.least <= self.most


def keep_details(*, operator: uuid.UUID, method: PayoutMethod | str, details: str) -> PayoutDetails:
    """Where payouts go from now on; requests that are open keep theirs. Raises InvalidInputError."""
    text = " ".join(details.split())
    if method not in PayoutMethod.values:
        raise InvalidInputError(_("Choose how you want to be paid."), field="method")
    if not 4 <= len(text) <= LONGEST_DETAILS:
        raise InvalidInputError(_("Write where the money is to go: at least 4 characters."), field="details")
    values = {
        "method": PayoutMethod(method), "sealed": seal(text, PURPOSE), "hint": text[-4:], "changed_at": clock.now(),
    }  # fmt: skip
    kept, _made = PayoutDetails.objects.update_or_create(operator=operator, defaults=values)
    return kept


def limits_of(operator: uuid.UUID, currency: str) -> Limits:
    """Two queries."""
    account = Account.objects.filter(pk=_account(operator, currency).id).first()
    return _limits(operator, currency, account.available if account else 0)


def request_payout(*, id: uuid.UUID, operator: uuid.UUID, amount: Money) -> Payout:
    """Ask for `amount`, which is held from now on. The same `id` again is the same request.

    Raises InvalidInputError (less than the least, more than there is or than a day's limit), ConflictError (no details, too many
    requests today, or the id is another request's).
    """
    with transaction.atomic():
        account_of(AccountKind.OPERATOR_AVAILABLE, operator, amount.currency)  # opened if need be
        account = Account.objects.select_for_update().get(pk=_account(operator, amount.currency).id)
        made = Payout.objects.filter(pk=id).first()
        if made is not None:
            if (made.operator, made.amount_minor, made.currency) != (operator, amount.minor, amount.currency):
                raise ConflictError(_("This request was already made, with another amount. Reload the page."))
            return made
        details = PayoutDetails.objects.filter(operator=operator).first()
        if details is None:
            raise ConflictError(_("Say first where the money is to go."))
        _check(amount, _limits(operator, amount.currency, account.available))
        payout = Payout.objects.create(
            id=id, operator=operator, currency=amount.currency, amount_minor=amount.minor, method=details.method,
            sealed=details.sealed, hint=details.hint, requested_at=clock.now(),
        )  # fmt: skip
        try:
            hold(
                id=id, debit=account, credit=account_of(AccountKind.EXCHANGE_CASH, None, amount.currency), amount=amount,
                code=TransferCode.PAYOUT, reference=f"payout:{id}",
            )  # fmt: skip
        except InsufficientFundsError:
            raise InvalidInputError(_("That is more than can be paid out now."), field="amount") from None
    return payout


def approve(*, payout: uuid.UUID, by: uuid.UUID) -> Payout:
    """It will be paid. Raises NotFoundError, ConflictError when it is decided already."""
    return _decide(payout, PayoutState.REQUESTED, state=PayoutState.APPROVED, decided_by=by, decided_at=clock.now())


def mark_paid(*, payout: uuid.UUID, by: uuid.UUID, payment: str = "") -> Payout:
    """The money has left the bank; `payment` is the bank's number of it. Raises as `approve` does: only what is approved is paid."""
    with transaction.atomic():
        done = _decide(
            payout,
            PayoutState.APPROVED,
            state=PayoutState.PAID,
            decided_by=by,
            paid_at=clock.now(),
            payment=payment[:80],
        )
        post(done.pk)
    return done


def refuse(*, payout: uuid.UUID, by: uuid.UUID, reason: str) -> Payout:
    """The money is free again, and the operator reads why. Also after an approval, when the bank would not take it.

    Raises InvalidInputError without a reason, else as `approve` does.
    """
    reason = reason.strip()
    if not reason or len(reason) > LONGEST_REASON:
        raise InvalidInputError(_("Write the reason: the operator reads it."), field="reason")
    with transaction.atomic():
        changes = {"state": PayoutState.REFUSED, "decided_by": by, "decided_at": clock.now(), "reason": reason}
        refused = _decide(payout, *OPEN, **changes)
        void(refused.pk)
    return refused


def withdraw(*, payout: uuid.UUID, operator: uuid.UUID) -> Payout:
    """The operator takes a request back that nobody has approved. Raises as `approve` does."""
    if not Payout.objects.filter(pk=payout, operator=operator).exists():
        raise NotFoundError(_("There is no such request, or it is not yours."))
    with transaction.atomic():
        withdrawn = _decide(payout, PayoutState.REQUESTED, state=PayoutState.WITHDRAWN, decided_at=clock.now())
        void(withdrawn.pk)
    return withdrawn


def details_of(payout: Payout) -> str | None:
    """Where the money is to go, for whoever pays; None when the secret key has changed since."""
    return unseal(payout.sealed, PURPOSE)


def payouts_of(operator: uuid.UUID) -> QuerySet[Payout]:
    return Payout.objects.filter(operator=operator).order_by("-requested_at")


def to_decide() -> QuerySet[Payout]:
    """The oldest first."""
    return Payout.objects.filter(state__in=OPEN).order_by("requested_at")


def _decide(payout: uuid.UUID, *before: PayoutState, **changes: object) -> Payout:
    """From one of these states, for exactly one of those who try."""
    if not Payout.objects.filter(pk=payout, state__in=before).update(**changes):
        found = Payout.objects.filter(pk=payout).first()
        if found is None:
            raise NotFoundError(_("There is no such request, or it is not yours."))
        raise ConflictError(_("This request is %(state)s already.") % {"state": found.get_state_display()})
    return Payout.objects.get(pk=payout)


def _account(operator: uuid.UUID, currency: str) -> AccountKey:
    return AccountKey(AccountKind.OPERATOR_AVAILABLE, operator, currency)


def _limits(operator: uuid.UUID, currency: str, available: int) -> Limits:
    exchange = settings.HEARTHLINE
    today = Payout.objects.filter(operator=operator, state__in=COUNTED, requested_at__gt=clock.now() - A_DAY)
    asked = today.aggregate(n=Count("pk"), total=Sum("amount_minor"))
    most = max(0, min(available, exchange.payout_daily_limit_minor - (asked["total"] or 0)))
    return Limits(
        least=Money(exchange.payout_minimum_minor, currency),
        most=Money(most, currency),
        left_today=max(0, exchange.payouts_a_day - asked["n"]),
    )


def _check(amount: Money, limits: Limits) -> None:
    locale = get_language() or "en"
    if not limits.left_today:
        raise ConflictError(_("You have asked as often as a day allows. Ask again tomorrow."))
    if amount < limits.least:
        sentence = _("The least that is paid out is %(amount)s.") % {"amount": limits.least.format(locale)}
        raise InvalidInputError(sentence, field="amount")
    if limits.most < amount:
        sentence = _("The most that you can ask for now is %(amount)s.") % {"amount": limits.most.format(locale)}
        raise InvalidInputError(sentence, field="amount")
