"""Recordings that scenarios play: uploaded in whatever form they were made, heard on the page, removed."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from hearthline.lib.errors import ExchangeError, InvalidInputError, NotFoundError
from hearthline.people.gates import for_roles
from hearthline.people.models import Role, User
from hearthline.quality.models import ScenarioRecording
from hearthline.quality.scenarios import sound_files, writing
from hearthline.web.moderator.scenarios import overview_context
from hearthline.web.recordings import byte_range


@for_roles(Role.MODERATOR, Role.ADMIN)
@require_POST
def keep(request: HttpRequest) -> HttpResponse:
    """Convert what is uploaded and keep it; refused, the page says why and keeps the name."""
    assert isinstance(request.user, User)
    name = _with_suffix(request.POST.get("name", "").strip())
    file = request.FILES.get("file")
    try:
        if file is None or isinstance(file, list):
            raise InvalidInputError(_("Choose a file first."))
        if file.size is None or file.size > sound_files.MOST_BYTES:
            raise InvalidInputError(_("The file is too large: at most 25 MB."))
        row = writing.keep_recording(name=name, data=file.read(), by=request.user, request=request)
    except ExchangeError as refusal:
        context = overview_context() | {"refused": str(refusal.sentence), "recording_name": name}
        return render(request, "moderator/scenarios.html", context, status=refusal.status)
    words = {"name": row.name}
    messages.success(request, _("Kept. A scenario plays it with: recording: %(name)s") % words)
    return redirect("moderator:scenarios")


def _with_suffix(name: str) -> str:
    return name if not name or name.endswith(".wav") else f"{name}.wav"


@for_roles(Role.MODERATOR, Role.ADMIN)
@require_safe
def audio(request: HttpRequest, name: str) -> HttpResponse:
    row = ScenarioRecording.objects.filter(name=name).first()
    if row is None:
        raise NotFoundError(_("There is no such recording."))
    sound = sound_files.as_wav(bytes(row.sound))
    headers = {"Accept-Ranges": "bytes", "Cache-Control": "private, no-cache"}
    asked = request.headers.get("range", "")
    wanted = byte_range(asked, len(sound))
    if wanted is None:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{len(sound)}"})
    if not asked:
        return HttpResponse(sound, content_type="audio/wav", headers=headers)
    first, last = wanted
    headers["Content-Range"] = f"bytes {first}-{last}/{len(sound)}"
    return HttpResponse(sound[first : last + 1], status=206, content_type="audio/wav", headers=headers)


@for_roles(Role.MODERATOR, Role.ADMIN)
@require_POST
def remove(request: HttpRequest, name: str) -> HttpResponse:
    assert isinstance(request.user, User)
    try:
        writing.remove_recording(name=name, by=request.user, request=request)
    except ExchangeError as refusal:
        messages.error(request, str(refusal.sentence))
    else:
        messages.success(request, _("Removed."))
    return redirect("moderator:scenarios")
