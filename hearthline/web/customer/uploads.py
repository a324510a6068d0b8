"""The step "contacts": a file is dropped, its columns are put right, it is imported while the page shows how far it is."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from hearthline.campaigns import tally as tallies
from hearthline.campaigns.columns import MAX_COLUMNS
from hearthline.campaigns.gates import campaign_for_owner, import_for_owner
from hearthline.campaigns.imports.uploads import confirm_import, discard_upload, preview, receive_upload
from hearthline.campaigns.models import Campaign, CampaignState, ContactImport, ImportState
from hearthline.lib.errors import ExchangeError, NotFoundError
from hearthline.people.models import User
from hearthline.realtime.configured import bus

IMPORTS_SHOWN = 10
USES = (
    ("phone", gettext_lazy("phone number")),
    ("name", gettext_lazy("name")),
    ("timezone", gettext_lazy("city or time zone")),
    ("keep", gettext_lazy("keep, called:")),
    ("leave", gettext_lazy("leave out")),
)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def contacts(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    """The step by itself: a page for a campaign on its way, a part for htmx; POST takes a file."""
    campaign = campaign_for_owner(request.user, id)
    refused = ""
    if request.method == "POST":
        refused = _receive(request, campaign)
        if not refused and not request.headers.get("hx-request"):
            return redirect(_page_of(campaign), campaign.pk)
    context = {"campaign": campaign, "tab": "contacts", "refused": refused, **step(campaign)}
    template = "customer/_contacts.html" if request.headers.get("hx-request") else "customer/contacts.html"
    return render(request, template, context, status=422 if refused else 200)


@login_required
@require_POST
def columns(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    """The first rows again, as understood by the columns that the owner has just chosen."""
    upload = import_for_owner(request.user, id)
    context = {"campaign": upload.campaign, **_columns_form(upload, chosen=_mapping(request.POST))}
    return render(request, "customer/_columns.html", context)


@login_required
@require_POST
def confirm(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    upload = import_for_owner(request.user, id)
    assert isinstance(request.user, User)
    refused = ""
    try:
        confirm_import(upload=upload, mapping=_mapping(request.POST), actor=request.user, request=request)
    except ExchangeError as refusal:
        refused = str(refusal.sentence)
    return _step_again(request, upload.campaign, refused)


@login_required
@require_POST
def discard(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    upload = import_for_owner(request.user, id)
    campaign = upload.campaign
    discard_upload(upload)
    return _step_again(request, campaign, "")


@login_required
@require_safe
def rejects(request: HttpRequest, id: uuid.UUID) -> HttpResponseBase:
    """The rows that were not understood, each with its reason, as a spreadsheet to correct and drop again."""
    upload = import_for_owner(request.user, id)
    if not upload.rejects_file:
        raise NotFoundError(_("Every row of this file was understood."))
    suffix = str(upload.rejects_file.name).rpartition(".")[2]
    stem = upload.original_name.rpartition(".")[0] or upload.original_name
    return FileResponse(
        upload.rejects_file.open("rb"), as_attachment=True, filename=f"{stem} - {_('not understood')}.{suffix}"
    )


def step(campaign: Campaign) -> dict[str, Any]:
    """What the step shows: what was imported, what is on its way, the file that waits for a word. Two queries."""
    last_event = bus().latest_id()
    imports = list(ContactImport.objects.filter(campaign=campaign).order_by("-created_at", "pk")[:IMPORTS_SHOWN])
    waiting = next((upload for upload in imports if upload.state == ImportState.UPLOADED), None)
    context: dict[str, Any] = {
        "last_event": last_event,
        "max_upload_bytes": settings.HEARTHLINE.max_upload_bytes,
        "contacts_tally": tallies.of(campaign.pk),
        "moving": [u for u in imports if u.state in (ImportState.QUEUED, ImportState.RUNNING)],
        "finished": [u for u in imports if u.state in (ImportState.DONE, ImportState.FAILED)],
        "waiting": waiting,
    }
    if waiting is not None:
        waiting.campaign = campaign
        context |= _columns_form(waiting, chosen=None)
    return context


def _receive(request: HttpRequest, campaign: Campaign) -> str:
    """Keep the posted file; what is wrong with it otherwise."""
    assert isinstance(request.user, User)
    file = request.FILES.get("file")
    if file is None or isinstance(file, list):
        return _("Choose a file first.")
    try:
        receive_upload(campaign=campaign, file=file, created_by=request.user)
    except ExchangeError as refusal:
        return str(refusal.sentence)
    return ""


def _step_again(request: HttpRequest, campaign: Campaign, refused: str) -> HttpResponse:
    if not request.headers.get("hx-request"):
        if refused:
            messages.error(request, refused)
        return redirect(_page_of(campaign), campaign.pk)
    context = {"campaign": campaign, "refused": refused, **step(campaign)}
    return render(request, "customer/_contacts.html", context, status=422 if refused else 200)


def _page_of(campaign: Campaign) -> str:
    return "customer:setup" if campaign.state == CampaignState.DRAFT else "customer:contacts"


def _columns_form(upload: ContactImport, *, chosen: dict[str, Any] | None) -> dict[str, Any]:
    """The first rows under a chooser for each column."""
    problem = ""
    try:
        seen = preview(upload, chosen)
    except ExchangeError as refusal:
        problem = str(refusal.sentence)
        seen = preview(upload)
    mapping = chosen if chosen is not None else (seen.mapping.as_json() if seen.mapping else {})
    titles = mapping.get("columns") or {}
    heads = []
    for place, heading in enumerate(seen.headings):
        title = titles.get(str(place), "")
        heads.append(
            {
                "place": place,
                "heading": heading,
                "title": title or heading or _("Column %(number)s") % {"number": place + 1},
                "use": _use(mapping, place, kept=bool(title)),
            }
        )
    if not problem and seen.mapping is None:
        problem = _("We did not find the phone numbers. Choose their column.")
    return {
        "upload": upload,
        "preview": seen,
        "heads": heads,
        "uses": USES,
        "column_problem": problem,
        "header": mapping.get("header", True),
    }


def _use(mapping: dict[str, Any], place: int, *, kept: bool) -> str:
    for use in ("phone", "name", "timezone"):
        if mapping.get(use) == place:
            return use
    return "keep" if kept else "leave"


def _mapping(posted: QueryDict) -> dict[str, Any]:
    """The choosers as `Mapping.as_json`; the import judges it."""
    mapping: dict[str, Any] = {
        "phone": None,
        "name": None,
        "timezone": None,
        "columns": {},
        "header": "header" in posted,
    }
    for name, use in posted.items():
        prefix, _dash, place = name.partition("-")
        if prefix != "use" or not place.isdigit() or len(place) > 4:
            continue
        if use in ("phone", "name", "timezone"):
            mapping[str(use)] = int(place)
        if use in ("keep", "timezone") and len(mapping["columns"]) <= MAX_COLUMNS:
            mapping["columns"][place] = str(posted.get(f"title-{place}") or "").strip() or f"{int(place) + 1}"
    return mapping
