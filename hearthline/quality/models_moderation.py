"""What moderators decide on: campaigns looked at, scored calls, customers' ratings, disputes, reports; and who is at which item."""

from __future__ import annotations

import uuid

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from hearthline.calls.models import Attempt
from hearthline.campaigns.models import Campaign
from hearthline.lib import clock
from hearthline.people.models import Organisation, User


class CheckState(models.TextChoices):
    WAITING = "waiting", _("waits for a moderator")  # the campaign does not start before
    RUNNING = "running", _("to be looked at")  # it has started; a moderator looks at it in passing
    APPROVED = "approved", _("approved")
    REFUSED = "refused", _("sent back")
    OVERTAKEN = "overtaken", _("changed meanwhile")  # nobody decides about a text that is gone


class CampaignCheck(models.Model):
    """One look at a campaign's text and price. A change of either asks for a new one."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="checks")
    digest = models.CharField(max_length=64)  # SHA-256 of what was looked at, see `approval.digest_of`
    findings = models.JSONField(default=list)  # codes of `approval.FINDINGS`, with details: [{"code": str, ...}]
    state = models.CharField(max_length=10, choices=CheckState.choices)
    asked_at = models.DateTimeField(default=clock.now)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    words = models.TextField(blank=True, max_length=2000)  # to the owner

    class Meta:
        constraints = [models.UniqueConstraint(fields=["campaign", "digest"], name="one_check_per_text")]
        indexes = [
            models.Index(fields=["asked_at"], condition=Q(decided_at=None), name="campaign_checks_open"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class ScorecardItem(models.Model):
    """One question that a reviewer answers about a call."""

    key = models.SlugField(max_length=40, unique=True)
    title = models.CharField(_("question"), max_length=200)
    help = models.CharField(_("what counts"), max_length=400, blank=True)
    weight = models.PositiveSmallIntegerField(
        _("weight"), default=10, validators=[MinValueValidator(1), MaxValueValidator(100)]
    )
    fatal = models.BooleanField(_("a no makes the score 0"), default=False)
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    active = models.BooleanField(_("in use"), default=True)

    class Meta:
        verbose_name = _("scorecard question")
        verbose_name_plural = _("scorecard")
        ordering = ["position", "pk"]

    def __str__(self) -> str:
        return self.title


class Review(models.Model):
    """A scored call. `answers` keeps the questions as they were: [{"key", "title", "weight", "fatal", "answer"}], where an
    answer is "yes", "partly", "no" or "na". `reviewer` None: scored by the exchange itself."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    attempt = models.ForeignKey(Attempt, on_delete=models.CASCADE, related_name="reviews")
    reviewer = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField(default=clock.now)
    answers = models.JSONField(default=list)
    total = models.PositiveSmallIntegerField(validators=[MaxValueValidator(100)])
    fatal = models.BooleanField(default=False)
    comment = models.TextField(blank=True, max_length=2000)  # to the operator
    marks = models.JSONField(default=list)  # places in the recording: [{"at_ms": int, "words": str}]
    replaced_by = models.OneToOneField("self", null=True, on_delete=models.SET_NULL, related_name="replaces")
    seen_at = models.DateTimeField(null=True)  # by the operator

    class Meta:
        indexes = [
            models.Index(fields=["attempt", "-at"]),
            models.Index(fields=["reviewer", "-at"]),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["attempt", "reviewer"], condition=Q(replaced_by=None), name="one_valid_review_per_reviewer"
            )
        ]

    def __str__(self) -> str:
        return str(self.id)


class RatingReason(models.TextChoices):
    """Why a customer is not content with a call; a rejection names one."""

    NOT_A_CONVERSATION = "not_a_conversation", _("there was no conversation")
    WRONG_RESULT = "wrong_result", _("the result is not what was said")
    SCRIPT_IGNORED = "script_ignored", _("the script was not followed")
    RUDE = "rude", _("impolite")
    WRONG_PERSON = "wrong_person", _("the wrong person")
    POOR_SOUND = "poor_sound", _("the sound was poor")


class CallRating(models.Model):
    """What a customer says of a call: stars, and where need be a rejection, which asks for the money back."""

    attempt = models.OneToOneField(Attempt, primary_key=True, on_delete=models.CASCADE, related_name="rating")
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="+")
    rated_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField(default=clock.now)
    stars = models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(5)])
    reason = models.CharField(max_length=24, choices=RatingReason.choices, blank=True)
    words = models.TextField(blank=True, max_length=1000)
    at_ms = models.PositiveIntegerField(null=True)  # the place in the recording
    # of a rejection
    rejected_at = models.DateTimeField(null=True)
    stands_at = models.DateTimeField(null=True)  # without an appeal the money goes back then
    matures_at = models.DateTimeField(null=True)  # when the pay would have left the review
    settled_at = models.DateTimeField(null=True)
    upheld = models.BooleanField(null=True)  # None: not settled yet; True: the money went back

    class Meta:
        indexes = [
            models.Index(
                fields=["stands_at"], condition=Q(rejected_at__isnull=False, settled_at=None), name="rejections_open"
            ),
            models.Index(fields=["organisation", "-at"]),
        ]

    def __str__(self) -> str:
        return str(self.attempt_id)


class DisputeKind(models.TextChoices):
    REJECTION = "rejection", _("a customer's rejection")
    NOT_PAID = "not_paid", _("a call that was not paid")
    SCORE = "score", _("a score")


class DisputeState(models.TextChoices):
    OPEN = "open", _("open")
    UPHELD = "upheld", _("decided for you")
    REFUSED = "refused", _("decided against you")


class Dispute(models.Model):
    """An operator's appeal, decided by a moderator who had no part in what it is about."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=12, choices=DisputeKind.choices)
    attempt = models.ForeignKey(Attempt, on_delete=models.CASCADE, related_name="disputes")
    review = models.ForeignKey(Review, null=True, on_delete=models.CASCADE, related_name="disputes")  # of a score
    operator = models.ForeignKey(User, on_delete=models.CASCADE, related_name="disputes")
    opened_at = models.DateTimeField(default=clock.now)
    words = models.TextField(max_length=2000)
    at_ms = models.PositiveIntegerField(null=True)
    state = models.CharField(max_length=8, choices=DisputeState.choices, default=DisputeState.OPEN)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    answer = models.TextField(blank=True, max_length=2000)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["attempt", "kind"], name="one_appeal_of_a_kind")]
        indexes = [
            models.Index(fields=["opened_at"], condition=Q(state="open"), name="disputes_open"),
            models.Index(fields=["operator", "-opened_at"]),
        ]

    def __str__(self) -> str:
        return str(self.id)


class ReportKind(models.TextChoices):
    DUPLICATE_CONTACTS = "duplicate_contacts", _("contacts entered twice")
    LONG_CALLS = "long_calls", _("calls that run into the limit")
    PAYABLE_SHARE = "payable_share", _("a share of paid calls far from the others'")
    SHORT_CONVERSATIONS = "short_conversations", _("very short conversations")
    UNFOUNDED_RESULTS = "unfounded_results", _("results that the calls do not bear out")
    SAME_NUMBER = "same_number", _("one number in many campaigns")
    SELF_DEALING = "self_dealing", _("operator and contact belong together")
    RETURNED = "returned", _("a suspended operator with another account")
    CUSTOMER_REJECTS = "customer_rejects", _("a customer who rejects much")
    SUSPICIOUS_CALL = "suspicious_call", _("a suspicious call")
    DECOY_CALLED = "decoy_called", _("a decoy called from outside")
    BY_PERSON = "by_person", _("reported by a person")


class ReportAction(models.TextChoices):
    DISMISS = "dismiss", _("nothing is wrong")
    COACH = "coach", _("write to the operator")
    SUSPEND = "suspend", _("suspend the operator")
    REVERSE = "reverse", _("take the pay back, refund the customer")
    REFUND = "refund", _("refund the customer, the operator keeps the pay")
    PAUSE_CAMPAIGN = "pause_campaign", _("pause the campaign")


class Report(models.Model):
    """Something a person should look at, with its evidence. One of a `key` is open at a time.

    `evidence`: {"figures": {name: number or text}, "calls": [attempt ids]}; no phone numbers, no names of contacts.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=24, choices=ReportKind.choices)
    key = models.CharField(max_length=120)  # what it is about: "long_calls:operator:<id>"
    operator = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="reports")
    campaign = models.ForeignKey(Campaign, null=True, on_delete=models.CASCADE, related_name="reports")
    organisation = models.ForeignKey(Organisation, null=True, on_delete=models.CASCADE, related_name="reports")
    attempt = models.ForeignKey(Attempt, null=True, on_delete=models.CASCADE, related_name="reports")
    evidence = models.JSONField(default=dict)
    told_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")  # None: the exchange
    words = models.TextField(blank=True, max_length=2000)
    opened_at = models.DateTimeField(default=clock.now)
    closed_at = models.DateTimeField(null=True)
    closed_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    action = models.CharField(max_length=16, choices=ReportAction.choices, blank=True)
    answer = models.TextField(blank=True, max_length=2000)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key"], condition=Q(closed_at=None), name="one_open_report")]
        indexes = [
            models.Index(fields=["opened_at"], condition=Q(closed_at=None), name="reports_open"),
            models.Index(fields=["key", "-closed_at"]),
        ]

    def __str__(self) -> str:
        return str(self.id)


class QueueClaim(models.Model):
    """A moderator is at this item; nobody else is given it until then."""

    item = models.CharField(primary_key=True, max_length=60)  # "dispute:<id>"
    moderator = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    until = models.DateTimeField()

    def __str__(self) -> str:
        return self.item
