"""What happened: shifts and lines, attempts with their evidence, hand-overs, recordings, trunks."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from hearthline.calls.models_shift import CampaignHour, CampaignRating
from hearthline.calls.trunk_rules import check_trunk
from hearthline.campaigns.models import Campaign, CampaignManager, Contact, Disposition
from hearthline.dialing.models import Assignment
from hearthline.lib import clock
from hearthline.people.models import User

__all__ = [
    "Attempt", "CampaignHour", "CampaignRating", "HandOver", "HandOverState", "Line", "LineKind", "LineState", "LineWait",
    "Node", "OwnPhone", "Recording", "Shift", "Trunk", "TrunkCall", "TrunkStanding", "TrunkTransport",
]  # fmt: skip


class Node(models.Model):
    """A running switch with its call control beside it."""

    name = models.CharField(primary_key=True, max_length=64)
    engine = models.CharField(max_length=16)  # "embedded", "freeswitch"
    heartbeat_at = models.DateTimeField(null=True)
    load = models.JSONField(default=dict)
    draining = models.BooleanField(default=False)
    # counts who drove this node: one more when its call control starts, and when another node takes over what it left.
    # Whoever drives it with an older number has been replaced.
    term = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return self.name


class TrunkTransport(models.TextChoices):
    UDP = "udp", "UDP"
    TCP = "tcp", "TCP"
    TLS = "tls", "TLS"


class Trunk(models.Model):
    """A SIP account at a telephone provider; in force for the next call."""

    name = models.CharField(_("name"), max_length=64, unique=True)
    host = models.CharField(_("host"), max_length=200)
    port = models.PositiveIntegerField(_("port"), null=True, blank=True)
    transport = models.CharField(
        _("transport"), max_length=3, choices=TrunkTransport.choices, default=TrunkTransport.UDP
    )
    username = models.CharField(_("user name"), max_length=120, blank=True)
    password = models.CharField(_("password"), max_length=200, blank=True)
    from_domain = models.CharField(_("domain"), max_length=200, blank=True)
    register = models.BooleanField(_("register"), default=False)
    number_format = models.CharField(_("number format"), max_length=40, default="+{e164}")
    caller_id = models.CharField(_("caller ID"), max_length=20, blank=True)
    prefixes = models.CharField(_("destinations"), max_length=500, blank=True)  # "7 7495": digits, spaces; empty: any
    calls_from = models.CharField(
        _("calls come from"), max_length=500, blank=True
    )  # "192.0.2.0/24 sip2.provider.example": beside the host
    max_channels = models.PositiveIntegerField(_("channels at once"), default=0)
    max_calls_per_s = models.PositiveSmallIntegerField(_("calls a second"), default=0)
    tls_verify = models.BooleanField(_("check the TLS certificate"), default=True)
    priority = models.SmallIntegerField(_("priority"), default=0)
    active = models.BooleanField(_("in use"), default=True)

    class Meta:
        verbose_name = _("trunk")
        verbose_name_plural = _("trunks")
        ordering = ["-priority", "name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        check_trunk(self)


class TrunkStanding(models.Model):
    """How a trunk stands at a node: whether its registration is accepted, whether calls avoid it for a while."""

    trunk = models.ForeignKey(Trunk, on_delete=models.CASCADE, related_name="standings")
    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="+")
    registered = models.BooleanField(null=True)  # None: it is not kept registered, or nothing is known yet
    said = models.CharField(max_length=300, blank=True)  # by the provider, when it refused
    told_at = models.DateTimeField(null=True)  # when the switch told that
    aside_until = models.DateTimeField(null=True)  # it failed again and again: others are preferred until then
    aside_cause = models.PositiveSmallIntegerField(null=True)  # Q.850, of the last failure
    aside_status = models.PositiveSmallIntegerField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["trunk", "node"], name="one_standing_per_trunk_and_node")]

    def __str__(self) -> str:
        return f"{self.trunk_id} at {self.node_id}"


class Shift(models.Model):
    """An operator's stretch of work."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    operator = models.ForeignKey(User, on_delete=models.PROTECT, related_name="shifts")
    campaign = models.ForeignKey(Campaign, null=True, on_delete=models.SET_NULL, related_name="+")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    on_break = models.BooleanField(default=False)
    calls = models.PositiveIntegerField(default=0)
    conversations = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    earned_minor = models.PositiveBigIntegerField(default=0)
    worked_from = models.DateTimeField(null=True)  # since when time has not been counted yet; None: on a break, or over
    breaks = models.PositiveSmallIntegerField(default=0)
    break_ms = models.PositiveBigIntegerField(default=0)  # of the breaks that are over
    break_began_at = models.DateTimeField(null=True)
    offer_at = models.DateTimeField(null=True)  # from then on a better campaign may be offered; None: never

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["operator"], condition=Q(ended_at=None), name="one_open_shift_per_operator")
        ]

    def __str__(self) -> str:
        return str(self.id)


class LineState(models.TextChoices):
    OPENING = "opening", _("opening")
    OPEN = "open", _("open")
    STALLED = "stalled", _("silent")  # nothing comes from the browser; within the grace time
    CLOSED = "closed", _("closed")


class LineKind(models.TextChoices):
    BROWSER = "browser", _("the browser and a headset")
    CALLBACK = "callback", _("a telephone that the exchange calls")
    SIP_PHONE = "sip_phone", _("a SIP phone of my own")


class Line(models.Model):
    """A person's audio path, open for the shift. `id` is the leg's id at the switch.

    A telephone's line (`kind` callback or sip_phone) is one call to it. It is OPENING until the person at the telephone has
    pressed a key, and its price is the one that was shown when it was opened.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="lines")
    handover = models.ForeignKey(
        "HandOver", null=True, on_delete=models.SET_NULL, related_name="lines"
    )  # a guest manager's
    node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="lines")
    state = models.CharField(max_length=8, choices=LineState.choices, default=LineState.OPENING)
    opened_at = models.DateTimeField(auto_now_add=True)
    closed_at = models.DateTimeField(null=True)
    close_reason = models.CharField(max_length=40, blank=True)
    # of a telephone
    kind = models.CharField(max_length=12, choices=LineKind.choices, default=LineKind.BROWSER)
    code = models.CharField(max_length=8, blank=True)  # digits to press; empty: any key, or none for a SIP phone
    presses = models.CharField(max_length=24, blank=True)  # the digits pressed so far while it is OPENING
    redial = models.BooleanField(
        default=False
    )  # rung by the exchange itself, because the one before was lost in a call, or its node was lost or emptied
    muted = models.BooleanField(default=False)  # by its page; the switch lets nobody hear it
    number = models.CharField(max_length=20, blank=True)  # E.164 of a callback; evidence for the provider's bill
    trunk = models.ForeignKey(Trunk, null=True, on_delete=models.SET_NULL, related_name="+")
    per_minute_micro = models.PositiveBigIntegerField(default=0)  # as `ledger.tariffs.Rate`
    connection_micro = models.PositiveBigIntegerField(default=0)
    answered_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(null=True)  # when the switch last confirmed that the leg is up
    left_at = models.DateTimeField(null=True)  # the leg is gone; its cost is posted in the same transaction

    class Meta:
        indexes = [
            models.Index(
                fields=["node"],
                condition=Q(answered_at__isnull=False, left_at=None) & ~Q(kind="browser"),
                name="telephones_that_cost",
            ),
            models.Index(fields=["user", "opened_at"], condition=~Q(kind="browser"), name="telephones_of_a_person"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["user"], condition=~Q(state="closed") & Q(user__isnull=False), name="one_line_per_person"
            )
        ]

    def __str__(self) -> str:
        return str(self.id)


class LineWait(models.Model):
    """An operator who waits for a place on a node. A page asks again every few seconds; who asks no more has left the line."""

    user = models.OneToOneField(User, primary_key=True, on_delete=models.CASCADE, related_name="+")
    since = models.DateTimeField()
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.pk)


class Attempt(models.Model):
    """One try to reach a contact, with its evidence. `id` is also the id of the contact's first leg at the switch; when its
    trunk fails, the attempt goes on over another one with a leg of its own (`TrunkCall`).

    `phase` is `machine.Phase`; `machine` its whole state as JSON, from which call control resumes after a restart.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    assignment = models.ForeignKey(Assignment, on_delete=models.PROTECT, related_name="attempts")
    contact = models.ForeignKey(Contact, on_delete=models.PROTECT, related_name="calls")
    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="attempts")
    operator = models.ForeignKey(User, on_delete=models.PROTECT, related_name="attempts")
    shift = models.ForeignKey(Shift, on_delete=models.PROTECT, related_name="attempts")
    line = models.ForeignKey(Line, on_delete=models.PROTECT, related_name="attempts")
    trunk = models.ForeignKey(Trunk, null=True, on_delete=models.SET_NULL, related_name="+")
    node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="attempts")
    phase = models.CharField(max_length=16)
    machine = models.JSONField(default=dict)
    version = models.PositiveIntegerField(
        default=0
    )  # of `machine`; each transition writes version + 1 where version = old
    # evidence
    dialled_at = models.DateTimeField()
    ringing_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    operator_left_at = models.DateTimeField(null=True)  # hang-up or hand-over: the operator's line is free again
    ended_at = models.DateTimeField(null=True)  # the contact's leg is gone
    ended_by = models.CharField(max_length=16, blank=True)  # operator, contact, manager, switch, exchange
    cause = models.PositiveSmallIntegerField(null=True)  # Q.850
    sip_status = models.PositiveSmallIntegerField(null=True)
    announced_at = models.DateTimeField(null=True)  # the contact has heard that the call is recorded
    talk_ms = models.PositiveIntegerField(default=0)  # contact with operator, until hang-up or hand-over
    contact_stats = models.JSONField(default=dict)  # port.MediaStats as JSON
    operator_stats = models.JSONField(default=dict)
    # the outcome
    disposition = models.ForeignKey(Disposition, null=True, on_delete=models.SET_NULL, related_name="+")
    auto_outcome = models.CharField(max_length=24, blank=True)  # busy, no_answer, absent, rejected, network, cancelled
    result = models.JSONField(default=dict)
    notes = models.TextField(blank=True)
    wrapped_up_at = models.DateTimeField(null=True)
    payable = models.BooleanField(null=True)  # None until settled
    not_payable_reason = models.CharField(max_length=40, blank=True)
    charged_minor = models.PositiveBigIntegerField(default=0)  # where not payable: for the ringing
    earned_minor = models.PositiveBigIntegerField(default=0)

    class Meta:
        indexes = [
            models.Index(fields=["campaign", "-dialled_at"]),
            models.Index(fields=["operator", "-dialled_at"]),
            models.Index(fields=["node", "phase"]),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["line"], condition=Q(operator_left_at=None), name="one_live_attempt_per_line"
            )
        ]

    def __str__(self) -> str:
        return str(self.id)


class HandOverState(models.TextChoices):
    RINGING = "ringing", _("ringing")
    BRIEFING = "briefing", _("briefing")
    COMPLETED = "completed", _("handed over")
    DECLINED = "declined", _("declined")
    UNANSWERED = "unanswered", _("not answered")
    CANCELLED = "cancelled", _("taken back")
    CONTACT_GONE = "contact_gone", _("the contact hung up")
    FAILED = "failed", _("failed")


class HandOver(models.Model):
    """One try to hand the contact to a manager: the briefing, then the hand-over."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    attempt = models.ForeignKey(Attempt, on_delete=models.CASCADE, related_name="handovers")
    manager = models.ForeignKey(CampaignManager, null=True, on_delete=models.SET_NULL, related_name="handovers")
    state = models.CharField(max_length=16, choices=HandOverState.choices, default=HandOverState.RINGING)
    leg = models.UUIDField(null=True)  # the manager's leg: a line's or a phone leg's
    guest_token = models.CharField(max_length=64, blank=True)  # of the signed link, single use
    rang_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    manager_notes = models.TextField(blank=True)

    def __str__(self) -> str:
        return str(self.id)


class TrunkCall(models.Model):
    """One leg through a trunk, from before its INVITE to its end: the evidence of each try, and what holds a channel.

    `channel` (from 1 to the trunk's limit) and `turn` (of the seconds, each divided by the trunk's calls a second) are taken by
    writing them: that no two calls have the same is the database's word, whatever nodes and threads do at the same time.
    """

    id = models.UUIDField(primary_key=True, editable=False)  # of the leg
    trunk = models.ForeignKey(Trunk, null=True, on_delete=models.SET_NULL, related_name="calls")
    node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="+")
    attempt = models.ForeignKey(Attempt, null=True, on_delete=models.CASCADE, related_name="tries")
    handover = models.ForeignKey(HandOver, null=True, on_delete=models.CASCADE, related_name="+")
    channel = models.PositiveIntegerField(null=True)  # None: the trunk has no limit
    turn = models.BigIntegerField(null=True)
    begun_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    cause = models.PositiveSmallIntegerField(null=True)  # Q.850; None: nobody heard the end
    sip_status = models.PositiveSmallIntegerField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["trunk", "begun_at"]),
            models.Index(fields=["node"], condition=Q(ended_at=None), name="open_trunk_calls_of_node"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["trunk", "channel"], condition=Q(ended_at=None), name="one_call_per_trunk_channel"
            ),
            models.UniqueConstraint(fields=["trunk", "turn"], name="one_call_per_trunk_turn"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class RecordingStage(models.TextChoices):
    """How far a recording has come (`quality.recordings.keeping`)."""

    RAW = "raw", _("as the switch wrote it")
    PACKED = "packed", _("packed")  # the Opus file is read back and checked; the WAV may still lie beside it
    KEPT = "kept", _("kept")  # packed, where it belongs, and nothing else of it anywhere
    STUCK = "stuck", _("could not be packed")  # after many tries; the WAV stays and is heard
    LOST = "lost", _("the file is missing")


class RecordingPlace(models.TextChoices):
    FOLDER = "folder", _("in the recordings folder")
    BUCKET = "bucket", _("in the object storage")


class Deletion(models.TextChoices):
    """Why a recording was deleted."""

    AGE = "age", _("its time was over")
    OWNER = "owner", _("deleted by the customer")
    STAFF = "staff", _("deleted by the exchange")


class Recording(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    attempt = models.ForeignKey(Attempt, on_delete=models.CASCADE, related_name="recordings")
    path = models.CharField(max_length=300)  # relative to the recordings folder, or to the bucket's prefix
    started_at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField(null=True)  # None until complete
    size = models.PositiveBigIntegerField(default=0)
    stage = models.CharField(max_length=8, choices=RecordingStage.choices, default=RecordingStage.RAW)
    place = models.CharField(max_length=8, choices=RecordingPlace.choices, default=RecordingPlace.FOLDER)
    sha256 = models.CharField(max_length=64, blank=True)  # hex, of the packed file
    outline = models.JSONField(null=True)  # peaks of both channels, each 0..100: [[contact...], [heard...]]
    # stretches that were silenced while it was made: [[from_ms, to_ms | None, why it ended], ...]
    pauses = models.JSONField(default=list)
    tries = models.PositiveSmallIntegerField(default=0)  # of the step that is next
    due_at = models.DateTimeField(default=clock.now)  # the next step is not tried before; moved on by who takes it
    deleted_at = models.DateTimeField(null=True)  # from then on nobody hears it
    deleted_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    deletion = models.CharField(max_length=8, choices=Deletion.choices, blank=True)  # why
    purged_at = models.DateTimeField(null=True)  # every copy of it is gone

    class Meta:
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=Q(stage__in=["raw", "packed"], duration_ms__isnull=False, deleted_at=None),
                name="recordings_to_keep",
            ),
            models.Index(
                fields=["due_at"], condition=Q(deleted_at__isnull=False, purged_at=None), name="recordings_to_purge"
            ),
            models.Index(fields=["started_at"], condition=Q(deleted_at=None), name="recordings_by_age"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class OwnPhone(models.Model):
    """How a person's line is opened when it is not the browser. No row: the browser."""

    user = models.OneToOneField(User, primary_key=True, on_delete=models.CASCADE, related_name="own_phone")
    kind = models.CharField(max_length=12, choices=LineKind.choices, default=LineKind.BROWSER)
    number = models.CharField(_("telephone number"), max_length=20, blank=True)  # E.164
    confirmed_at = models.DateTimeField(null=True)  # a code shown on the page was pressed on this telephone
    sip_name = models.CharField(max_length=32, blank=True)  # empty: no account
    sip_ha1 = models.CharField(max_length=32, blank=True)  # MD5 of name:realm:password (RFC 2617 §3.2.2.2)
    sip_made_at = models.DateTimeField(null=True)
    registered_node = models.ForeignKey(Node, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sip_name"], condition=~Q(sip_name=""), name="one_phone_per_sip_name")
        ]

    def __str__(self) -> str:
        return str(self.user_id)
