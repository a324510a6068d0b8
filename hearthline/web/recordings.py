"""Recordings of calls: who may listen, the audio in byte ranges, its outline. Each listening is in the audit trail.

They stand in a folder or a bucket and are never served by path or by redirection: an address carries the recording's id, and
each request passes the gate. Ranges follow RFC 9110 §14: one range; several at once get the whole file, which the RFC allows.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.urls import path
from django.views.decorators.http import require_safe

from hearthline.calls.gates import recording_for_listener
from hearthline.calls.models import Recording
from hearthline.lib import clock
from hearthline.lib.errors import NotFoundError
from hearthline.people import audit
from hearthline.people.models import AuditEntry, User
from hearthline.quality.recordings.ogg import DamagedError
from hearthline.quality.recordings.reading import content_of, outline_of
from hearthline.quality.recordings.samples import GONE

SAME_LISTENING = timedelta(minutes=10)  # a player asks for many ranges of one recording: one entry in the trail

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


@login_required
@require_safe
def audio(request: HttpRequest, id: uuid.UUID) -> HttpResponseBase:
    recording = recording_for_listener(request.user, id)
    return serve(request, recording, lambda: _note_listening(request, recording))


def serve(request: HttpRequest, recording: Recording, note: Callable[[], None]) -> HttpResponseBase:
    """The bytes that are asked for; `note` writes the listening down before the first of them goes out.
    Raises NotFoundError, UnavailableError."""
    content = content_of(recording)
    asked = request.headers.get("range", "")
    if asked and request.headers.get("if-range", content.etag) != content.etag:
        asked = ""
    wanted = byte_range(asked, content.size)
    if wanted is None:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{content.size}"})
    first, last = wanted
    partial = bool(asked) and _RANGE.fullmatch(asked) is not None
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-store",
        "Content-Length": str(last - first + 1),
        "ETag": content.etag,
    }
    if partial:
        headers["Content-Range"] = f"bytes {first}-{last}/{content.size}"
    if request.GET.get("download"):
        name = f"{recording.started_at:%Y-%m-%d-%H%M}-{recording.pk.hex[:8]}{content.suffix}"
        headers["Content-Disposition"] = f'attachment; filename="{name}"'
    status = 206 if partial else 200
    if request.method == "HEAD":
        return HttpResponse(status=status, headers=headers, content_type=content.content_type)
    # opened before the answer begins, so that a storage that is away is told as such
    opened = ExitStack()
    pieces = opened.enter_context(content.open(first, last))
    note()
    return StreamingHttpResponse(
        _Body(opened, pieces), status=status, headers=headers, content_type=content.content_type
    )


@login_required
@require_safe
def outline(request: HttpRequest, id: uuid.UUID) -> JsonResponse:
    return outline_answer(recording_for_listener(request.user, id))


def outline_answer(recording: Recording) -> JsonResponse:
    """What a player draws before it has any audio. Shape: {"duration_ms", "channels": [[0..1, ...], ...], "pauses":
    [[from_ms, to_ms], ...]}; the first channel is what the contact said, the second what they heard."""
    if recording.deleted_at is not None:
        raise NotFoundError(GONE)
    try:
        channels = outline_of(recording)
    except DamagedError:
        channels = [[0.0], [0.0]]
    pauses = [[begin, end] for begin, end, _why in recording.pauses if end is not None]
    response = JsonResponse({"duration_ms": recording.duration_ms, "channels": channels, "pauses": pauses})
    response["Cache-Control"] = "private, no-store"  # it may be deleted at any time
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


class _Body:
    """The pieces of an answer, and the file or connection behind them, which Django closes with the answer however it ends."""

    def __init__(self, opened: ExitStack, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self.close = opened.close

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while piece := await asyncio.to_thread(next, self._pieces, b""):
            yield piece


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
