"""Turns a spreadsheet into plain rows. Run as a program of its own, by path, with `python -I`; knows nothing of Django.

    sheet_reader.py SOURCE TARGET MAX_ROWS MAX_COLUMNS MAX_CELL MEMORY_BYTES

The source is hostile until proven otherwise: a few kilobytes of XLSX can unpack to gigabytes, and one cell far to the right
makes a reader ask for all cells between. So it is read here, under limits on memory and processor time that the kernel
holds; the worst that a file can do is to end this process. The target is UTF-8 CSV: the row's number in the file, then its
cells; empty rows are left out; cells are cut at MAX_CELL + 1 characters. Prints one line of JSON:
{"rows": 12, "columns": 4, "format": "xlsx", "delimiter": ";", "encoding": "cp1251"} or {"error": code}.
"""

from __future__ import annotations

import csv
import io
import json
import resource
import sys
import zipfile
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, BinaryIO

CPU_S = 240
MAX_UNPACKED = 2_000_000_000  # bytes that a workbook says it unpacks to
MAX_MEMBERS = 5_000
SAMPLE = 256 * 1024  # bytes by which encoding and delimiter are told
DELIMITERS = ";,\t|"
SINGLE_BYTE = ("cp1251", "koi8-r", "cp866", "mac-cyrillic", "cp1252", "cp1250")
WHOLE = 1e15  # whole floats below it are written without a fraction: 79161234567.0 is a phone number


class Refused(Exception):
    """The file cannot be taken; the argument is a code for the person's sentence."""


def main(arguments: list[str]) -> int:
    source, target = Path(arguments[0]), Path(arguments[1])
    max_rows, max_columns, max_cell, memory = map(int, arguments[2:6])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        with source.open("rb") as file:
            answer, rows = _open(file, source)
            answer |= _write(rows, target, max_rows, max_columns, max_cell)
    except Refused as refused:
        answer = {"error": str(refused)}
    except MemoryError:
        answer = {"error": "too_large"}
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


def _open(file: BinaryIO, source: Path) -> tuple[dict[str, Any], Iterator[tuple[int, list[str]]]]:
    magic = file.read(8)
    file.seek(0)
    if magic.startswith(b"PK"):
        return {"format": _workbook_format(source)}, _workbook_rows(source)
    if magic.startswith(b"\xd0\xcf\x11\xe0"):
        return {"format": "xls"}, _workbook_rows(source)
    sample = file.read(SAMPLE)
    if not sample.strip(b"\x00 \r\n\t"):
        raise Refused("empty")
    encoding = _encoding(file, sample)
    delimiter = _delimiter(_decoded(sample, encoding))
    return {"format": "csv", "encoding": encoding, "delimiter": delimiter}, _csv_rows(file, encoding, delimiter)


def _write(
    rows: Iterable[tuple[int, list[str]]], target: Path, max_rows: int, max_columns: int, max_cell: int
) -> dict[str, int]:
    count = widest = 0
    with target.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        for number, cells in rows:
            while cells and not cells[-1]:
                cells.pop()
            if not cells:
                continue
            if len(cells) > max_columns:
                raise Refused("too_many_columns")
            if count >= max_rows:
                raise Refused("too_many_rows")
            count += 1
            widest = max(widest, len(cells))
            writer.writerow([number, *(cell[: max_cell + 1] for cell in cells)])
    if not count:
        raise Refused("empty")
    return {"rows": count, "columns": widest}


# --- workbooks --------------------------------------------------------------------------------------------------------


def _workbook_format(source: Path) -> str:
    try:
        with zipfile.ZipFile(source) as archive:
            members = archive.infolist()
            if len(members) > MAX_MEMBERS or sum(member.file_size for member in members) > MAX_UNPACKED:
                raise Refused("too_large")
            names = {member.filename for member in members}
    except zipfile.BadZipFile:
        raise Refused("broken") from None
    if "content.xml" in names:
        return "ods"
    if any(name.startswith("xl/") for name in names):
        return "xlsx"
    raise Refused("not_a_spreadsheet")


def _workbook_rows(source: Path) -> Iterator[tuple[int, list[str]]]:
    """Of the first visible sheet that has any."""
    from python_calamine import (  # after the limits are set
        CalamineError,
        CalamineWorkbook,
        PasswordError,
        SheetTypeEnum,
        SheetVisibleEnum,
    )

    try:
        workbook = CalamineWorkbook.from_path(str(source))
        for index, sheet in enumerate(workbook.sheets_metadata):
            if sheet.visible != SheetVisibleEnum.Visible or sheet.typ != SheetTypeEnum.WorkSheet:
                continue
            rows = workbook.get_sheet_by_index(index)
            if not rows.height:
                continue
            for number, cells in enumerate(rows.iter_rows(), 1):
                yield number, [_text(cell) for cell in cells]
            return
    except PasswordError:
        raise Refused("password") from None
    except CalamineError:
        raise Refused("broken") from None
    raise Refused("empty")


def _text(cell: Any) -> str:
    """A cell as a person would read it; numbers keep all their digits, days are ISO 8601."""
    if isinstance(cell, str):
        return " ".join(cell.split()) if "\n" in cell or "\t" in cell else cell.strip()
    if isinstance(cell, bool):
        return "1" if cell else "0"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < WHOLE else repr(cell)
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(" ", "minutes")
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, time):
        return cell.isoformat("minutes")
    if isinstance(cell, timedelta):
        return str(cell)
    return str(cell)


# --- text -------------------------------------------------------------------------------------------------------------


def _csv_rows(file: BinaryIO, encoding: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    file.seek(0)
    csv.field_size_limit(1_000_000)
    text = io.TextIOWrapper(file, encoding=encoding, newline="")
    reader = csv.reader((line.replace("\x00", "") for line in text), delimiter=delimiter)
    before = 0
    try:
        for cells in reader:
            number, before = before + 1, reader.line_num
            if number == 1 and len(cells) == 1 and cells[0].lower().startswith("sep="):
                continue  # Excel's hint, not data
            yield number, [_text(cell) for cell in cells]
    except (csv.Error, UnicodeError):
        raise Refused("broken") from None
    finally:
        text.detach()


def _encoding(file: BinaryIO, sample: bytes) -> str:
    if sample.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    if sample.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    nulls_even, nulls_odd = sample[0::2].count(0), sample[1::2].count(0)
    if (
        nulls_even + nulls_odd > len(sample) // 20
    ):  # UTF-16 without its mark; Cyrillic text has 0x04 there and 0 in digits
        return "utf-16-le" if nulls_odd >= nulls_even else "utf-16-be"
    if _is_utf8(file):
        return "utf-8"
    return max(SINGLE_BYTE, key=lambda name: _likeness(sample, name))


def _is_utf8(file: BinaryIO) -> bool:
    """All of it: one letter far down may be in another encoding."""
    file.seek(0)
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    try:
        while text.read(1 << 20):
            pass
    except UnicodeDecodeError:
        return False
    finally:
        text.detach()
    return True


_COMMON = "оеаинтсрвлкмдпуяыьгзбчйхжшю"  # Russian letters, the frequent ones first


def _likeness(sample: bytes, encoding: str) -> float:
    """How much the sample looks like text in this encoding."""
    text = sample.decode(encoding, "replace")
    score = 0.0
    for before, character in zip(" " + text, text, strict=False):
        if character < "\x80":
            continue
        if "а" <= character <= "я" or character == "ё":
            score += 1.0 + (len(_COMMON) - _COMMON.find(character)) / 40 if character in _COMMON else 0.6
        elif "А" <= character <= "Я" or character == "Ё":
            score += 0.8 if not before.islower() else -1.0  # capitals stand first
        elif character.isalpha():
            score += 0.4
        else:
            score -= 1.0
    return score


def _decoded(sample: bytes, encoding: str) -> str:
    return sample.decode(encoding, "ignore")


def _delimiter(text: str) -> str:
    """The one that divides most rows into the same number of cells, more than one."""
    if text.lower().startswith("sep=") and len(text) > 4 and text[4] in DELIMITERS:
        return text[4]
    lines = text.splitlines(keepends=True)[:100]
    if len(lines) > 1:
        lines.pop()  # may be cut

    def likeness(delimiter: str) -> tuple[bool, float, int, int]:
        widths = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
        usual = max(set(widths), key=widths.count, default=1)
        if usual == 1:
            return False, 0.0, 0, 1
        # by the wrong one, quotation marks end in the middle of a cell, or swallow whole rows
        return _is_strict(lines, delimiter), widths.count(usual) / len(widths), len(widths), usual

    try:
        return max(DELIMITERS, key=likeness)
    except csv.Error:
        return ";"


def _is_strict(lines: list[str], delimiter: str) -> bool:
    try:
        return all(True for _row in csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error:
        return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
