"""An exchange's own scenarios, calls with robots with their log and score, and operators' test calls."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from hearthline.calls.models import Attempt
from hearthline.people.models import User


class OwnScenario(models.Model):
    """A scenario that was written here. It hides the one of the same name that comes with the exchange or lies in a node's folder."""

    slug = models.CharField(max_length=80, primary_key=True)  # "en/wrong_person"
    text = models.TextField(blank=True)  # YAML, read without a fault: what is played; empty: never right yet
    draft = models.TextField(blank=True)  # what was saved last, where that has faults; it is not played
    version = models.PositiveIntegerField(
        default=1
    )  # of both, so that two who write at once do not undo each other's work
    changed_at = models.DateTimeField()
    changed_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")

    def __str__(self) -> str:
        return self.slug


class ScenarioUse(models.Model):
    """Somebody has switched one use of a scenario on or off, whatever its text says."""

    slug = models.CharField(max_length=80)
    use = models.CharField(max_length=12)  # of `scenarios.scenario.Use`
    on = models.BooleanField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["slug", "use"], name="one_switch_per_scenario_use")]

    def __str__(self) -> str:
        return f"{self.slug} {self.use} {self.on}"


class ScenarioRecording(models.Model):
    """What scenarios can play instead of a rendered line: linear, 16-bit little-endian, mono, 8 kHz. In the database, where the
    robots of every node find it; a minute is 960,000 bytes. Never changed: another upload of the name is another `id`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=64, unique=True)  # "hello.wav"
    sound = models.BinaryField()
    duration_ms = models.PositiveIntegerField()
    uploaded_at = models.DateTimeField()
    uploaded_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")

    def __str__(self) -> str:
        return self.name


class Ear(models.TextChoices):
    """Whose ear the manners of a call were measured by."""

    ROBOT = "robot", _("the robot's ear")
    RECORDING = "recording", _("the recording")


class RobotCall(models.Model):
    """One call that a robot answered, by its own account, and what came out when it was compared with the form.

    `spoken`: [{"by": "robot" | "operator", "begin_ms", "end_ms", "turn", "line", "act", "cut", "broke_in"}], milliseconds since
    the answer. `items`: what was looked at, as `quality.scoring.Item` has it.
    """

    attempt = models.OneToOneField(Attempt, primary_key=True, on_delete=models.CASCADE, related_name="robot_call")
    scenario = models.CharField(max_length=80)
    begun_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)  # None: the robot is still talking, or died in it
    answered = models.BooleanField(default=False)
    spoken = models.JSONField(default=list)
    all_said = models.BooleanField(default=False)  # the robot had nothing more to say
    scored_at = models.DateTimeField(null=True)
    score = models.PositiveSmallIntegerField(null=True)  # 0-100
    outcome_right = models.BooleanField(null=True)
    items = models.JSONField(default=list)
    ear = models.CharField(max_length=10, choices=Ear.choices, default=Ear.ROBOT)

    def __str__(self) -> str:
        return f"{self.scenario} {self.attempt_id}"


class TestState(models.TextChoices):
    __test__ = False  # no test of pytest's

    OPEN = "open", _("begun")
    TO_DECIDE = "to_decide", _("waits for a moderator")
    PASSED = "passed", _("passed")
    FAILED = "failed", _("not passed")
    VOID = "void", _("does not count")  # the exchange's fault, or never begun


class FitnessTest(models.Model):
    """An operator's test call. The first wrap-up is what counts; it is copied here and never changes again."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    operator = models.ForeignKey(User, on_delete=models.CASCADE, related_name="fitness_tests")
    scenario = models.CharField(max_length=80)
    state = models.CharField(max_length=12, choices=TestState.choices, default=TestState.OPEN)
    begun_at = models.DateTimeField()
    attempt = models.OneToOneField(Attempt, null=True, on_delete=models.SET_NULL, related_name="fitness_test")
    answers = models.JSONField(default=dict)  # {"disposition": title, "kind", "fields": {key: value}, "notes"}
    submitted_at = models.DateTimeField(null=True)
    proposed = models.BooleanField(null=True)  # what the score says; a moderator decides
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    comment = models.TextField(blank=True)  # the moderator's, which the operator reads

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["operator"], condition=Q(state__in=["open", "to_decide"]), name="one_open_test_per_operator"
            )
        ]
        indexes = [models.Index(fields=["state", "submitted_at"]), models.Index(fields=["operator", "-begun_at"])]

    def __str__(self) -> str:
        return f"{self.operator_id} {self.state}"


class TestPardon(models.Model):
    """A moderator allows one more test call than the exchange's limit."""

    __test__ = False

    operator = models.ForeignKey(User, on_delete=models.CASCADE, related_name="test_pardons")
    given_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    given_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return str(self.pk)
