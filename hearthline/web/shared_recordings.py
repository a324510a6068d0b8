"""A recording by a signed link, without an account: the page, the audio, the outline. Each opening and listening is in the trail
in the name of who made the link, who must still be allowed to hear it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from hearthline.calls.gates import recording_for_keeper
from hearthline.calls.models import Recording
from hearthline.campaigns.recording_links import RecordingLink, read_link
from hearthline.lib import clock
from hearthline.lib.errors import NotFoundError
from hearthline.people import audit
from hearthline.people.models import AuditEntry, User
from hearthline.quality.recordings.samples import GONE
from hearthline.web.recordings import SAME_LISTENING, outline_answer, serve


@never_cache
@require_safe
def page(request: HttpRequest, token: str) -> HttpResponse:
    link, recording = _opened(token)
    _note(audit.Tag.WEB_RECORDING_LINK_OPENED, link, recording, request)
    context = {"recording": recording, "token": token, "ends_at": link.ends_at}
    response = render(request, "shared/shared_recording.html", context)
    response["X-Robots-Tag"] = "noindex, nofollow"
    response["Referrer-Policy"] = "no-referrer"
    return response


@require_safe
def audio(request: HttpRequest, token: str) -> HttpResponseBase:
    link, recording = _opened(token)
    return serve(request, recording, lambda: _note(audit.Tag.WEB_RECORDING_PLAYED, link, recording, request))


@require_safe
def outline(request: HttpRequest, token: str) -> JsonResponse:
    _link, recording = _opened(token)
    return outline_answer(recording)


def _opened(token: str) -> tuple[RecordingLink, Recording]:
    """Raises NotFoundError."""
    link = read_link(token)
    maker = User.objects.filter(pk=link.maker, is_active=True).first()
    id = (
        Recording.objects.filter(attempt=link.attempt, duration_ms__isnull=False, deleted_at=None)
        .order_by("-started_at")
        .values_list("pk", flat=True)
        .first()
    )
    if maker is None or id is None:
        raise NotFoundError(GONE)
    return link, recording_for_keeper(maker, id)


def _note(tag: audit.Tag, link: RecordingLink, recording: Recording, request: HttpRequest) -> None:
    """Once for each of a listener's many requests: nobody is signed in, so by the link's maker."""
    lately = AuditEntry.objects.filter(
        subject_id=str(recording.pk), tag=tag, actor=None, details__link_of=str(link.maker),
        at__gt=clock.now() - SAME_LISTENING,
    )  # fmt: skip
    if not lately.exists():
        details = {"attempt": recording.attempt_id, "link_of": link.maker}
        audit.record(tag, None, recording.pk, details, request)


app_name = "shared_recordings"
urlpatterns = [
    path("listen/<str:token>/", page, name="page"),
    path("listen/<str:token>/audio", audio, name="audio"),
    path("listen/<str:token>/outline", outline, name="outline"),
]
