"""What the analysis of a recording found."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from hearthline.calls.models import Recording


class AnalysisState(models.TextChoices):
    QUEUED = "queued", _("waiting")
    RUNNING = "running", _("being analysed")
    DONE = "done", _("analysed")
    FAILED = "failed", _("cannot be analysed")


class CallAnalysis(models.Model):
    """One for each recording. The columns are what lists are sorted and averaged by; all else is in `figures`."""

    recording = models.OneToOneField(Recording, primary_key=True, on_delete=models.CASCADE, related_name="analysis")
    state = models.CharField(max_length=8, choices=AnalysisState.choices, default=AnalysisState.QUEUED)
    error = models.CharField(max_length=16, blank=True)  # "gone", "damaged", "empty", "gave_up"; see words.py
    tries = models.PositiveSmallIntegerField(default=0)
    changed_at = models.DateTimeField()  # of the state
    figures = models.JSONField(default=dict)  # analysis.Analysis.to_json()
    suspicions = models.JSONField(default=list)  # codes of suspicions.CODES: ["machine", "noisy"]
    evidence = models.JSONField(default=dict)  # {code: {"at": [[start_ms, end_ms], ...], "value", "threshold", "side"}}
    suspicion_count = models.PositiveSmallIntegerField(default=0)
    talk_ratio = models.FloatField(null=True)  # 0..1, the operator's share of all speech
    operator_latency_ms = models.PositiveIntegerField(null=True)  # median
    interruptions = models.PositiveSmallIntegerField(null=True)  # by the operator
    silence_share = models.FloatField(null=True)  # 0..1
    snr_db = models.FloatField(null=True)  # of the operator's microphone
    machine_likelihood = models.FloatField(null=True)  # 0..1
    transcript = models.JSONField(null=True)  # [{"side", "start_ms", "end_ms", "text"}]; None: nobody listened
    phrases = models.JSONField(null=True)  # [{"phrase", "said", "at_ms", "likeness"}]; None: nobody listened
    words_error = models.BooleanField(
        default=False
    )  # the recogniser failed, or the recording was removed: nobody listens again

    class Meta:
        indexes = [
            models.Index(fields=["-changed_at"], condition=Q(suspicion_count__gt=0), name="suspicious_calls"),
            models.Index(
                fields=["changed_at"], condition=Q(state__in=["queued", "running"]), name="analyses_to_be_done"
            ),
        ]

    def __str__(self) -> str:
        return str(self.recording_id)
