"""What an operator's readiness check found, kept with the shifts that it was made for."""

from __future__ import annotations

import uuid

from django.db import models

from hearthline.calls.models import Shift
from hearthline.people.models import User


class LineCheck(models.Model):
    """One check, or one refusal to make it (`skipped`, without items).

    `items`: [{"code", "state", "value"}] in the order of `quality.readiness.ITEMS`; `value` in that item's unit, None: not measured.
    `device`: a random mark that the exchange gave this browser; it tells nothing of its person.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    operator = models.ForeignKey(User, on_delete=models.CASCADE, related_name="line_checks")
    device = models.CharField(max_length=40)
    checked_at = models.DateTimeField()
    skipped = models.BooleanField(default=False)
    items = models.JSONField(default=list)
    shifts = models.ManyToManyField(Shift, related_name="line_checks")

    class Meta:
        indexes = [models.Index(fields=["operator", "-checked_at"])]

    def __str__(self) -> str:
        return str(self.pk)
