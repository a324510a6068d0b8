"""A file comes in, its first rows are shown as understood, the owner corrects the columns and says go."""

from __future__ import annotations

from collections.abc import Mapping as Map
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.core.files import File
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from hearthline.campaigns.columns import MAX_COLUMNS, keyed
from hearthline.campaigns.imports.mapping import SAMPLE_ROWS, Mapping, guess_columns
from hearthline.campaigns.imports.reading import Row, Sheet, UnreadableFileError, convert, rows_of
from hearthline.campaigns.imports.understanding import Problem, Reader, problem_sentence
from hearthline.campaigns.models import Campaign, CampaignState, ContactImport, ImportState
from hearthline.campaigns.tasks import run_import
from hearthline.lib.errors import ConflictError, InvalidInputError
from hearthline.people import audit
from hearthline.people.models import User

PREVIEW_ROWS = 8
SILENT_FOR = timedelta(minutes=2)  # after so long without progress nobody works on an import any more
MAX_WAITING = 20  # uploads of one campaign that nobody has confirmed


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """A row as it would be imported. `problem` is a sentence when it would not be."""

    number: int
    cells: list[str]
    phone: str = ""
    name: str = ""
    timezone: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    headings: list[str]  # one for each column of the file; "" where there is none
    rows: list[PreviewRow]
    mapping: Mapping | None  # None: no column has phone numbers; the owner must choose


def receive_upload(*, campaign: Campaign, file: File[Any], created_by: User | None, name: str = "") -> ContactImport:
    """Keep an uploaded spreadsheet, read it, guess its columns. Raises UnreadableFileError with what to do about it."""
    if campaign.state == CampaignState.FINISHED:
        raise ConflictError(_("The campaign is finished; no contacts can be added."))
    if (file.size or 0) > settings.HEARTHLINE.max_upload_bytes:
        words = {"limit": settings.HEARTHLINE.max_upload_bytes // 1_000_000}
        raise UnreadableFileError(_("The file is larger than %(limit)s MB. Divide it.") % words, reason="too_large")
    if ContactImport.objects.filter(campaign=campaign, state=ImportState.UPLOADED).count() >= MAX_WAITING:
        raise ConflictError(_("Many uploaded files wait for your word already. Import or discard them first."))
    with TemporaryDirectory() as folder:
        source, target = Path(folder) / "source", Path(folder) / "rows.csv"
        with source.open("wb") as copy:
            for chunk in file.chunks():
                copy.write(chunk)
        sheet = convert(source, target)
        mapping = guess_columns(list(rows_of(target, limit=SAMPLE_ROWS)), campaign.country)
        upload = ContactImport(
            campaign=campaign,
            original_name=Path(name or str(file.name or "contacts")).name[:200],
            sheet=asdict(sheet),
            mapping=mapping.as_json() if mapping else {},
            rows_total=sheet.rows - (mapping.header if mapping else 0),
            created_by=created_by,
        )
        with target.open("rb") as rows, source.open("rb") as original:
            upload.file.save(f"{upload.pk}.{sheet.format}", File(original), save=False)
            upload.rows.save(f"{upload.pk}.rows.csv", File(rows), save=False)
    upload.save(force_insert=True)
    return upload


def preview(upload: ContactImport, mapping: Map[str, Any] | None = None) -> Preview:
    """The first rows as understood by `mapping` (None: the kept one), for a page that lets the owner correct it."""
    sheet = Sheet(**upload.sheet)
    rows = list(rows_of(Path(upload.rows.path), limit=PREVIEW_ROWS + 1))
    chosen = upload.mapping if mapping is None else mapping
    understood = Mapping.from_json(chosen, width=sheet.columns) if chosen else None
    header = understood.header if understood else True
    headings = [rows[0].cell(place) if header else "" for place in range(sheet.columns)]
    body = rows[1:] if header else rows[:PREVIEW_ROWS]
    if understood is None:
        return Preview(headings, [PreviewRow(row.number, row.cells) for row in body], None)
    reader = Reader(upload.campaign, understood, {})
    return Preview(headings, [_preview_row(row, reader) for row in body], understood)


def confirm_import(
    *,
    upload: ContactImport,
    mapping: Map[str, Any] | None,
    actor: User | None,
    request: HttpRequest | None = None,
) -> ContactImport:
    """Import it in the background, by the owner's mapping (None: as guessed). The campaign learns new columns.

    Raises InvalidInputError for a mapping that does not fit, ConflictError when it was confirmed already.
    """
    chosen = Mapping.from_json(mapping or upload.mapping, width=Sheet(**upload.sheet).columns)
    with transaction.atomic():
        campaign = Campaign.objects.select_for_update(of=("self",)).get(pk=upload.campaign_id)
        columns = keyed(chosen.columns, campaign.columns)
        known = {column["key"] for column in campaign.columns}
        new = [column for column in columns.values() if column["key"] not in known]
        if len(campaign.columns) + len(new) > MAX_COLUMNS:
            raise InvalidInputError(_("A campaign has at most %(limit)s columns.") % {"limit": MAX_COLUMNS})
        waiting = ContactImport.objects.filter(pk=upload.pk, state=ImportState.UPLOADED)
        rows_total = Sheet(**upload.sheet).rows - chosen.header
        if not waiting.update(state=ImportState.QUEUED, mapping=chosen.as_json(), rows_total=rows_total):
            raise ConflictError(_("This file is being imported already."))
        if new:
            campaign.columns = [*campaign.columns, *new]
            campaign.save(update_fields=["columns"])
        audit.record(
            audit.Tag.WEB_CONTACTS_IMPORTED, actor, upload.pk, {"campaign": campaign.pk, "rows": rows_total}, request
        )
        run_import.enqueue(str(upload.pk))
    upload.refresh_from_db()
    return upload


def continue_import(*, upload: ContactImport) -> ContactImport:
    """Go on with an import that stopped. Raises ConflictError when it does not stand still."""
    with transaction.atomic():
        stopped = ContactImport.objects.filter(pk=upload.pk, state=ImportState.FAILED).exclude(rows="")
        if not stopped.update(state=ImportState.QUEUED, error=""):
            raise ConflictError(_("This import does not stand still."))
        run_import.enqueue(str(upload.pk))
    upload.refresh_from_db()
    return upload


def resume_interrupted(now: datetime) -> int:
    """Begin again what a worker has left lying when it ended. Run at the worker's start and now and then. Returns how many."""
    left = ContactImport.objects.filter(state=ImportState.RUNNING, touched_at__lt=now - SILENT_FOR)
    count = 0
    for id in left.values_list("pk", flat=True):
        with transaction.atomic():
            still = ContactImport.objects.filter(pk=id, state=ImportState.RUNNING, touched_at__lt=now - SILENT_FOR)
            if still.update(state=ImportState.QUEUED, touched_at=now):
                run_import.enqueue(str(id))
                count += 1
    return count


def discard_upload(upload: ContactImport) -> None:
    """An uploaded file that shall not be imported. Raises ConflictError when it is being imported."""
    waiting = ContactImport.objects.filter(pk=upload.pk, state__in=(ImportState.UPLOADED, ImportState.FAILED))
    if not waiting.update(state=ImportState.FAILED):
        raise ConflictError(_("This file is being imported already."))
    for kept in (upload.file, upload.rows, upload.rejects_file):
        if kept:
            kept.delete(save=False)
    ContactImport.objects.filter(pk=upload.pk).delete()


def _preview_row(row: Row, reader: Reader) -> PreviewRow:
    understood = reader.understand(row)
    if isinstance(understood, Problem):
        return PreviewRow(row.number, row.cells, problem=problem_sentence(understood))
    return PreviewRow(row.number, row.cells, understood.phone, understood.name, understood.timezone)
