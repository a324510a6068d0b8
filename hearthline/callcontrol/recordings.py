"""Recordings: where they lie, their rows, and finishing what a crash left open.

The contact's leg is recorded for the whole call: left is what the contact says, right what the contact hears. So the
hand-over is in it, and the briefing is not: while operator and manager talk, the contact hears music.
"""

from __future__ import annotations

import uuid
import wave
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction

from hearthline.calls.announcements import call_audiences
from hearthline.calls.models import Attempt, Recording
from hearthline.lib.ids import derived_id
from hearthline.realtime.configured import bus

ABANDONED_AFTER = timedelta(minutes=1)  # after the call's end, before a recording is finished without the switch
FINISH_AT_ONCE = 20
MOST_PAUSES = 500  # of one recording that are noted


def open_recording(attempt: Attempt, leg: str, now: datetime) -> tuple[Recording, str]:
    """The row and the absolute path, its folder made. Asking again gives the same."""
    id = recording_id(attempt, leg)
    relative = f"{now:%Y/%m/%d}/{id}.wav"
    recording, _created = Recording.objects.get_or_create(
        pk=id, defaults={"attempt": attempt, "path": relative, "started_at": now}
    )
    path = settings.HEARTHLINE.recordings_folder / recording.path
    path.parent.mkdir(parents=True, exist_ok=True)
    return recording, str(path)


def note_pause(attempt: Attempt, leg: str, *, on: bool, why: str, at: datetime) -> None:
    """Keep when the recording was silenced, and why it went on, within the caller's transaction. Told twice, noted once."""
    recording = Recording.objects.filter(pk=recording_id(attempt, leg)).first()
    if recording is None:
        return
    moment = max(0, round((at - recording.started_at).total_seconds() * 1000))
    pauses = [list(pause) for pause in recording.pauses]
    running = bool(pauses) and pauses[-1][1] is None
    if on and not running and len(pauses) < MOST_PAUSES:
        pauses.append([moment, None, ""])
    elif not on and running:
        pauses[-1][1:] = [moment, why]
    Recording.objects.filter(pk=recording.pk).update(pauses=pauses)


def recording_id(attempt: Attempt, leg: str) -> uuid.UUID:
    return derived_id(attempt.pk, f"recording:{leg}")


def finish_recording(path: str, duration_ms: int) -> None:
    """The switch says that the file is complete."""
    folder = settings.HEARTHLINE.recordings_folder
    try:
        relative = Path(path).resolve().relative_to(folder.resolve())
    except ValueError:
        return  # not one of ours
    with transaction.atomic():
        recording = (
            Recording.objects.select_related("attempt__campaign", "attempt__contact").filter(path=str(relative)).first()
        )
        if recording is not None and recording.duration_ms is None:
            _complete(recording, duration_ms)


def finish_abandoned(now: datetime) -> int:
    """Recordings whose call has ended and of whose end nobody told: what is on disk counts."""
    rows = Recording.objects.select_related("attempt__campaign", "attempt__contact").filter(
        duration_ms=None, attempt__ended_at__lt=now - ABANDONED_AFTER
    )
    finished = 0
    for recording in rows[:FINISH_AT_ONCE]:
        with transaction.atomic():
            _complete(recording, duration_of(settings.HEARTHLINE.recordings_folder / recording.path))
        finished += 1
    return finished


def duration_of(path: Path) -> int:
    """Milliseconds by the file's header, or by its size where the header was never completed; 0 without a file."""
    try:
        with wave.open(str(path), "rb") as file:
            told = file.getnframes() * 1000 // file.getframerate()
            per_second = file.getframerate() * file.getnchannels() * file.getsampwidth()
    except (OSError, EOFError, wave.Error):
        return 0
    by_size = max(0, path.stat().st_size - 44) * 1000 // per_second
    return told if 0 < told <= by_size else by_size


def _complete(recording: Recording, duration_ms: int) -> None:
    path = settings.HEARTHLINE.recordings_folder / recording.path
    size = path.stat().st_size if path.exists() else 0
    Recording.objects.filter(pk=recording.pk, duration_ms=None).update(duration_ms=duration_ms, size=size)
    attempt = recording.attempt
    bus().publish(
        "recording.ready",
        {
            "attempt": str(attempt.pk),
            "recording": str(recording.pk),
            "campaign": str(attempt.campaign_id),
            "duration_ms": duration_ms,
        },
        audiences=call_audiences(attempt),
    )
