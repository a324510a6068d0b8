"""Runs `sheet_reader.py` in a process of its own and reads what it wrote."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from hearthline.campaigns.columns import MAX_COLUMNS
from hearthline.lib.errors import InvalidInputError, UnavailableError

MAX_CELL = 1000  # characters
MEMORY_BYTES = 3_000_000_000
PATIENCE_S = 300
_READER = Path(__file__).with_name("sheet_reader.py")

_SENTENCES: dict[str, str | Promise] = {
    "empty": _("The file is empty."),
    "broken": _("The file cannot be read. Open it in your spreadsheet program, save it as XLSX and upload it again."),
    "password": _("The file is protected by a password. Save it without one and upload it again."),
    "not_a_spreadsheet": _("This is not a spreadsheet. Upload XLSX, ODS or CSV."),
    "too_large": _("The file unpacks to more than can be read. Save it as CSV, or divide it."),
    "too_many_columns": _("The file has more than %(columns)s columns. Leave out those that the calls do not need."),
    "too_many_rows": _("The file has more than %(rows)s rows. Divide it into several files."),
}


class UnreadableFileError(InvalidInputError):
    code = "unreadable_file"


@dataclass(frozen=True, slots=True)
class Sheet:
    """What was found: rows that are not empty, the widest row's cells, and how text files were written."""

    rows: int
    columns: int
    format: str  # "xlsx", "ods", "xls" or "csv"
    delimiter: str = ","
    encoding: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    number: int  # in the owner's file, from 1
    cells: list[str]

    def cell(self, place: int | None) -> str:
        return self.cells[place] if place is not None and place < len(self.cells) else ""


def convert(source: Path, target: Path) -> Sheet:
    """Read any spreadsheet into `target`. Raises UnreadableFileError with a sentence that says what to do."""
    limits = [settings.HEARTHLINE.max_import_rows + 1, MAX_COLUMNS, MAX_CELL, MEMORY_BYTES]  # + 1: the headings
    command = [sys.executable, "-I", str(_READER), str(source), str(target), *map(str, limits)]
    try:
        done = subprocess.run(  # noqa: S603 - our own program, by path
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _unreadable("too_large") from None
    except OSError:
        raise UnavailableError(_("The exchange cannot read files at the moment. Try again in a minute.")) from None
    if done.returncode != 0:  # ended by a limit, or by a fault in the reader that this file has found
        raise _unreadable("too_large" if done.returncode < 0 or b"memory" in done.stderr.lower() else "broken")
    answer: dict[str, Any] = json.loads(done.stdout)
    if "error" in answer:
        raise _unreadable(str(answer["error"]))
    return Sheet(**answer)


def rows_of(converted: Path, *, after: int = 0, limit: int | None = None) -> Iterator[Row]:
    """The rows of a converted file from the (`after` + 1)th on, one at a time."""
    with converted.open(encoding="utf-8", newline="") as file:
        for index, (number, *cells) in enumerate(csv.reader(file)):
            if index < after:
                continue
            if limit is not None and index >= after + limit:
                return
            yield Row(int(number), cells)


def _unreadable(code: str) -> UnreadableFileError:
    bounds = {"columns": MAX_COLUMNS, "rows": settings.HEARTHLINE.max_import_rows}
    return UnreadableFileError(str(_SENTENCES[code]) % bounds, reason=code)
