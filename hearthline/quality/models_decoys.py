"""Decoys: telephone numbers of the exchange's own that operators are shown as contacts', and who calls them from outside."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from hearthline.calls.models import Trunk
from hearthline.campaigns.models import Campaign
from hearthline.dialing.models import Assignment
from hearthline.lib import clock
from hearthline.people.models import User


class DecoyNumber(models.Model):
    """A number of ours. Nobody answers it; it is shown, never dialled (ADR 23)."""

    phone = models.CharField(_("number"), max_length=20, unique=True)  # E.164
    trunk = models.ForeignKey(Trunk, on_delete=models.PROTECT, related_name="decoys", verbose_name=_("comes in on"))
    active = models.BooleanField(_("in use"), default=True)  # lent, and listened for
    free_at = models.DateTimeField(default=clock.now)  # lent to nobody before; moved on by who lends it
    added_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    added_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ["phone"]

    def __str__(self) -> str:
        return str(self.pk)


class DecoyLending(models.Model):
    """One operator was shown the number, in one campaign, as that of one contact."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    number = models.ForeignKey(DecoyNumber, on_delete=models.CASCADE, related_name="lendings")
    operator = models.ForeignKey(User, on_delete=models.CASCADE, related_name="decoys")
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="decoys")
    assignment = models.OneToOneField(Assignment, on_delete=models.CASCADE, related_name="decoy")
    spoken = models.BooleanField(default=False)  # the robot says it; otherwise it stands in the contact's columns
    begun_at = models.DateTimeField(default=clock.now)
    until = models.DateTimeField()  # from then on the number rests

    class Meta:
        indexes = [
            models.Index(fields=["number", "-begun_at"]),
            models.Index(fields=["operator", "campaign", "until"]),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Whose(models.TextChoices):
    """Whose the caller's number is, as far as the exchange can tell."""

    UNKNOWN = "unknown", _("not known here")
    WITHHELD = "withheld", _("withheld")
    OWN = "own", _("the operator's own telephone")
    PERSON = "person", _("another person's of this exchange")
    CUSTOMER = "customer", _("a customer's manager's")
    EXCHANGE = "exchange", _("a number of the exchange itself")


class DecoyCall(models.Model):
    """Calls of one caller to one decoy, close to each other in time. The caller's number is forgotten after a while."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    number = models.ForeignKey(DecoyNumber, on_delete=models.CASCADE, related_name="calls")
    lending = models.ForeignKey(
        DecoyLending, null=True, on_delete=models.SET_NULL, related_name="calls"
    )  # the latest when it came; None: nobody had been shown the number
    trunk = models.ForeignKey(Trunk, null=True, on_delete=models.SET_NULL, related_name="+")
    caller = models.CharField(max_length=20, blank=True)  # E.164, or as given; empty: withheld, or forgotten
    whose = models.CharField(max_length=10, choices=Whose.choices)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    times = models.PositiveIntegerField(default=1)
    rang_ms = models.PositiveIntegerField(default=0)  # the longest of them
    forgotten_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["number", "-last_at"]),
            models.Index(fields=["lending", "-last_at"]),
            models.Index(fields=["last_at"], condition=models.Q(forgotten_at=None), name="decoy_calls_to_forget"),
        ]

    def __str__(self) -> str:
        return str(self.id)
