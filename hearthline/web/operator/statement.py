"""An operator's statement as a spreadsheet: what there was, each conversation, correction and payout, what there is."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from hearthline.calls.models import Attempt
from hearthline.campaigns.tables import Cell, XlsxTable
from hearthline.ledger.statements import Entry, Period, balance_at, entries
from hearthline.lib.errors import InvalidInputError
from hearthline.lib.money import Money

MOST_ROWS = 50_000
BATCH = 500


def statement_file(period: Period, zone: ZoneInfo) -> bytes:
    """The XLSX, in the active language. Raises InvalidInputError when there are more than `MOST_ROWS` movements."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "statement.xlsx"
        with XlsxTable(path, _("Statement")) as table:
            for cells, heading in _rows(period, zone):
                table.row(cells, heading=heading)
        return path.read_bytes()


def _rows(period: Period, zone: ZoneInfo) -> Iterator[tuple[list[Cell], bool]]:
    words = {"currency": period.currency}
    yield (
        [
            _("When (%(zone)s)") % {"zone": zone.key}, _("What"), _("Campaign"), _("Outcome"), _("Talk time, s"),
            _("Amount, %(currency)s") % words, _("Balance, %(currency)s") % words,
        ],
        True,
    )  # fmt: skip
    balance = balance_at(period.operator, period.currency, period.start)
    yield [period.start.astimezone(zone), _("Balance at the beginning"), "", "", None, None, _cell(balance)], False
    count = 0
    for batch in _batches(entries(period)):
        calls = _calls(batch)
        for entry in batch:
            count += 1
            if count > MOST_ROWS:
                raise InvalidInputError(_("That is more than one file holds. Choose a shorter period."))
            balance = Money(balance.minor + entry.minor, balance.currency)
            campaign, outcome, seconds = calls.get(entry.reference, ("", "", None))
            amount = _cell(Money(entry.minor, balance.currency))
            yield (
                [entry.at.astimezone(zone), entry.title, campaign, outcome, seconds, amount, _cell(balance)],
                False,
            )
    yield [period.end.astimezone(zone), _("Balance at the end"), "", "", None, None, _cell(balance)], False


def _cell(money: Money) -> Cell:
    return money.as_decimal()


def _batches(found: Iterator[Entry]) -> Iterator[list[Entry]]:
    while batch := list(itertools.islice(found, BATCH)):
        yield batch


def _calls(batch: Iterable[Entry]) -> dict[str, tuple[str, str, int | None]]:
    """What the ledger's references mean: campaign, outcome and length of the call, for one batch in one query."""
    by_assignment = _ids("assignment", batch)
    by_attempt = _ids("attempt", batch)
    rows = Attempt.objects.filter(assignment__in=by_assignment) | Attempt.objects.filter(pk__in=by_attempt)
    found: dict[str, tuple[str, str, int | None]] = {}
    for row in rows.select_related("campaign", "disposition").only(
        "assignment_id", "campaign__name", "disposition__title", "talk_ms"
    ):
        told = (row.campaign.name, row.disposition.title if row.disposition else "", round(row.talk_ms / 1000))
        found[f"assignment:{row.assignment_id}"] = found[f"attempt:{row.pk}"] = told
    return found


def _ids(kind: str, batch: Iterable[Entry]) -> list[uuid.UUID]:
    found = []
    for entry in batch:
        word, _colon, id = entry.reference.partition(":")
        if word == kind:
            try:
                found.append(uuid.UUID(id))
            except ValueError:
                continue
    return found
