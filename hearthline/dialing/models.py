"""Who has whom on the line: assignments."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from hearthline.campaigns.models import Campaign, Contact
from hearthline.people.models import User


class AssignmentState(models.TextChoices):
    ACTIVE = "active", _("active")
    CLOSED = "closed", _("closed")  # wrapped up or disposed by itself
    RELEASED = "released", _("released")  # skipped, expired, the shift ended: the contact went back unspent


class Assignment(models.Model):
    """An operator's lease on a contact. While it is active nobody else gets that contact, nor that number.

    `fence` is the contact's: each new lease on it has a greater one, a renewal keeps it. A command that carries an older
    one comes from somebody whose lease is over, and is refused.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="assignments")
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="assignments")
    operator = models.ForeignKey(User, on_delete=models.PROTECT, related_name="assignments")
    phone = models.CharField(max_length=20)  # E.164, copied: the claim on the number is across campaigns
    state = models.CharField(max_length=12, choices=AssignmentState.choices, default=AssignmentState.ACTIVE)
    fence = models.PositiveBigIntegerField()
    lease_expires_at = models.DateTimeField()
    hold = models.UUIDField(null=True)  # the ledger's pending transfer
    created_at = models.DateTimeField(auto_now_add=True)
    closed_at = models.DateTimeField(null=True)
    dialled = models.BooleanField(default=False)  # an attempt exists: only its outcome ends the lease
    release_reason = models.CharField(max_length=24, blank=True)  # skipped, lease_expired, shift_ended, withdrawn

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["phone"], condition=Q(state="active"), name="one_active_claim_per_number"),
            models.UniqueConstraint(
                fields=["contact"], condition=Q(state="active"), name="one_active_claim_per_contact"
            ),
            models.UniqueConstraint(
                fields=["operator"], condition=Q(state="active"), name="one_active_claim_per_operator"
            ),
        ]
        indexes = [models.Index(fields=["state", "lease_expires_at"])]

    def __str__(self) -> str:
        return str(self.id)
