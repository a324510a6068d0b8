"""Reading a price list: CSV with the columns prefix, per_minute, connection (may be missing), description (may be missing).

All of the file or nothing of it: a wrong row is named with its number, and the former prices stay in force.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from hearthline.ledger.models import Tariff, TariffRow
from hearthline.ledger.tariffs import MAX_PREFIX
from hearthline.lib.errors import InvalidInputError

MAX_BYTES = 20_000_000
MAX_ROWS = 300_000
MAX_FAULTS = 20
_MICRO = 1_000_000
_MAX_PRICE = Decimal(100_000)
_KNOWN = ("prefix", "per_minute", "connection", "description")


class TariffFileError(InvalidInputError):
    """`faults` are sentences, each with the row's number; nothing was imported."""

    code = "tariff_file"

    def __init__(self, faults: list[str | Promise]) -> None:
        super().__init__(faults[0], faults=[str(f) for f in faults])
        self.faults = faults


def import_rows(*, tariff: Tariff, file: bytes) -> int:
    """Replace the tariff's prices by the file's. Returns how many there are. Raises TariffFileError."""
    rows = read_rows(tariff, file)
    with transaction.atomic():
        TariffRow.objects.filter(tariff=tariff).delete()
        TariffRow.objects.bulk_create(rows, batch_size=1000)
    return len(rows)


def read_rows(tariff: Tariff, file: bytes) -> list[TariffRow]:
    """The file's prices, one per prefix, not saved. Raises TariffFileError."""
    if len(file) > MAX_BYTES:
        raise TariffFileError([_("The file is larger than 20 MB. Split it into several tariffs.")])
    rows: dict[str, TariffRow] = {}
    faults: list[str | Promise] = []
    for number, cells in _cells(file):
        if len(rows) >= MAX_ROWS:
            raise TariffFileError([_("The file has more than 300,000 rows. Split it into several tariffs.")])
        try:
            row = _row(tariff, cells)
            if row.prefix in rows:
                raise ValueError(_("the prefix %(prefix)s is there twice") % {"prefix": row.prefix})
        except ValueError as error:
            faults.append(_("Row %(number)d: %(fault)s.") % {"number": number, "fault": error})
            if len(faults) == MAX_FAULTS:
                break
            continue
        rows[row.prefix] = row
    if faults:
        raise TariffFileError(faults)
    if not rows:
        raise TariffFileError([_("There is no price in the file.")])
    return list(rows.values())


def _cells(file: bytes) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row with its number in the file, as {column: text}."""
    text = _decoded(file)
    header, _newline, _rest = text.partition("\n")
    delimiter = max(";,\t", key=header.count)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    try:
        names = [name.strip().lower().replace(" ", "_") for name in next(reader, [])]
        if "prefix" not in names or "per_minute" not in names:
            raise TariffFileError(
                [_("The first row must name the columns: prefix, per_minute, connection, description.")]
            )
        for cells in reader:
            if any(cell.strip() for cell in cells):
                named = zip(names, cells, strict=False)
                yield reader.line_num, {name: cell.strip() for name, cell in named if name in _KNOWN}
    except csv.Error as error:
        raise TariffFileError(
            [_("Row %(number)d is not CSV: %(fault)s.") % {"number": reader.line_num, "fault": error}]
        ) from None


def _decoded(file: bytes) -> str:
    for encoding in ("utf-8-sig", "cp1251"):
        try:
            return file.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise TariffFileError([_("The file is no text. Save it as CSV, UTF-8.")])


def _row(tariff: Tariff, cells: dict[str, str]) -> TariffRow:
    prefix = cells.get("prefix", "").removeprefix("+")
    if not (prefix.isascii() and prefix.isdigit() and len(prefix) <= MAX_PREFIX) or prefix.startswith("0"):
        raise ValueError(_("the prefix must be 1 to 15 digits of an international number, for example 7916"))
    return TariffRow(
        tariff=tariff,
        prefix=prefix,
        per_minute_micro=_micro(cells.get("per_minute", "")),
        connection_micro=_micro(cells.get("connection", "") or "0"),
        description=cells.get("description", "")[:120],
    )


def _micro(text: str) -> int:
    """'1,25' → 1250000. Exact: a price finer than a millionth is refused."""
    try:
        price = Decimal(text.replace(",", ".").replace("\xa0", "").replace(" ", ""))
    except InvalidOperation:
        raise ValueError(_("a price must be a number, for example 1.25")) from None
    if not price.is_finite() or not 0 <= price <= _MAX_PRICE:
        raise ValueError(_("a price must be from 0 to 100,000"))
    micro = price * _MICRO
    if micro != micro.to_integral_value():
        raise ValueError(_("a price can have six digits after the point"))
    return int(micro)
