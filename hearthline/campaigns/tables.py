"""Tables written row by row to XLSX or CSV, whatever their length, that no spreadsheet program takes for formulas."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import xlsxwriter

Cell = str | int | float | Decimal | bool | date | datetime | None

MAX_CELL = 32_000  # characters; XLSX has 32,767
_FORMULA = re.compile(r"^\s*[=+\-@\t\r|%]")
_PLAIN_NUMBER = re.compile(r"^\s*[+-]?[\d\s().,\-]+$")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class Table(Protocol):
    """Rows go in from the top; a context manager whose end completes the file."""

    def row(self, cells: Sequence[Cell], *, heading: bool = False) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class CsvTable:
    """UTF-8 with a byte order mark, which is how spreadsheet programs know that it is UTF-8."""

    def __init__(self, path: Path, *, delimiter: str = ";") -> None:
        self._file = path.open("w", encoding="utf-8-sig", newline="")
        self._writer = csv.writer(self._file, delimiter=delimiter)

    def row(self, cells: Sequence[Cell], *, heading: bool = False) -> None:
        self._writer.writerow([harmless(_text(cell)) for cell in cells])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


class XlsxTable:
    """Text cells are written as text: nothing in them is a formula or a link. Rows are flushed as they come."""

    def __init__(self, path: Path, title: str) -> None:
        options = {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        }
        self._book = xlsxwriter.Workbook(str(path), options)
        self._sheet = self._book.add_worksheet(re.sub(r"[\[\]:*?/\\']", " ", title)[:31].strip() or "1")
        self._bold = self._book.add_format({"bold": True})
        self._moment = self._book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        self._day = self._book.add_format({"num_format": "yyyy-mm-dd"})
        self._next = 0
        self._sheet.freeze_panes(1, 0)

    def row(self, cells: Sequence[Cell], *, heading: bool = False) -> None:
        for place, cell in enumerate(cells):
            self._write(place, cell, heading)
        self._next += 1

    def _write(self, place: int, cell: Cell, heading: bool) -> None:
        match cell:
            case None | "":
                return
            case bool():
                self._sheet.write_boolean(self._next, place, cell)
            case int() | float() | Decimal():
                self._sheet.write_number(self._next, place, cell)
            case datetime():  # wall time of the zone that the heading names
                self._sheet.write_datetime(self._next, place, cell.replace(tzinfo=None), self._moment)
            case date():
                self._sheet.write_datetime(self._next, place, cell, self._day)
            case _:
                text = _CONTROL.sub("", cell)[:MAX_CELL]
                self._sheet.write_string(self._next, place, text, self._bold if heading else None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._book.close()


def harmless(text: str) -> str:
    """Text that begins like a formula gets an apostrophe before it; numbers, also those of phones, stay as they are."""
    return f"'{text}" if _FORMULA.match(text) and not _PLAIN_NUMBER.match(text) else text


def _text(cell: Any) -> str:
    match cell:
        case None:
            return ""
        case bool():
            return "1" if cell else "0"
        case datetime():
            return f"{cell:%Y-%m-%d %H:%M}"
        case str():
            return _CONTROL.sub("", cell)[:MAX_CELL]
        case _:
            return str(cell)
