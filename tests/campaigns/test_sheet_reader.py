"""The reader of spreadsheets, fed with anything."""

from __future__ import annotations

import csv
import io
import tempfile
import zipfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hearthline.campaigns.imports import sheet_reader
from hearthline.campaigns.imports.sheet_reader import Refused

fuzzed = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])


def read(
    content: bytes, *, rows: int = 1000, columns: int = 60, cell: int = 100
) -> tuple[dict[str, object], list[list[str]]]:
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in", Path(folder) / "out"
        source.write_bytes(content)
        with source.open("rb") as file:
            answer, found = sheet_reader._open(file, source)
            answer |= sheet_reader._write(found, target, rows, columns, cell)
        with target.open(encoding="utf-8", newline="") as written:
            return answer, list(csv.reader(written))


def bounded(content: bytes) -> None:
    try:
        answer, rows = read(content)
    except Refused:
        return
    assert answer["rows"] == len(rows) <= 1000
    assert all(1 < len(row) <= 61 and row[0].isdigit() for row in rows)
    assert all(len(cell) <= 101 for row in rows for cell in row[1:])


@fuzzed
@given(st.binary(max_size=400))
def test_any_bytes_are_rows_or_refused(content: bytes) -> None:
    bounded(content)


MAGIC = [b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"sep=;\n"]


@fuzzed
@given(st.sampled_from(MAGIC), st.binary(max_size=300))
def test_any_bytes_behind_a_known_beginning(magic: bytes, content: bytes) -> None:
    bounded(magic + content)


@fuzzed
@given(st.binary(max_size=300), st.sampled_from(["xl/workbook.xml", "content.xml", "xl/worksheets/sheet1.xml"]))
def test_any_bytes_in_a_workbook(content: bytes, name: str) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, content)
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
    bounded(out.getvalue())


plain_cells = st.text("абвгАБВ xyz0123456789,.;'\"-", min_size=1, max_size=12).map(str.strip).filter(bool)


@fuzzed
@given(
    st.lists(st.lists(plain_cells, min_size=3, max_size=3), min_size=3, max_size=12),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.sampled_from([";", ",", "\t"]),
)
def test_what_a_spreadsheet_program_writes_is_read_back(rows: list[list[str]], encoding: str, delimiter: str) -> None:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(rows)
    answer, found = read(out.getvalue().encode(encoding))
    assert answer["delimiter"] == delimiter
    assert [row[1:] for row in found] == rows


def test_numbers_keep_their_digits() -> None:
    assert sheet_reader._text(79161234567.0) == "79161234567"
    assert sheet_reader._text(33.5) == "33.5"
