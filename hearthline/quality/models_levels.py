"""Levels that operators have been given, lost, or are proposed for."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from hearthline.people.models import User


class LevelState(models.TextChoices):
    PROPOSED = "proposed", _("waits for a moderator")
    DONE = "done", _("done")
    DECLINED = "declined", _("declined")


class LevelChange(models.Model):
    """One change of an operator's level, or one that the rules propose. `figures`: what the rules saw, as `levels.Figures` has it;
    empty where a person decided by themselves."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    operator = models.ForeignKey(User, on_delete=models.CASCADE, related_name="level_changes")
    state = models.CharField(max_length=10, choices=LevelState.choices)
    was = models.PositiveSmallIntegerField()
    becomes = models.PositiveSmallIntegerField()
    at = models.DateTimeField()
    by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")  # None: the rules
    figures = models.JSONField(default=dict)
    words = models.TextField(blank=True, max_length=2000)  # the moderator's, which the operator reads

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["operator"], condition=Q(state="proposed"), name="one_open_proposal_of_a_level"
            )
        ]
        indexes = [models.Index(fields=["operator", "-at"])]

    def __str__(self) -> str:
        return f"{self.operator_id} {self.was} {self.becomes}"
