"""Results as a file, written in the background; the link appears when it is ready."""

from __future__ import annotations

import uuid

from django.contrib.auth.decorators import login_required
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from hearthline.campaigns.exports import request_export
from hearthline.campaigns.gates import campaign_for_owner, export_for_owner
from hearthline.campaigns.models import ExportFormat, ImportState, ResultExport
from hearthline.lib.errors import InvalidInputError, NotFoundError
from hearthline.people.models import User

EXPORTS_SHOWN = 3


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def ask(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    """POST asks for a file ("xlsx" or "csv"); GET shows how far the latest ones are."""
    campaign = campaign_for_owner(request.user, id)
    assert isinstance(request.user, User)
    if request.method == "POST":
        wanted = request.POST.get("format", "")
        if wanted not in ExportFormat.values:
            raise InvalidInputError(_("Results are written as XLSX or CSV. Choose one of them."))
        links = request.POST.get("recording_links") == "on"
        request_export(campaign=campaign, format=wanted, actor=request.user, recording_links=links, request=request)
        if not request.headers.get("hx-request"):
            return redirect("customer:campaign", campaign.pk)
    exports = ResultExport.objects.filter(campaign=campaign).order_by("-created_at")[:EXPORTS_SHOWN]
    return render(request, "customer/_exports.html", {"campaign": campaign, "exports": list(exports)})


@login_required
@require_safe
def file(request: HttpRequest, id: uuid.UUID) -> HttpResponseBase:
    export = export_for_owner(request.user, id)
    if export.state != ImportState.DONE or not export.file:
        raise NotFoundError(_("This file is not ready, or it was removed after its time. Ask for it again."))
    day = export.created_at.date().isoformat()
    stem = slugify(export.campaign.name, allow_unicode=True) or "results"
    return FileResponse(export.file.open("rb"), as_attachment=True, filename=f"{stem}-{day}.{export.format}")
