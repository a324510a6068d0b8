"""What is to be said to whom: campaigns, their fields and dispositions, contacts, imports, results."""

from __future__ import annotations

import uuid
from datetime import time

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from hearthline.lib import clock
from hearthline.people.models import Organisation, User


class CampaignState(models.TextChoices):
    DRAFT = "draft", _("draft")
    RUNNING = "running", _("running")
    PAUSED = "paused", _("paused")
    FINISHED = "finished", _("finished")


class CampaignKind(models.TextChoices):
    """All but the first are the exchange's own: robots answer, nobody pays for anything."""

    REAL = "real", _("real")
    TRAINING = "training", _("training")
    TEST = "test", _("test call")
    TUTORIAL = "tutorial", _("tutorial")
    GOLDEN = "golden", _("golden contacts")  # the home of robots that are slipped into real campaigns


class PauseReason(models.TextChoices):
    """Why a campaign stands still when nobody pressed pause."""

    BY_OWNER = "by_owner", _("paused by you")
    INSUFFICIENT_FUNDS = "insufficient_funds", _("the balance is used up")
    BY_MODERATOR = "by_moderator", _("paused by a moderator")
    WAITS_FOR_LOOK = "waits_for_look", _("changed: waits for a moderator")  # goes on by itself when it is approved
    SENT_BACK = "sent_back", _("sent back by a moderator")


class Consent(models.TextChoices):
    """How a contact learns that the call is recorded."""

    NONE = "", _("none")
    READ = "read", _("read by the operator")
    PLAYED = "played", _("played when the contact answers")


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
    )  # the campaign's own columns: [{"key": "last_visit", "title": "Last visit"}]; see columns.py
    kind = models.CharField(max_length=12, choices=CampaignKind.choices, default=CampaignKind.REAL)
    state = models.CharField(max_length=16, choices=CampaignState.choices, default=CampaignState.DRAFT)
    pause_reason = models.CharField(max_length=24, choices=PauseReason.choices, blank=True)
    price_minor = models.PositiveIntegerField(_("price per conversation"), default=0)
    currency = models.CharField(max_length=3, default=settings.HEARTHLINE.currency_code)
    ring_pay_minor = models.PositiveIntegerField(_("pay for a minute of unanswered ringing"), default=0)
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
    recording_days = models.PositiveSmallIntegerField(
        _("recordings are kept, days"), null=True, blank=True
    )  # None: as usual here
    consent = models.CharField(
        _("announcement of the recording"), max_length=8, choices=Consent.choices, default=Consent.NONE, blank=True
    )
    consent_text = models.CharField(_("what is announced"), max_length=400, blank=True)
    consent_sound = models.FileField(
        upload_to="announcements/%Y/%m/", blank=True
    )  # played instead of the text: 8 kHz WAV
    consent_in_recording = models.BooleanField(_("the announcement is in the recording"), default=False)
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


class BlockReason(models.TextChoices):
    """Why a contact will not be called although it has not been reached."""

    DO_NOT_CALL = "do_not_call", _("on the do-not-call list")
    UNPRICED = "unpriced", _("the destination has no price")
    ABSENT = "absent", _("the number is not in service")
    REMOVED = "removed", _("removed by you")


class Priority(models.IntegerChoices):
    """Few levels on purpose: a claim looks at each level of each time zone apart, so that it never has to scan."""

    NORMAL = 0, _("normal")
    FIRST = 1, _("first")  # promised callbacks and contacts that an operator was told of


class Contact(models.Model):
    """One row of a campaign. Its number is never logged nor put in a URL."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    campaign = models.ForeignKey(
        Campaign, on_delete=models.CASCADE, related_name="contacts", db_index=False
    )  # "contact_of_campaign" serves
    phone = models.CharField(max_length=20)  # E.164
    name = models.CharField(max_length=200, blank=True)
    data = models.JSONField(default=dict)  # {column key: text}
    timezone = models.CharField(max_length=64)  # IANA; the calling window is judged here
    state = models.CharField(max_length=12, choices=ContactState.choices, default=ContactState.FRESH)
    block_reason = models.CharField(max_length=16, choices=BlockReason.choices, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(default=clock.now)  # not before; never null: it is the order of the queue
    prefer_operator = models.ForeignKey(
        User, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )  # promised callback
    promised_at = models.DateTimeField(null=True)  # the moment that `prefer_operator` named; None: no promise
    entered_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False)
    row_number = models.PositiveIntegerField(null=True)  # in the imported file
    priority = models.SmallIntegerField(choices=Priority.choices, default=Priority.NORMAL)
    fence = models.PositiveBigIntegerField(default=0)  # of the latest lease; grows with each
    created_at = models.DateTimeField(default=clock.now)
    # a robot's: the scenario that it plays, "en/refuses"; empty: a person. `phone` is then of `lib.robot_numbers`
    scenario = models.CharField(max_length=80, blank=True, default="", db_default="")
    # the latest outcome, kept here so that the results table reads one row
    disposition = models.ForeignKey(Disposition, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False)
    outcome = models.CharField(max_length=24, blank=True)  # as calls.Attempt.auto_outcome; empty: there was a person
    result = models.JSONField(default=dict)  # {field key: value}
    notes = models.TextField(blank=True)
    disposed_at = models.DateTimeField(null=True)
    talk_ms = models.PositiveIntegerField(default=0)
    last_operator = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False)
    last_attempt = models.UUIDField(null=True)  # calls.Attempt.id: what the recording is found by

    class Meta:
        constraints = [
            # number first: one index finds a number in a campaign and in all of them
            models.UniqueConstraint(fields=["phone", "campaign"], name="one_contact_per_number"),
            models.CheckConstraint(condition=models.Q(priority__in=[0, 1]), name="contact_priority_known"),
        ]
        indexes = [
            # who is next: equal on the first three, ordered by the last (dialing/claims.py)
            models.Index(
                fields=["campaign", "timezone", "priority", "next_attempt_at"],
                condition=models.Q(state__in=["fresh", "retry"]),
                name="contact_to_claim",
            ),
            models.Index(
                fields=["prefer_operator", "next_attempt_at"],
                condition=models.Q(prefer_operator__isnull=False, state__in=["fresh", "retry"]),
                name="contact_promised",
            ),
            models.Index(fields=["campaign", "row_number", "id"], name="contact_of_campaign"),
            models.Index(
                fields=["campaign", "-disposed_at", "-id"],
                condition=models.Q(disposed_at__isnull=False),
                name="contact_results",
            ),
            models.Index(
                fields=["campaign", "disposition", "-disposed_at", "-id"],
                condition=models.Q(disposed_at__isnull=False),
                name="contact_results_by_kind",
            ),
            models.Index(
                fields=["campaign", "outcome", "-disposed_at", "-id"],
                condition=models.Q(disposed_at__isnull=False),
                name="contact_results_by_outcome",
            ),
            models.Index(
                fields=["campaign", "last_operator", "-disposed_at", "-id"],
                condition=models.Q(disposed_at__isnull=False),
                name="contact_results_by_operator",
            ),
            models.Index(
                fields=["campaign", "block_reason"], condition=models.Q(state="blocked"), name="contact_blocked"
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class CampaignTally(models.Model):
    """Running totals of a campaign: what a page shows of a million contacts without counting them.

    Changed in the transaction of what they count; `tally.recount` proves them. What is left to call is
    contacts - done - exhausted - blocked.
    """

    campaign = models.OneToOneField(Campaign, on_delete=models.CASCADE, primary_key=True, related_name="tally")
    contacts = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    exhausted = models.PositiveIntegerField(default=0)
    blocked = models.PositiveIntegerField(default=0)
    attempts = models.PositiveBigIntegerField(default=0)
    conversations = models.PositiveIntegerField(default=0)  # paid for
    agreed = models.PositiveIntegerField(default=0)  # contacts whose latest disposition is a success
    spent_minor = models.PositiveBigIntegerField(default=0)
    talk_ms = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.campaign_id)


class DoNotCall(models.Model):
    """A number that is not called: by everyone (`organisation` is None) or by one customer."""

    phone = models.CharField(max_length=20)  # E.164
    organisation = models.ForeignKey(
        Organisation, null=True, blank=True, on_delete=models.CASCADE, related_name="do_not_call"
    )
    reason = models.CharField(max_length=200, blank=True)
    added_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        verbose_name = _("do-not-call entry")
        verbose_name_plural = _("do-not-call list")
        constraints = [
            models.UniqueConstraint(fields=["phone", "organisation"], name="one_entry_per_number"),
            models.UniqueConstraint(
                fields=["phone"], condition=models.Q(organisation=None), name="one_entry_per_number_for_all"
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class ImportState(models.TextChoices):
    UPLOADED = "uploaded", _("uploaded")  # columns guessed, waiting for the owner's word
    QUEUED = "queued", _("waiting")
    RUNNING = "running", _("running")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")


class ContactImport(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="imports")
    file = models.FileField(upload_to="imports/%Y/%m/")
    original_name = models.CharField(max_length=200)
    mapping = models.JSONField(default=dict)  # imports.mapping.Mapping as JSON
    state = models.CharField(max_length=12, choices=ImportState.choices, default=ImportState.UPLOADED)
    error = models.CharField(max_length=300, blank=True)
    rows_total = models.PositiveIntegerField(default=0)
    rows_read = models.PositiveIntegerField(default=0)
    added = models.PositiveIntegerField(default=0)
    duplicates = models.PositiveIntegerField(default=0)
    rejected = models.PositiveIntegerField(default=0)
    blocked = models.PositiveIntegerField(default=0)  # of the added: listed as do-not-call, or without a price
    sheet = models.JSONField(default=dict)  # imports.reading.Sheet as JSON
    rows = models.FileField(upload_to="imports/%Y/%m/", blank=True)  # the file as UTF-8 CSV, until it is imported
    touched_at = models.DateTimeField(null=True)  # the worker's latest progress
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
    error = models.CharField(max_length=300, blank=True)
    language = models.CharField(max_length=8, default="en")  # of the headings
    recording_links = models.BooleanField(default=False)  # that open each recording for a while, without an account
    touched_at = models.DateTimeField(null=True)  # the worker's latest progress
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.campaign_id}.{self.format}"
