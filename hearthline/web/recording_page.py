"""One recording's page: what is known of it, hearing it, a link for somebody without an account, deleting it."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from hearthline.calls.gates import recording_for_keeper
from hearthline.calls.models import Deletion, Recording
from hearthline.campaigns.recording_links import make_link
from hearthline.lib import clock
from hearthline.lib.errors import NotFoundError
from hearthline.people import audit
from hearthline.people.models import AuditEntry, Role, User
from hearthline.quality.recordings.retention import delete_recording, kept_until
from hearthline.quality.recordings.samples import GONE

LISTENINGS_SHOWN = 20
_TRAIL = (
    audit.Tag.WEB_RECORDING_PLAYED,
    audit.Tag.WEB_RECORDING_LINK_MADE,
    audit.Tag.WEB_RECORDING_LINK_OPENED,
    audit.Tag.WEB_RECORDING_DELETED,
)


@login_required
@never_cache
@require_safe
def page(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    return _page(request, recording_for_keeper(request.user, id))


@login_required
@never_cache
@require_POST
def link(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    """Make a link and show it: it is nowhere kept."""
    recording = recording_for_keeper(request.user, id)
    assert isinstance(request.user, User)
    if recording.deleted_at is not None:
        raise NotFoundError(GONE)
    made = make_link(recording.attempt_id, request.user.pk, clock.now())
    details = {"attempt": recording.attempt_id}
    audit.record(audit.Tag.WEB_RECORDING_LINK_MADE, request.user, recording.pk, details, request)
    return _page(request, recording, made)


@login_required
@require_POST
def delete(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    recording = recording_for_keeper(request.user, id)
    assert isinstance(request.user, User)
    staff = request.user.role in (Role.MODERATOR, Role.ADMIN)
    delete_recording(
        recording=recording, actor=request.user, why=Deletion.STAFF if staff else Deletion.OWNER,
        source=audit.Tag.WEB_RECORDING_DELETED, request=request,
    )  # fmt: skip
    messages.success(request, _("The recording is deleted. Nobody can hear it any more."))
    return redirect("recording_page:page", recording.pk)


def _page(request: HttpRequest, recording: Recording, made: str = "") -> HttpResponse:
    recording = Recording.objects.select_related(
        "attempt__campaign", "attempt__contact", "attempt__operator", "deleted_by", "analysis"
    ).get(pk=recording.pk)
    trail = AuditEntry.objects.filter(subject_id=str(recording.pk), tag__in=_TRAIL).select_related("actor")
    assert isinstance(request.user, User)
    context = {
        "recording": recording,
        "attempt": recording.attempt,
        "campaign": recording.attempt.campaign,
        "kept_until": kept_until(recording),
        "pauses": [(begin, end) for begin, end, _why in recording.pauses if end is not None],
        "link": made,
        "link_hours": settings.HEARTHLINE.recording_link_hours,
        "trail": trail.order_by("-at", "-pk")[:LISTENINGS_SHOWN],
        "is_staff": request.user.role in (Role.MODERATOR, Role.ADMIN),
    }
    return render(request, "shared/recording.html", context)


app_name = "recording_page"
urlpatterns = [
    path("recordings/<uuid:id>/", page, name="page"),
    path("recordings/<uuid:id>/link", link, name="link"),
    path("recordings/<uuid:id>/delete", delete, name="delete"),
]
