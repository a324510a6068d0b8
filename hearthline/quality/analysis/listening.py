"""The words of a recorded call, and whether the script's key phrases are among them, where the exchange has a recogniser."""

from __future__ import annotations

import logging
import uuid
from typing import Any

import numpy as np
from django.conf import settings

from hearthline.calls.models import Attempt, Recording
from hearthline.campaigns.key_phrases import phrases_of, spoken
from hearthline.campaigns.scripts import values_for
from hearthline.lib.errors import NotFoundError, UnavailableError
from hearthline.quality.analysis.frames import RATE, Samples
from hearthline.quality.analysis.reading import open_sound
from hearthline.quality.analysis.services import claim_of
from hearthline.quality.analysis.transcription.phrases import Said, check
from hearthline.quality.analysis.transcription.port import Heard, TranscriptionError, configured
from hearthline.quality.models import AnalysisState, CallAnalysis
from hearthline.quality.recordings.ogg import DamagedError

logger = logging.getLogger(__name__)

LONGEST_S = 3600  # of a call that is listened to


def wanted(id: uuid.UUID) -> bool:
    """Whether this recording's words are to be written down: a conversation, analysed, and there is a recogniser."""
    if not settings.HEARTHLINE.transcriber:
        return False
    rows = CallAnalysis.objects.filter(pk=id, state=AnalysisState.DONE, transcript__isnull=True, words_error=False)
    row = rows.select_related("recording__attempt__disposition").first()
    return row is not None and claim_of(row.recording.attempt).conversation


def listen(id: uuid.UUID) -> bool:
    """Write down what was said while the operator was there. False: nothing was to be done, or the recogniser failed, which the
    row says too; it is not tried again."""
    if not wanted(id):
        return False
    rows = CallAnalysis.objects.filter(pk=id)
    analysis = rows.select_related(
        "recording__attempt__campaign__organisation", "recording__attempt__contact", "recording__attempt__operator"
    ).get()
    try:
        changes = _words(analysis)
    except (TranscriptionError, NotFoundError, UnavailableError, DamagedError) as error:
        logger.warning("recording %s was not listened to: %s", id, error)
        rows.update(words_error=True)
        return False
    return rows.filter(recording__deleted_at=None).update(**changes) == 1  # it may have been deleted meanwhile


def forget(id: uuid.UUID) -> None:
    """With the recording its words are to be gone. The figures stay: nobody can be recognised by them."""
    CallAnalysis.objects.filter(pk=id).update(transcript=None, phrases=None, words_error=True)


def _words(analysis: CallAnalysis) -> dict[str, Any]:
    transcriber = configured()
    assert transcriber is not None
    recording = analysis.recording
    attempt = recording.attempt
    presences: list[list[int]] = analysis.figures["presences"]
    contact, operator = _channels(recording, presences[-1][1] if presences else 0)
    theirs = transcriber.transcribe(contact, attempt.campaign.language)
    ours = transcriber.transcribe(operator, attempt.campaign.language)
    said = check(_phrases(attempt), ours)
    return {
        "transcript": sorted(_plain("contact", theirs) + _plain("operator", ours), key=lambda one: one["start_ms"]),
        "phrases": [_said(one) for one in said],
    }


def _channels(recording: Recording, end_ms: int) -> tuple[Samples, Samples]:
    """Both as a whole, until the operator left."""
    most = end_ms * RATE // 1000
    with open_sound(recording, LONGEST_S) as pieces:
        both = list(pieces)
    nothing = np.zeros(0, dtype=np.int16)
    contact = np.concatenate([nothing, *(theirs for theirs, _ours in both)])
    operator = np.concatenate([nothing, *(ours for _theirs, ours in both)])
    return contact[:most], operator[:most]


def _phrases(attempt: Attempt) -> list[tuple[str, str]]:
    """As the script stands now: it may have been changed since the call."""
    values = values_for(attempt.campaign, attempt.contact, attempt.operator)
    return [(phrase, spoken(phrase, values)) for phrase in phrases_of(attempt.campaign.script)]


def _plain(side: str, heard: list[Heard]) -> list[dict[str, Any]]:
    return [{"side": side, "start_ms": one.start_ms, "end_ms": one.end_ms, "text": one.text} for one in heard]


def _said(one: Said) -> dict[str, Any]:
    return {"phrase": one.phrase, "said": one.said, "at_ms": one.at_ms, "likeness": one.likeness}
