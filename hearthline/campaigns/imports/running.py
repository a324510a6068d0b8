"""The import itself: batch by batch, each one transaction with its progress, so that it can be ended and begun again at any
moment without adding anybody twice. Memory does not grow with the number of rows."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from django.db.models import F
from django.utils import translation
from django.utils.translation import gettext as _

from hearthline.campaigns import destinations, tally
from hearthline.campaigns.announcements import import_progressed
from hearthline.campaigns.columns import keyed
from hearthline.campaigns.imports import rejects
from hearthline.campaigns.imports.mapping import Mapping
from hearthline.campaigns.imports.reading import Row, Sheet, rows_of
from hearthline.campaigns.imports.understanding import NewContact, Problem, Reader
from hearthline.campaigns.models import (
    BlockReason,
    Campaign,
    Contact,
    ContactImport,
    ContactState,
    ImportState,
)
from hearthline.ledger.tariffs import Rates, all_rates
from hearthline.lib import clock
from hearthline.lib.ids import new_id

BATCH = 1000  # rows


@dataclass(slots=True)
class _Batch:
    contacts: list[NewContact]
    problems: list[Problem]
    rows: int


def run(import_id: uuid.UUID | str) -> ContactImport | None:
    """Import what is left of a confirmed file. Returns the import as it then is, or None when there is nothing to do."""
    startable = ContactImport.objects.filter(pk=import_id, state__in=(ImportState.QUEUED, ImportState.RUNNING))
    if not startable.update(state=ImportState.RUNNING, touched_at=clock.now()):
        return None
    upload = ContactImport.objects.select_related("campaign", "created_by").get(pk=import_id)
    language = upload.created_by.language if upload.created_by else "en"
    with translation.override(language):
        try:
            finished = _run(upload)
        except Exception:
            _fail(upload)
            raise
    return upload if finished else None


def _run(upload: ContactImport) -> bool:
    campaign, mapping = upload.campaign, Mapping.from_json(upload.mapping, width=Sheet(**upload.sheet).columns)
    columns = keyed(mapping.columns, campaign.columns)
    reader = Reader(campaign, mapping, {place: column["key"] for place, column in columns.items()})
    rates = all_rates(campaign.currency)
    batch = _Batch([], [], 0)
    for row in rows_of(Path(upload.rows.path), after=upload.rows_read + mapping.header):
        _understand(row, reader, batch)
        if batch.rows == BATCH:
            if not _write(upload, batch, rates):
                return False
            batch = _Batch([], [], 0)
    if batch.rows and not _write(upload, batch, rates):
        return False
    return _finish(upload, mapping)


def _understand(row: Row, reader: Reader, batch: _Batch) -> None:
    understood = reader.understand(row)
    if isinstance(understood, Problem):
        batch.problems.append(understood)
    else:
        batch.contacts.append(understood)
    batch.rows += 1


def _write(upload: ContactImport, batch: _Batch, rates: Rates) -> bool:
    """One batch with its progress. False: somebody else goes on with this import."""
    now = clock.now()
    rejects.note(upload, batch.problems)
    with transaction.atomic():
        here = ContactImport.objects.filter(pk=upload.pk, state=ImportState.RUNNING, rows_read=upload.rows_read)
        if not here.update(rows_read=F("rows_read") + batch.rows, touched_at=now):
            return False
        states = insert(upload.campaign, batch.contacts, rates, due=upload.created_at)
        blocked = sum(state == ContactState.BLOCKED for state in states)
        added, duplicates = len(states), len(batch.contacts) - len(states)
        ContactImport.objects.filter(pk=upload.pk).update(
            added=F("added") + added,
            duplicates=F("duplicates") + duplicates,
            rejected=F("rejected") + len(batch.problems),
            blocked=F("blocked") + blocked,
        )
        tally.add(upload.campaign_id, contacts=added, blocked=blocked)
        upload.rows_read += batch.rows
        upload.added += added
        upload.duplicates += duplicates
        upload.rejected += len(batch.problems)
        upload.blocked += blocked
        import_progressed(upload)
    return True


def insert(campaign: Campaign, contacts: Sequence[NewContact], rates: Rates, *, due: datetime) -> list[str]:
    """Add those whose number the campaign does not have yet. Returns the states of the added ones.

    They are due in the order of their rows: `due` plus a microsecond for each.
    """
    if not contacts:
        return []
    listed = destinations.listed([contact.phone for contact in contacts], campaign.organisation_id)
    values: list[Any] = []
    for contact in contacts:
        state, reason = ContactState.FRESH, ""
        if contact.phone in listed:
            state, reason = ContactState.BLOCKED, BlockReason.DO_NOT_CALL
        elif not rates.is_priced(contact.phone):
            state, reason = ContactState.BLOCKED, BlockReason.UNPRICED
        moment = due + timedelta(microseconds=contact.row_number)
        data = json.dumps(contact.data, ensure_ascii=False)
        values += (
            _uuid(new_id()), contact.phone, contact.name, data, contact.timezone, str(state), str(reason),
            _moment(moment), contact.row_number,
        )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_insert_statement(len(contacts)), [_uuid(campaign.pk), _moment(clock.now()), *values])
        return [row[0] for row in cursor.fetchall()]


_TABLE = Contact._meta.db_table


def _insert_statement(rows: int) -> str:
    """One statement for the whole batch: what is the same in all rows is said once."""
    types = ("uuid", "text", "text", "jsonb", "text", "text", "text", "timestamptz", "integer")
    one = f"({', '.join(['%s'] * len(types))})"
    typed = [f"v.c{n}::{name}" for n, name in enumerate(types)] if connection.vendor == "postgresql" else [
        f"v.c{n}" for n in range(len(types))
    ]  # fmt: skip
    names = ", ".join(f"c{n}" for n in range(len(types)))
    campaign, created = ("f.a::uuid", "f.b::timestamptz") if connection.vendor == "postgresql" else ("f.a", "f.b")
    empty = "'{}'::jsonb" if connection.vendor == "postgresql" else "'{}'"
    return (  # table and column names are ours, values are parameters
        f"WITH f(a, b) AS (VALUES (%s, %s)), v({names}) AS (VALUES {', '.join([one] * rows)}) "  # noqa: S608
        f"INSERT INTO {_TABLE} (id, phone, name, data, timezone, state, block_reason, next_attempt_at, row_number, "
        "campaign_id, created_at, attempts, priority, fence, outcome, result, notes, talk_ms) "
        f"SELECT {', '.join(typed)}, {campaign}, {created}, 0, 0, 0, '', {empty}, '', 0 FROM v, f WHERE true "
        "ON CONFLICT DO NOTHING RETURNING state"
    )


def _finish(upload: ContactImport, mapping: Mapping) -> bool:
    file = rejects.write_file(upload, mapping)
    with transaction.atomic():
        running = ContactImport.objects.filter(pk=upload.pk, state=ImportState.RUNNING, rows_read=upload.rows_read)
        done = {"state": ImportState.DONE, "finished_at": clock.now(), "rejects_file": file or ""}
        if not running.update(**done):
            return False
        upload.refresh_from_db()
        import_progressed(upload)
    for kept in (upload.rows, upload.file):  # other people's numbers are not kept twice
        kept.delete(save=False)
    ContactImport.objects.filter(pk=upload.pk).update(rows="", file="")
    return True


def _fail(upload: ContactImport) -> None:
    """After an unforeseen error: the owner is told, and may try again; what was added stays."""
    sentence = _("The import stopped after row %(row)s because of an error of the exchange. It can be continued.")
    upload.state, upload.error = ImportState.FAILED, sentence % {"row": upload.rows_read}
    running = ContactImport.objects.filter(pk=upload.pk, state=ImportState.RUNNING)
    if running.update(state=ImportState.FAILED, error=upload.error):
        import_progressed(upload)


def _uuid(value: uuid.UUID) -> Any:
    return value if connection.features.has_native_uuid_field else value.hex


def _moment(value: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(value)
