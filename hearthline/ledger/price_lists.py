"""A provider's price list as a CSV file: prefix; price a minute; price of a connection; description."""

from __future__ import annotations

import csv
from decimal import Decimal, InvalidOperation
from pathlib import Path

from django.conf import settings
from django.db import transaction

from hearthline.ledger.models import Tariff, TariffRow

MAX_ROWS = 200_000
MAX_BYTES = 50_000_000
_MICRO = 1_000_000


class PriceListError(ValueError):
    """The file cannot be used; the sentence names the line."""


def load_price_list(file: Path, *, name: str) -> int:
    """Replace the rows of the tariff of that name, all or none; returns how many there are now. Raises PriceListError."""
    rows = list(_rows(file))
    if not rows:
        raise PriceListError(
            "The file has no prices. A line is: prefix; price a minute; price of a connection; description"
        )
    with transaction.atomic():
        tariff, _ = Tariff.objects.get_or_create(name=name, defaults={"currency": settings.HEARTHLINE.currency_code})
        tariff.rows.all().delete()
        for row in rows:
            row.tariff = tariff
        TariffRow.objects.bulk_create(rows, batch_size=1000)
    return len(rows)


def _rows(file: Path) -> list[TariffRow]:
    if file.stat().st_size > MAX_BYTES:
        raise PriceListError(f"The file is larger than {MAX_BYTES // 1_000_000} MB.")
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise PriceListError("The file is not UTF-8 text. Save it as CSV (UTF-8).") from None
    delimiter = max(";,\t", key=text[:5000].count)
    found: dict[str, TariffRow] = {}
    for number, cells in enumerate(csv.reader(text.splitlines(), delimiter=delimiter), start=1):
        if number > MAX_ROWS:
            raise PriceListError(f"The file has more than {MAX_ROWS} lines.")
        prefix = cells[0].strip().lstrip("+") if cells else ""
        if not prefix or (number == 1 and not prefix.isdigit()):
            continue  # an empty line, or the headings
        if not prefix.isdigit() or len(prefix) > 15:
            raise PriceListError(f"Line {number}: {prefix!r} is no prefix; it has digits only, at most 15.")
        if prefix in found:
            raise PriceListError(f"Line {number}: the prefix {prefix} is there twice.")
        if len(cells) < 2:
            raise PriceListError(f"Line {number}: there is no price a minute after the prefix.")
        found[prefix] = TariffRow(
            prefix=prefix,
            per_minute_micro=_micro(cells[1], number),
            connection_micro=_micro(cells[2], number) if len(cells) > 2 and cells[2].strip() else 0,
            description=cells[3].strip()[:120] if len(cells) > 3 else "",
        )
    return list(found.values())


def _micro(text: str, number: int) -> int:
    """A price of the major unit ("1,25" or "1.25") in millionths of it."""
    try:
        price = Decimal(text.strip().replace(" ", "").replace(",", "."))
    except InvalidOperation:
        raise PriceListError(f"Line {number}: {text.strip()!r} is no price.") from None
    if not price.is_finite() or not 0 <= price <= 1_000_000:
        raise PriceListError(f"Line {number}: {text.strip()} is no price that can be.")
    return int(price * _MICRO)
