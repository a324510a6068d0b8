"""What is to be said to whom: campaigns, their fields and dispositions, contacts, imports, results."""

from __future__ import annotations

import uuid
from datetime import time

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from hearthline.people.models import Organisation, User


class CampaignState(models.TextChoices):
    DRAFT = "draft", _("draft")
    RUNNING = "running", _("running")
    PAUSED = "paused", _("paused")
    FINISHED = "finished", _("finished")


class PauseReason(models.TextChoices):
    """Why a campaign stands still when nobody pressed pause."""

    BY_OWNER = "by_owner", _("paused by you")
    INSUFFICIENT_FUNDS = "insufficient_funds", _("the balance is used up")
    BY_MODERATOR = "by_moderator", _("paused by a moderator")


class Campaign(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="campaigns")
    name = models.CharField(_("name"), max_length=120)
    brief = models.TextField(_("brief"), max_length=4000, blank=True)
    language = models.CharField(_("language of the calls"), max_length=8, default="ru")  # BCP 47
    country = models.CharField(_("country of the numbers"), max_length=2, default="RU")
    timezone = models.CharField(_("time zone"), max_length=64, default="Europe/Moscow")
    script = models.TextField(_("script"), max_length=40_000, blank=True)  # Markdown with {{column}}
    columns = models.JSONField(
        default=list
    )  # the campaign's own columns: [{"key": "last_visit", "title": "Last visit"}]
    state = models.CharField(max_length=16, choices=CampaignState.choices, default=CampaignState.DRAFT)
    pause_reason = models.CharField(max_length=24, choices=PauseReason.choices, blank=True)
    price_minor = models.PositiveIntegerField(_("price per conversation"), default=0)
    currency = models.CharField(max_length=3, default=settings.HEARTHLINE.currency_code)
    window_start = models.TimeField(_("calls from"), default=time(9, 0))  # in the contact's own time zone
    window_end = models.TimeField(_("calls until"), default=time(20, 0))
    window_days = models.JSONField(default=list)  # ISO weekdays 1-7; empty: every day
    max_attempts = models.PositiveSmallIntegerField(
        _("attempts per contact"), default=5, validators=[MinValueValidator(1), MaxValueValidator(20)]
    )
    max_duration_s = models.PositiveIntegerField(_("longest call, seconds"), default=600)
    min_talk_s = models.PositiveSmallIntegerField(_("a conversation lasts at least, seconds"), default=10)
    show_name = models.BooleanField(_("operators see the contact's name"), default=True)
    record_calls = models.BooleanField(_("record calls"), default=True)
    level_required = models.PositiveSmallIntegerField(_("operator's level"), default=1)
    caller_id = models.CharField(_("caller ID"), max_length=20, blank=True)  # E.164; empty: the trunk's own
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("campaign")
        verbose_name_plural = _("campaigns")
        indexes = [models.Index(fields=["organisation", "state"])]

    def __str__(self) -> str:
        return self.name


class FieldKind(models.TextChoices):
    TEXT = "text", _("text")
    NUMBER = "number", _("number")
    CHOICE = "choice", _("choice")
    DATE = "date", _("date")
    YES_NO = "yes_no", _("yes / no")


class ResultField(models.Model):
    """A question of the form that the operator fills in."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="fields")
    key = models.SlugField(max_length=40)
    title = models.CharField(max_length=120)
    kind = models.CharField(max_length=12, choices=FieldKind.choices, default=FieldKind.TEXT)
    choices = models.JSONField(default=list, blank=True)  # ["Mon", "Tue"] for CHOICE
    required = models.BooleanField(default=False)  # asked for by payable dispositions only
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "pk"]
        constraints = [models.UniqueConstraint(fields=["campaign", "key"], name="one_field_per_key")]

    def __str__(self) -> str:
        return self.title


class DispositionKind(models.TextChoices):
    SUCCESS = "success", _("agreed")
    REFUSAL = "refusal", _("refused")
    CALL_BACK = "call_back", _("call back")
    WRONG_NUMBER = "wrong_number", _("wrong number")
    DO_NOT_CALL = "do_not_call", _("do not call")
    NO_CONVERSATION = "no_conversation", _("no conversation")  # voicemail, silence, cut off


class Disposition(models.Model):
    """How a conversation ended, as the operator says. Paid only if `payable` and the evidence agrees."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="dispositions")
    key = models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(9)])  # keyboard 1-9
    title = models.CharField(max_length=60)
    kind = models.CharField(max_length=20, choices=DispositionKind.choices)
    payable = models.BooleanField(default=False)
    retry_after_min = models.PositiveIntegerField(null=True, blank=True)  # minutes; None: the contact is done

    class Meta:
        ordering = ["key"]
        constraints = [models.UniqueConstraint(fields=["campaign", "key"], name="one_disposition_per_key")]

    def __str__(self) -> str:
        return self.title


class CampaignManager(models.Model):
    """Who takes hand-overs of a campaign, and how they are reached."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="managers")
    name = models.CharField(max_length=120)
    user = models.ForeignKey(User, null=True, blank=True, on_delete=models.CASCADE, related_name="manages")
    phone = models.CharField(max_length=20, blank=True)  # E.164
    sip_uri = models.CharField(max_length=200, blank=True)
    email = models.EmailField(blank=True)  # a signed link is sent here when there is no account
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "pk"]

    def __str__(self) -> str:
        return self.name


class ContactState(models.TextChoices):
    FRESH = "fresh", _("not called yet")
    ASSIGNED = "assigned", _("with an operator")
    RETRY = "retry", _("will be called again")
    DONE = "done", _("done")
    EXHAUSTED = "exhausted", _("attempts used up")
    BLOCKED = "blocked", _("will not be called")  # do-not-call, unpriced destination, removed by the owner


class Contact(models.Model):
    """One row of a campaign. Its number is never logged nor put in a URL."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="contacts")
    phone = models.CharField(max_length=20)  # E.164
    name = models.CharField(max_length=200, blank=True)
    data = models.JSONField(default=dict)  # {column key: text}
    timezone = models.CharField(max_length=64)  # IANA; the calling window is judged here
    state = models.CharField(max_length=12, choices=ContactState.choices, default=ContactState.FRESH)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True)  # None: at once
    prefer_operator = models.ForeignKey(
        User, null=True, on_delete=models.SET_NULL, related_name="+"
    )  # promised callback
    entered_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    row_number = models.PositiveIntegerField(null=True)  # in the imported file
    priority = models.SmallIntegerField(default=0)  # callbacks and "ask for the accountant" come first
    created_at = models.DateTimeField(auto_now_add=True)
    # the latest outcome, kept here so that the results table reads one row
    disposition = models.ForeignKey(Disposition, null=True, on_delete=models.SET_NULL, related_name="+")
    result = models.JSONField(default=dict)  # {field key: value}
    notes = models.TextField(blank=True)
    disposed_at = models.DateTimeField(null=True)
    talk_ms = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["campaign", "phone"], name="one_contact_per_number")]
        indexes = [
            models.Index(fields=["campaign", "state", "-priority", "next_attempt_at"], name="contact_to_claim"),
            models.Index(fields=["campaign", "disposed_at"], name="contact_results"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class ImportState(models.TextChoices):
    UPLOADED = "uploaded", _("uploaded")  # columns guessed, waiting for the owner's word
    RUNNING = "running", _("running")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")


class ContactImport(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="imports")
    file = models.FileField(upload_to="imports/%Y/%m/")
    original_name = models.CharField(max_length=200)
    mapping = models.JSONField(
        default=dict
    )  # {"phone": 2, "name": 0, "timezone": null, "columns": {"1": "age"}, "header": true}
    state = models.CharField(max_length=12, choices=ImportState.choices, default=ImportState.UPLOADED)
    error = models.CharField(max_length=300, blank=True)
    rows_total = models.PositiveIntegerField(default=0)
    rows_read = models.PositiveIntegerField(default=0)
    added = models.PositiveIntegerField(default=0)
    duplicates = models.PositiveIntegerField(default=0)
    rejected = models.PositiveIntegerField(default=0)
    rejects_file = models.FileField(upload_to="imports/%Y/%m/", blank=True)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.original_name


class ExportFormat(models.TextChoices):
    XLSX = "xlsx", "XLSX"
    CSV = "csv", "CSV"


class ResultExport(models.Model):
    """Results written to a file in the background."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="exports")
    format = models.CharField(max_length=4, choices=ExportFormat.choices)
    state = models.CharField(max_length=12, choices=ImportState.choices, default=ImportState.UPLOADED)
    file = models.FileField(upload_to="exports/%Y/%m/", blank=True)
    rows_written = models.PositiveIntegerField(default=0)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.campaign_id}.{self.format}"
