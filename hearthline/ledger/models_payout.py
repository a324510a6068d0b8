"""Requests of operators to be paid out, and where their money is to go."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from hearthline.lib import clock


class PayoutMethod(models.TextChoices):
    CARD = "card", _("bank card")
    ACCOUNT = "account", _("bank account")
    PHONE = "phone", _("transfer by phone number")
    OTHER = "other", _("another way, agreed with the exchange")


class PayoutState(models.TextChoices):
    REQUESTED = "requested", _("requested")
    APPROVED = "approved", _("approved, on its way")
    PAID = "paid", _("paid out")
    REFUSED = "refused", _("not paid out")
    WITHDRAWN = "withdrawn", _("withdrawn by you")


class PayoutDetails(models.Model):
    """Where an operator's payouts go. `sealed` is `lib.sealed.seal` of what the person wrote; it is never logged."""

    operator = models.UUIDField(primary_key=True)
    method = models.CharField(max_length=8, choices=PayoutMethod.choices)
    sealed = models.TextField()
    hint = models.CharField(max_length=8, blank=True)  # its last four characters, by which its owner knows it again
    changed_at = models.DateTimeField(default=clock.now)

    def __str__(self) -> str:
        return f"{self.operator} {self.method}"


class Payout(models.Model):
    """A request. Its id is also the ledger's: the hold that sets the money aside, posted when it is paid, voided when not.

    `sealed` and `method` are as they were when it was asked for: what was approved is what is paid.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    operator = models.UUIDField()
    currency = models.CharField(max_length=3)
    amount_minor = models.PositiveBigIntegerField()
    method = models.CharField(max_length=8, choices=PayoutMethod.choices)
    sealed = models.TextField()
    hint = models.CharField(max_length=8, blank=True)
    state = models.CharField(max_length=9, choices=PayoutState.choices, default=PayoutState.REQUESTED)
    requested_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    decided_by = models.UUIDField(null=True)  # a person's id
    paid_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=300, blank=True)  # of a refusal, for the operator
    payment = models.CharField(max_length=80, blank=True)  # the bank's number of the payment

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="payout_of_something"),
        ]
        indexes = [
            models.Index(fields=["operator", "-requested_at"]),
            models.Index(
                fields=["requested_at"], condition=Q(state__in=["requested", "approved"]), name="payouts_to_decide"
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)
