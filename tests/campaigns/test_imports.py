"""From a spreadsheet to contacts."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.utils import translation
from django_tasks_db.models import DBTaskResult
from python_calamine import CalamineWorkbook

from hearthline.campaigns import tally
from hearthline.campaigns.imports import running, uploads
from hearthline.campaigns.imports.reading import Row, UnreadableFileError
from hearthline.campaigns.imports.understanding import Problem, problem_sentence
from hearthline.campaigns.models import BlockReason, Campaign, Contact, ContactImport, ContactState, ImportState
from hearthline.dialing import do_not_call
from hearthline.lib import clock
from hearthline.lib.errors import ConflictError, InvalidInputError
from tests.campaigns.worlds import a_campaign, a_number, an_owner

pytestmark = pytest.mark.django_db

RUSSIAN = [
    ["ФИО", "Телефон", "Город", "Дата визита"],
    ["Иванов Пётр Сергеевич", "8 (916) 123-45-67", "Екатеринбург", "12.05.2025"],
    ["Смирнова Ёлка", "+7 916 123-45-68", "Москва", ""],
    ["Кузнецов Ян", "89161234569", "", "01.02.2026"],
]


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(storages["default"], "_location", str(tmp_path / "files"))
    storages["default"].__dict__.pop("location", None)
    storages["default"].__dict__.pop("base_location", None)
    yield
    storages["default"].__dict__.pop("location", None)
    storages["default"].__dict__.pop("base_location", None)


def as_csv(rows: list[list[Any]], *, delimiter: str = ";", encoding: str = "utf-8") -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue().encode(encoding)


def as_xlsx(rows: list[list[Any]], path: Path) -> bytes:
    book = xlsxwriter.Workbook(str(path), {"strings_to_formulas": False})
    sheet = book.add_worksheet("Contacts")
    for number, row in enumerate(rows):
        sheet.write_row(number, 0, row)
    book.close()
    return path.read_bytes()


def upload(campaign: Campaign, content: bytes, name: str = "contacts.csv") -> ContactImport:
    return uploads.receive_upload(
        campaign=campaign, file=ContentFile(content, name=name), created_by=an_owner(campaign.organisation)
    )


def imported(campaign: Campaign, content: bytes, name: str = "contacts.csv", **mapping: Any) -> ContactImport:
    received = upload(campaign, content, name)
    uploads.confirm_import(upload=received, mapping={**received.mapping, **mapping}, actor=None)
    done = running.run(received.pk)
    assert done is not None
    assert done.state == ImportState.DONE
    return done


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1251", "koi8-r", "cp866"]
)
@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
def test_any_usual_csv(encoding: str, delimiter: str) -> None:
    campaign = a_campaign()
    imported(campaign, as_csv(RUSSIAN, delimiter=delimiter, encoding=encoding))
    rows = list(Contact.objects.order_by("row_number").values_list("phone", "name", "timezone", "row_number"))
    assert rows == [
        ("+79161234567", "Иванов Пётр Сергеевич", "Asia/Yekaterinburg", 2),
        ("+79161234568", "Смирнова Ёлка", "Europe/Moscow", 3),
        ("+79161234569", "Кузнецов Ян", "Europe/Moscow", 4),
    ]
    campaign.refresh_from_db()
    assert campaign.columns == [{"key": "город", "title": "Город"}, {"key": "дата_визита", "title": "Дата визита"}]
    assert Contact.objects.get(row_number=2).data == {"город": "Екатеринбург", "дата_визита": "12.05.2025"}


def test_numbers_that_a_spreadsheet_made_of_phone_numbers(tmp_path: Path) -> None:
    rows: list[list[Any]] = [["Phone", "Age"], [79161234567.0, 54], ["7.9161234568E+10", 33.5], ["7.9161E+10", 1]]
    done = imported(a_campaign(), as_xlsx(rows, tmp_path / "a.xlsx"), "a.xlsx")
    found = dict(Contact.objects.values_list("phone", "data"))
    assert found == {"+79161234567": {"age": "54"}, "+79161234568": {"age": "33.5"}}
    assert (done.added, done.rejected) == (2, 1)


def test_bad_rows_come_back_with_the_reason_in_the_owners_language(tmp_path: Path) -> None:
    campaign = a_campaign()
    content = as_xlsx(
        [["Name", "Phone"], ["A", "12"], ["B", a_number(1)], ["=1+1", "no"], ["D", ""]], tmp_path / "b.xlsx"
    )
    received = upload(campaign, content, "b.xlsx")
    assert received.created_by is not None
    type(received.created_by).objects.update(language="ru")
    uploads.confirm_import(upload=received, mapping=None, actor=None)
    done = running.run(received.pk)
    assert done is not None
    assert (done.added, done.rejected, done.rows_read, done.rows_total) == (1, 3, 4, 4)
    back = CalamineWorkbook.from_path(done.rejects_file.path).get_sheet_by_index(0).to_python()
    with translation.override("ru"):
        reasons = [str(problem_sentence(_problem(code))) for code in ("not_possible", "not_a_number", "empty")]
    assert [row[:3] for row in back[1:]] == [["A", "12", 2.0], ["=1+1", "no", 4.0], ["D", "", 5.0]]
    assert [row[3] for row in back[1:]] == reasons
    assert not done.rows
    assert not done.file


def test_bad_rows_of_a_csv_come_back_as_csv_without_formulas() -> None:
    content = as_csv([["Name", "Phone"], ["=HYPERLINK(1)", "nothing"], ["B", a_number(1)], ["C", "+79"]])
    done = imported(a_campaign(), content)
    text = Path(done.rejects_file.path).read_text(encoding="utf-8-sig")
    rows = list(csv.reader(io.StringIO(text), delimiter=";"))
    assert rows[1][:3] == ["'=HYPERLINK(1)", "nothing", "2"]
    assert rows[2][:3] == ["C", "+79", "4"]


def test_duplicates_in_the_file_and_in_the_campaign_are_refused_and_counted() -> None:
    campaign = a_campaign()
    first = imported(campaign, as_csv([["Phone"], [a_number(1)], [a_number(2)], [f"8{a_number(1)[2:]}"]]))
    assert (first.added, first.duplicates) == (2, 1)
    second = imported(campaign, as_csv([["Phone"], [a_number(2)], [a_number(3)]]))
    assert (second.added, second.duplicates) == (1, 1)
    assert Contact.objects.count() == tally.of(campaign.pk).contacts == 3


def test_the_same_number_in_another_campaign_is_no_duplicate() -> None:
    content = as_csv([["Phone"], [a_number(1)]])
    assert imported(a_campaign(), content).added == 1
    assert imported(a_campaign(), content).added == 1


def test_listed_and_unpriced_numbers_are_kept_blocked_and_counted() -> None:
    campaign = a_campaign()
    do_not_call.add(phone=a_number(1), organisation=campaign.organisation, added_by=None)
    content = as_csv([["Phone"], [a_number(1)], [a_number(2)], ["+49 30 901820"]])
    done = imported(campaign, content)
    assert (done.added, done.blocked) == (3, 2)
    assert dict(Contact.objects.values_list("phone", "block_reason")) == {
        a_number(1): BlockReason.DO_NOT_CALL, a_number(2): "", "+4930901820": BlockReason.UNPRICED,
    }  # fmt: skip
    assert tally.of(campaign.pk).blocked == tally.counts(campaign.pk)["blocked"] == 2


def test_the_owner_corrects_the_columns() -> None:
    campaign = a_campaign()
    content = as_csv([["a", "b", "c"], [a_number(1), a_number(11), "x"], [a_number(2), a_number(12), "y"]])
    received = upload(campaign, content)
    assert received.mapping["phone"] == 0
    chosen = {"phone": 1, "name": 2, "timezone": None, "columns": {"0": "Second"}, "header": True}
    shown = uploads.preview(received, chosen)
    assert [(row.phone, row.name) for row in shown.rows] == [(a_number(11), "x"), (a_number(12), "y")]
    uploads.confirm_import(upload=received, mapping=chosen, actor=None)
    running.run(received.pk)
    assert set(Contact.objects.values_list("phone", "name")) == {(a_number(11), "x"), (a_number(12), "y")}


@pytest.mark.parametrize("chosen", [{}, {"phone": 9}, {"phone": None}, {"phone": "x"}, {"phone": 0, "name": 0}])
def test_a_mapping_that_does_not_fit_changes_nothing(chosen: dict[str, Any]) -> None:
    received = upload(a_campaign(), as_csv([["Phone"], [a_number(1)]]))
    received.mapping = {}
    with pytest.raises(InvalidInputError):
        uploads.confirm_import(upload=received, mapping=chosen, actor=None)
    assert ContactImport.objects.get().state == ImportState.UPLOADED
    assert not DBTaskResult.objects.exists()


def test_without_headings() -> None:
    done = imported(a_campaign(), as_csv([["Анна Иванова", a_number(1)], ["Пётр Сидоров", a_number(2)]]))
    assert done.added == 2
    assert set(Contact.objects.values_list("name", flat=True)) == {"Анна Иванова", "Пётр Сидоров"}


def test_preview_shows_the_first_rows_as_understood() -> None:
    received = upload(a_campaign(), as_csv([*RUSSIAN, ["Нет", "123", "", ""]]))
    shown = uploads.preview(received)
    assert shown.headings == RUSSIAN[0]
    assert [(row.phone, bool(row.problem)) for row in shown.rows] == [
        ("+79161234567", False), ("+79161234568", False), ("+79161234569", False), ("", True),
    ]  # fmt: skip


def test_an_import_that_was_cut_off_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "BATCH", 10)
    campaign = a_campaign()
    rows = [["Phone"], *([a_number(n)] if n % 7 else ["bad"] for n in range(1, 48))]
    received = upload(campaign, as_csv(rows))
    uploads.confirm_import(upload=received, mapping=None, actor=None)
    real, calls = running.insert, []

    def cut_off(*arguments: Any, **more: Any) -> list[str]:
        states = real(*arguments, **more)
        calls.append(len(states))
        if len(calls) == 3:
            raise KeyboardInterrupt  # the process ends in the middle of the third batch
        return states

    monkeypatch.setattr(running, "insert", cut_off)
    with pytest.raises(KeyboardInterrupt):
        running.run(received.pk)
    assert ContactImport.objects.get().rows_read == 20
    monkeypatch.setattr(running, "insert", real)
    later = clock.now() + uploads.SILENT_FOR * 2
    assert uploads.resume_interrupted(later) == 1
    assert uploads.resume_interrupted(later) == 0
    done = running.run(received.pk)
    assert done is not None
    assert (done.added, done.duplicates, done.rejected, done.rows_read) == (41, 0, 6, 47)
    assert Contact.objects.count() == tally.of(campaign.pk).contacts == 41
    lines = Path(done.rejects_file.path).read_text(encoding="utf-8-sig").splitlines()
    assert len(lines) == 1 + 6
    assert running.run(received.pk) is None  # and again is nothing


def test_confirming_twice_imports_once() -> None:
    received = upload(a_campaign(), as_csv([["Phone"], [a_number(1)]]))
    uploads.confirm_import(upload=received, mapping=None, actor=None)
    with pytest.raises(ConflictError):
        uploads.confirm_import(upload=received, mapping=received.mapping, actor=None)
    assert DBTaskResult.objects.count() == 1


def _sparse(cell: str) -> bytes:
    """A workbook of a few hundred bytes that asks a reader for all the cells up to `cell`."""
    sheet = (
        '<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        f'<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="{cell}"><v>1</v></c></row></sheetData></worksheet>'
    )
    parts = {
        "[Content_Types].xml": '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
        '</Types>',
        "_rels/.rels": '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/>'
        '</Relationships>',
        "xl/workbook.xml": '<?xml version="1.0"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
        'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets>'
        '<sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/>'
        '</Relationships>',
        "xl/worksheets/sheet1.xml": sheet,
    }  # fmt: skip
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b" \r\n \r\n", "empty"),
        (b"PK\x03\x04 broken", "broken"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 broken", "broken"),
        (_sparse("XFD1048576"), "too_large"),
        (b";".join([b"x"] * 61) + b"\n", "too_many_columns"),
    ],
)
def test_hostile_files_are_refused_with_a_sentence(content: bytes, reason: str) -> None:
    with pytest.raises(UnreadableFileError) as refused:
        upload(a_campaign(), content)
    assert refused.value.details["reason"] == reason
    assert not ContactImport.objects.exists()


def test_rows_and_size_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = a_campaign()
    monkeypatch.setattr(settings.HEARTHLINE, "max_import_rows", 2)
    with pytest.raises(UnreadableFileError, match="more than 2 rows"):
        upload(campaign, as_csv([["Phone"], *([a_number(n)] for n in range(3))]))
    assert imported(campaign, as_csv([["Phone"], *([a_number(n)] for n in range(2))])).added == 2
    monkeypatch.setattr(settings.HEARTHLINE, "max_upload_bytes", 10)
    with pytest.raises(UnreadableFileError, match="larger"):
        upload(campaign, as_csv([["Phone"], [a_number(9)]]))


def test_a_cell_that_is_too_long_is_a_bad_row() -> None:
    done = imported(a_campaign(), as_csv([["Phone", "Note"], [a_number(1), "x" * 1001], [a_number(2), "x" * 1000]]))
    assert (done.added, done.rejected) == (1, 1)


def test_a_file_without_numbers_can_still_be_mapped() -> None:
    received = upload(a_campaign(), as_csv([["A", "B"], ["x", "y"]]))
    assert received.mapping == {}
    assert uploads.preview(received).mapping is None
    with pytest.raises(InvalidInputError):
        uploads.confirm_import(upload=received, mapping=None, actor=None)


def test_contacts_wait_in_the_order_of_the_file() -> None:
    imported(a_campaign(), as_csv([["Phone"], *([a_number(n)] for n in (5, 3, 9, 1))]))
    queue = Contact.objects.filter(state=ContactState.FRESH).order_by("next_attempt_at")
    assert [contact.phone for contact in queue] == [a_number(n) for n in (5, 3, 9, 1)]


def _problem(code: str) -> Problem:
    return Problem(Row(1, []), code, 0)
