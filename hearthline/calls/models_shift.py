"""What work in a campaign has been like, by the hour, and what operators say of it."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from hearthline.campaigns.models import Campaign
from hearthline.lib import clock
from hearthline.people.models import User


class CampaignHour(models.Model):
    """Running totals of one hour of a campaign, of all its operators: what cards reckon earnings from.

    Added to in the transaction of what is counted (`pace.py`), forgotten after `pace.KEPT`.
    """

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="+", db_index=False)
    hour = models.DateTimeField()  # its first moment
    attempts = models.PositiveIntegerField(default=0)  # that ended in this hour
    conversations = models.PositiveIntegerField(default=0)  # those of them that were paid
    worked_ms = models.PositiveBigIntegerField(default=0)  # waiting, reading, dialling, talking, writing; no breaks
    talk_ms = models.PositiveBigIntegerField(default=0)  # of the paid ones
    unpaid_ring_ms = models.PositiveBigIntegerField(default=0)  # dialling and ringing of the others

    class Meta:
        constraints = [models.UniqueConstraint(fields=["campaign", "hour"], name="one_row_per_campaign_hour")]
        indexes = [models.Index(fields=["hour"])]

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.hour:%Y-%m-%d %H}"


class RatingReason(models.TextChoices):
    """Why an operator gives a campaign the stars that they give."""

    GOOD_SCRIPT = "good_script", _("the script is clear")
    GOOD_LIST = "good_list", _("people expect the call")
    GOOD_MANAGERS = "good_managers", _("managers answer quickly")
    GOOD_PAY = "good_pay", _("the pay is fair")
    BAD_SCRIPT = "bad_script", _("the script is unclear")
    BAD_LIST = "bad_list", _("many wrong or dead numbers")
    BAD_MANAGERS = "bad_managers", _("managers do not answer")
    BAD_PAY = "bad_pay", _("the pay is too low for the work")
    UNPLEASANT = "unpleasant", _("people are annoyed by these calls")
    DISHONEST = "dishonest", _("I am to say what is not true")


class CampaignRating(models.Model):
    """What an operator who has worked in a campaign thinks of it; their latest word."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="ratings", db_index=False)
    operator = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    stars = models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(5)])
    reasons = models.JSONField(default=list)  # RatingReason values
    words = models.CharField(max_length=500, blank=True)
    rated_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "operator"], name="one_rating_per_operator"),
            models.CheckConstraint(condition=models.Q(stars__gte=1, stars__lte=5), name="one_to_five_stars"),
        ]
        indexes = [models.Index(fields=["-rated_at"])]

    def __str__(self) -> str:
        return f"{self.campaign_id}: {self.stars}"
