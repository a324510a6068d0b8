"""Analysing recordings: which ones, once each, whatever crashes.

A recording is analysed when it is complete and its call is wrapped up, for then it is known what the call was said to be. A row is
made first; whoever moves it from one state to the next does the work. A file that cannot be read gives a row that says so.
"""

from __future__ import annotations

import logging
import uuid
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import F

from hearthline.calls.models import Attempt, HandOver, Recording
from hearthline.campaigns.models import DispositionKind
from hearthline.lib import clock
from hearthline.lib.errors import NotFoundError, UnavailableError
from hearthline.quality.analysis.analysis import Analysis, Situation, analyse
from hearthline.quality.analysis.reading import open_sound
from hearthline.quality.analysis.suspicions import Claim, Suspicion, policy, suspicions_of
from hearthline.quality.analysis.voice import Span, bridged
from hearthline.quality.models import AnalysisState, CallAnalysis
from hearthline.quality.recordings.ogg import DamagedError

logger = logging.getLogger(__name__)

AT_ONCE = 200  # recordings that one sweep queues
LOOKS_BACK = timedelta(days=7)  # a recording that nobody analysed within a week stays as it is
STUCK_AFTER = timedelta(minutes=30)  # a worker that took it is gone
MOST_TRIES = 3


def queue_waiting() -> list[uuid.UUID]:
    """Rows for recordings that have none, and once more for those that a worker left; returns what is to be analysed now."""
    if not settings.HEARTHLINE.analyse_recordings:
        return []
    now = clock.now()
    found = list(
        Recording.objects.filter(
            started_at__gt=now - LOOKS_BACK,
            duration_ms__isnull=False,
            deleted_at=None,
            attempt__wrapped_up_at__isnull=False,
            analysis=None,
        )
        .order_by("started_at")
        .values_list("pk", flat=True)[:AT_ONCE]
    )
    if found:
        rows = [CallAnalysis(recording_id=id, changed_at=now) for id in found]
        CallAnalysis.objects.bulk_create(rows, ignore_conflicts=True)
    return found + _stuck(now)


def _stuck(now: datetime) -> list[uuid.UUID]:
    unfinished = (AnalysisState.QUEUED, AnalysisState.RUNNING)
    left = CallAnalysis.objects.filter(state__in=unfinished, changed_at__lt=now - STUCK_AFTER)
    tried = {
        id: tries < MOST_TRIES and started_at > now - LOOKS_BACK
        for id, tries, started_at in left.values_list("pk", "tries", "recording__started_at")[:AT_ONCE]
    }
    again = [id for id, worth_it in tried.items() if worth_it]
    if again:
        left.filter(pk__in=again).update(state=AnalysisState.QUEUED, changed_at=now)
    if len(again) < len(tried):
        left.filter(pk__in=set(tried) - set(again)).update(state=AnalysisState.FAILED, error="gave_up", changed_at=now)
    return again


def analyse_recording(id: uuid.UUID) -> bool:
    """Whether it was done now: not when another worker has it, or it is done already."""
    taken = CallAnalysis.objects.filter(pk=id, state=AnalysisState.QUEUED).update(
        state=AnalysisState.RUNNING, tries=F("tries") + 1, changed_at=clock.now()
    )
    if taken != 1:
        return False
    recording = Recording.objects.select_related("attempt__disposition", "attempt__campaign").get(pk=id)
    try:
        changes = _columns(recording, _analysed(recording))
    except NotFoundError:
        changes = _failure("gone")
    except UnavailableError:
        logger.warning("recording %s cannot be analysed: its storage does not answer; it is tried again later", id)
        changes = {"state": AnalysisState.QUEUED, "tries": F("tries") - 1}  # no fault of the recording's
    except DamagedError as damage:
        logger.warning("recording %s cannot be analysed: %s", id, damage)
        changes = _failure("damaged")
    waiting = CallAnalysis.objects.filter(pk=id, state=AnalysisState.RUNNING)
    return waiting.update(changed_at=clock.now(), **changes) == 1 and changes["state"] != AnalysisState.QUEUED


def _analysed(recording: Recording) -> Analysis:
    with open_sound(recording) as pieces:
        return analyse(pieces, situation_of(recording))


def _failure(error: str) -> dict[str, Any]:
    return {"state": AnalysisState.FAILED, "error": error}


def _columns(recording: Recording, analysis: Analysis) -> dict[str, Any]:
    if not analysis.duration_ms:
        return _failure("empty")
    found = suspicions_of(analysis, claim_of(recording.attempt), policy())
    return {
        "state": AnalysisState.DONE,
        "figures": analysis.to_json(),
        "talk_ratio": analysis.talk.talk_ratio,
        "operator_latency_ms": analysis.talk.operator_latency_ms,
        "interruptions": len(analysis.talk.interruptions_by_operator),
        "silence_share": analysis.talk.silence_share,
        "snr_db": analysis.operator_microphone.snr_db,
        "machine_likelihood": analysis.machine.likelihood,
        **suspicion_columns(found),
    }


def suspicion_columns(found: list[Suspicion]) -> dict[str, Any]:
    return {
        "suspicions": [one.code for one in found],
        "suspicion_count": len(found),
        "evidence": {
            one.code: {
                "at": [[span.start, span.end] for span in one.at],
                "value": one.value,
                "threshold": one.threshold,
                "side": one.side,
            }
            for one in found
        },
    }


def claim_of(attempt: Attempt) -> Claim:
    """What the operator said the call was; nothing at all is no claim."""
    disposition = attempt.disposition
    return Claim(
        conversation=disposition is not None and disposition.kind != DispositionKind.NO_CONVERSATION,
        payable=bool(attempt.payable),
    )


def situation_of(recording: Recording) -> Situation:
    """When the operator was on the line and heard, by the evidence of the call. Times of rows against the recording's beginning are right to
    some tens of milliseconds."""
    attempt, begun = recording.attempt, recording.started_at

    def place(at: datetime) -> int:
        return max(0, round((at - begun).total_seconds() * 1000))

    handed_over = HandOver.objects.filter(attempt=attempt).order_by("rang_at")
    away: list[Span] = []
    for handover in handed_over:
        over = handover.completed_at or handover.ended_at
        if over is not None and handover.rang_at < over:
            start = max(place(handover.rang_at), away[-1].end if away else 0)
            away.append(Span(start, max(start, place(over))))
    left = place(attempt.operator_left_at) if attempt.operator_left_at is not None else None
    begin = place(attempt.answered_at) if attempt.answered_at is not None else 0
    held = 0
    if left is not None and attempt.talk_ms:
        held = max(0, left - begin - sum(span.length for span in away) - attempt.talk_ms)
    silenced = [Span(begin, end) for begin, end, _why in recording.pauses if end is not None]
    return Situation(operator_left_ms=left, away=tuple(bridged(sorted(away + silenced), 1)), held_ms=held)
