"""Results as a file, written in the background row by row: XLSX or CSV, whatever their number."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

from django.core.files import File
from django.db import transaction
from django.http import HttpRequest
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext
from django_tasks import task

from hearthline.campaigns import tally
from hearthline.campaigns.announcements import export_progressed
from hearthline.campaigns.models import (
    Campaign,
    Contact,
    ContactState,
    ExportFormat,
    FieldKind,
    ImportState,
    ResultExport,
    ResultField,
)
from hearthline.campaigns.recording_links import make_link
from hearthline.campaigns.scripts import public_name
from hearthline.campaigns.tables import Cell, CsvTable, Table, XlsxTable
from hearthline.campaigns.walking import in_file_order
from hearthline.lib import clock
from hearthline.lib.errors import ConflictError
from hearthline.people import audit
from hearthline.people.models import User

MAX_WAITING = 5
SILENT_FOR = timedelta(minutes=2)  # after so long without progress nobody works on an export any more

OUTCOME_NAMES = {
    "busy": gettext_lazy("busy"),
    "no_answer": gettext_lazy("no answer"),
    "rejected": gettext_lazy("call rejected"),
    "absent": gettext_lazy("number not in service"),
    "network": gettext_lazy("network failure"),
    "cancelled": gettext_lazy("cancelled"),
    "not_wrapped_up": gettext_lazy("not wrapped up"),
}


@task
def write_export(export_id: str) -> None:
    """See `write`; run by the worker."""
    write(export_id)


def request_export(
    *,
    campaign: Campaign,
    format: ExportFormat | str,
    actor: User,
    recording_links: bool = False,
    request: HttpRequest | None = None,
) -> ResultExport:
    """Begin an export, with links to the recordings when they are wanted; `export.progressed` tells when it is ready.
    Raises ConflictError when many are being written."""
    under_way = (ImportState.QUEUED, ImportState.RUNNING)
    with transaction.atomic():
        if ResultExport.objects.filter(campaign=campaign, state__in=under_way).count() >= MAX_WAITING:
            raise ConflictError(_("Some exports are being written already. Wait for one of them."))
        export = ResultExport.objects.create(
            campaign=campaign,
            format=ExportFormat(format),
            state=ImportState.QUEUED,
            created_by=actor,
            language=actor.language,
            recording_links=recording_links,
        )
        audit.record(
            audit.Tag.WEB_RESULTS_EXPORTED,
            actor,
            campaign.pk,
            {"format": str(format), "links": recording_links},
            request,
        )
        write_export.enqueue(str(export.pk))
    return export


def resume_interrupted(now: datetime) -> int:
    """Begin again what a worker has left lying when it ended. Returns how many; safe to run in several places at once."""
    left = ResultExport.objects.filter(state=ImportState.RUNNING, touched_at__lt=now - SILENT_FOR)
    count = 0
    for id in left.values_list("pk", flat=True):
        with transaction.atomic():
            if left.filter(pk=id).update(state=ImportState.QUEUED):
                write_export.enqueue(str(id))
                count += 1
    return count


def write(export_id: uuid.UUID | str) -> ResultExport | None:
    """Write the file of a requested export. Returns None when somebody else does or has done it."""
    waiting = ResultExport.objects.filter(pk=export_id, state=ImportState.QUEUED)
    if not waiting.update(state=ImportState.RUNNING, rows_written=0, touched_at=clock.now()):
        return None
    export = ResultExport.objects.select_related("campaign__organisation").get(pk=export_id)
    try:
        with translation.override(export.language), TemporaryDirectory() as folder:
            path = Path(folder) / f"export.{export.format}"
            write_table(
                export.campaign, ExportFormat(export.format), path,
                on_progress=lambda rows: _progress(export, rows), recording=_recording_of(export),
            )  # fmt: skip
            with path.open("rb") as content:
                export.file.save(f"{export.pk}.{export.format}", File(content), save=False)
    except Exception:
        with translation.override(export.language):
            export.error = _("The export stopped because of an error of the exchange. Ask for it again.")
        export.state = ImportState.FAILED
        export.save(update_fields=["state", "error"])
        export_progressed(export, export.rows_written)
        raise
    export.state, export.finished_at = ImportState.DONE, clock.now()
    export.save(update_fields=["state", "finished_at", "file", "rows_written"])
    export_progressed(export, export.rows_written)
    return export


def _recording_of(export: ResultExport) -> Callable[[uuid.UUID], str]:
    """What is written of a call's recording: a link in the name of who asked for it, or the call's id."""
    maker, now = export.created_by_id, clock.now()
    if not export.recording_links or maker is None:
        return str
    return lambda attempt: make_link(attempt, maker, now)


def write_table(
    campaign: Campaign,
    format: ExportFormat,
    path: Path,
    on_progress: Callable[[int], None] | None = None,
    recording: Callable[[uuid.UUID], str] = str,
) -> int:
    """All contacts, called or not yet, in the active language. Returns the rows written, without headings.
    `recording` says how the recording of a call is named."""
    fields = list(campaign.fields.all())
    table: Table = CsvTable(path) if format == ExportFormat.CSV else XlsxTable(path, campaign.name)
    count = 0
    with table:
        table.row(_headings(campaign, fields), heading=True)
        zone = ZoneInfo(campaign.timezone)
        contacts = Contact.objects.filter(campaign=campaign).select_related("disposition", "last_operator")
        for batch in in_file_order(contacts):
            for contact in batch:
                table.row(_row(campaign, contact, fields, zone, recording))
            count += len(batch)
            if on_progress is not None:
                on_progress(count)
    return count


def _progress(export: ResultExport, rows: int) -> None:
    export.rows_written = rows
    ResultExport.objects.filter(pk=export.pk).update(rows_written=rows, touched_at=clock.now())
    totals = tally.of(export.campaign_id)
    export_progressed(export, max(totals.contacts, rows))


def _headings(campaign: Campaign, fields: Sequence[ResultField]) -> list[str]:
    zone = campaign.timezone
    return [
        _("Row"), _("Name"), _("Phone"),
        *(column["title"] for column in campaign.columns),
        _("State"), pgettext("of a call", "Outcome"),
        *(field.title for field in fields),
        _("Notes"), _("Time (%(zone)s)") % {"zone": zone}, _("Talk time, s"), _("Attempts"),
        _("Next attempt (%(zone)s)") % {"zone": zone}, _("Operator"), _("Recording"),
    ]  # fmt: skip


def _row(
    campaign: Campaign,
    contact: Contact,
    fields: Sequence[ResultField],
    zone: ZoneInfo,
    recording_of: Callable[[uuid.UUID], str],
) -> list[Cell]:
    reached = contact.disposed_at is not None and not contact.outcome
    recording = recording_of(contact.last_attempt) if contact.last_attempt and reached and campaign.record_calls else ""
    returns = contact.next_attempt_at if contact.state == ContactState.RETRY else None
    return [
        contact.row_number, contact.name, contact.phone,
        *(str(contact.data.get(column["key"], "")) for column in campaign.columns),
        contact.get_state_display(), _outcome(contact),
        *(_answer(field, contact.result.get(field.key)) for field in fields),
        contact.notes, _local(contact.disposed_at, zone), round(contact.talk_ms / 1000) if reached else None,
        contact.attempts, _local(returns, zone), public_name(contact.last_operator), recording,
    ]  # fmt: skip


def _outcome(contact: Contact) -> str:
    if contact.disposition is not None:
        return contact.disposition.title
    return str(OUTCOME_NAMES.get(contact.outcome, contact.outcome))


def _answer(field: ResultField, value: object) -> Cell:
    if value is None:
        return ""
    if field.kind == FieldKind.YES_NO:
        return _("yes") if value else _("no")
    if field.kind == FieldKind.NUMBER:
        try:
            number = float(str(value))
        except ValueError:
            return str(value)
        return number if len(str(value)) <= 15 else str(value)  # a spreadsheet keeps 15 digits
    return str(value)


def _local(moment: datetime | None, zone: ZoneInfo) -> datetime | None:
    return moment.astimezone(zone) if moment is not None else None
