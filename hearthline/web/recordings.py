"""Recordings of calls: who may listen, the audio in byte ranges, its outline. Each listening is in the audit trail.

Files stand in `HEARTHLINE.recordings_folder` and are never served by path: an address carries the recording's id, and each
request passes the gate. Ranges follow RFC 9110 §14: one range; several at once get the whole file, which the RFC allows.
"""

from __future__ import annotations

import asyncio
import re
import sys
import uuid
import wave
from array import array
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.urls import path
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from hearthline.calls.gates import recording_for_listener
from hearthline.calls.models import Recording
from hearthline.lib import clock
from hearthline.lib.errors import NotFoundError
from hearthline.people import audit
from hearthline.people.models import AuditEntry, User

CHUNK_BYTES = 64 * 1024
OUTLINE_POINTS = 600
MAX_OUTLINE_BYTES = 200_000_000  # more than three hours of 8 kHz stereo
SAME_LISTENING = timedelta(minutes=10)  # a player asks for many ranges of one recording: one entry in the trail

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def file_of(recording: Recording) -> Path:
    """The recording's file. Raises NotFoundError when it was removed or its path leads out of the folder."""
    folder = settings.HEARTHLINE.recordings_folder.resolve()
    file: Path = (folder / recording.path).resolve()
    if not file.is_relative_to(folder) or not file.is_file():
        raise NotFoundError(_("The file of this recording is gone. It may have been removed after its time."))
    return file


@login_required
@require_safe
def audio(request: HttpRequest, id: uuid.UUID) -> HttpResponseBase:
    recording = recording_for_listener(request.user, id)
    file = file_of(recording)
    size = file.stat().st_size
    etag = f'"{recording.pk.hex}-{size:x}"'
    asked = request.headers.get("range", "")
    if asked and request.headers.get("if-range", etag) != etag:
        asked = ""
    wanted = byte_range(asked, size)
    if wanted is None:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    first, last = wanted
    partial = bool(asked) and _RANGE.fullmatch(asked) is not None
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-store",
        "Content-Length": str(last - first + 1),
        "ETag": etag,
    }
    if partial:
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    if request.GET.get("download"):
        headers["Content-Disposition"] = (
            f'attachment; filename="{recording.started_at:%Y-%m-%d-%H%M}-{recording.pk.hex[:8]}.wav"'
        )
    status = 206 if partial else 200
    if request.method == "HEAD":
        return HttpResponse(status=status, headers=headers, content_type="audio/wav")
    _note_listening(request, recording)
    return StreamingHttpResponse(_read(file, first, last), status=status, headers=headers, content_type="audio/wav")


@login_required
@require_safe
def outline(request: HttpRequest, id: uuid.UUID) -> JsonResponse:
    """What a player draws before it has any audio. Shape: {"duration_ms", "channels": [[0..1, ...], ...]}; left is the operator."""
    recording = recording_for_listener(request.user, id)
    file = file_of(recording)
    channels = outline_of(file) if file.stat().st_size <= MAX_OUTLINE_BYTES else [[0.0]]
    response = JsonResponse({"duration_ms": recording.duration_ms, "channels": channels})
    response["Cache-Control"] = "private, max-age=3600"  # a finished recording does not change
    return response


def byte_range(header: str, size: int) -> tuple[int, int] | None:
    """The first and last byte to send. A header that is absent or not one range of bytes asks for all; None: unsatisfiable."""
    match = _RANGE.fullmatch(header)
    if not match or (not match[1] and not match[2]):
        return (0, size - 1) if size else None
    if not match[1]:  # the last so many
        length = min(int(match[2]), size)
        return (size - length, size - 1) if length else None
    first = int(match[1])
    last = min(int(match[2]), size - 1) if match[2] else size - 1
    return (first, last) if first <= last else None


def outline_of(file: Path) -> list[list[float]]:
    """Peaks of each channel of a 16-bit WAV, 0 to 1, at most OUTLINE_POINTS of them. Reads a slice at a time."""
    with wave.open(str(file)) as sound:
        channels, frames = sound.getnchannels(), sound.getnframes()
        if sound.getsampwidth() != 2 or frames == 0:
            return [[0.0] for _channel in range(channels)]
        step = max(1, -(-frames // OUTLINE_POINTS))
        peaks: list[list[float]] = [[] for _channel in range(channels)]
        while data := sound.readframes(step):
            samples = array("h", data[: len(data) // (2 * channels) * 2 * channels])
            if sys.byteorder == "big":
                samples.byteswap()
            for channel in range(channels):
                part = samples[channel::channels]
                peak = max(max(part), -min(part)) if part else 0
                peaks[channel].append(round(peak / 32768, 3))
        return peaks


async def _read(file: Path, first: int, last: int) -> AsyncIterator[bytes]:
    left = last - first + 1
    opened = await asyncio.to_thread(file.open, "rb")
    try:
        await asyncio.to_thread(opened.seek, first)
        while left > 0:
            data = await asyncio.to_thread(opened.read, min(CHUNK_BYTES, left))
            if not data:
                return  # shorter than it was a moment ago: the connection ends early and the browser notices
            left -= len(data)
            yield data
    finally:
        opened.close()


def _note_listening(request: HttpRequest, recording: Recording) -> None:
    assert isinstance(request.user, User)
    tag = audit.Tag.WEB_RECORDING_PLAYED
    lately = AuditEntry.objects.filter(
        subject_id=str(recording.pk), tag=tag, actor=request.user, at__gt=clock.now() - SAME_LISTENING
    )
    if not lately.exists():
        audit.record(tag, request.user, recording.pk, {"attempt": recording.attempt_id}, request)


app_name = "recordings"
urlpatterns = [
    path("recordings/<uuid:id>/audio", audio, name="audio"),
    path("recordings/<uuid:id>/outline", outline, name="outline"),
]
