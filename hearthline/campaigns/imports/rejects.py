"""The rows that could not be imported, given back as a file of the same kind with the reason in an added last column."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile

from django.core.files import File
from django.utils.translation import gettext as _

from hearthline.campaigns.imports.mapping import Mapping
from hearthline.campaigns.imports.reading import Row, Sheet, rows_of
from hearthline.campaigns.imports.understanding import Problem, problem_sentence
from hearthline.campaigns.models import ContactImport
from hearthline.campaigns.tables import CsvTable, XlsxTable


def note(upload: ContactImport, problems: Sequence[Problem]) -> None:
    """Keep them beside the rows until the file is written. A batch that is begun again is noted twice; `_noted` drops it."""
    if not problems:
        return
    with _spool(upload).open("a", encoding="utf-8") as file:
        for problem in problems:
            row = [problem.row.number, problem.code, problem.column, problem.row.cells]
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def write_file(upload: ContactImport, mapping: Mapping) -> str:
    """The kept file's name, or '' when nothing was refused."""
    spool = _spool(upload)
    if not spool.exists():
        return ""
    sheet = Sheet(**upload.sheet)
    suffix = "csv" if sheet.format == "csv" else "xlsx"
    headings: list[str] = []
    if mapping.header:
        headings = next(rows_of(Path(upload.rows.path), limit=1)).cells
    padded = [headings[place] if place < len(headings) else "" for place in range(sheet.columns)]
    with NamedTemporaryFile(suffix=f".{suffix}") as temporary:
        path = Path(temporary.name)
        delimiter = sheet.delimiter
        table = CsvTable(path, delimiter=delimiter) if suffix == "csv" else XlsxTable(path, _("Not imported"))
        with table:
            table.row([*padded, _("Row"), _("Why it was not imported")], heading=True)
            for problem in _noted(spool):
                cells = [problem.row.cell(place) for place in range(sheet.columns)]
                table.row([*cells, problem.row.number, problem_sentence(problem)])
        with path.open("rb") as content:
            name = upload.rejects_file.storage.save(
                upload.rejects_file.field.generate_filename(upload, f"{upload.pk}.rejects.{suffix}"), File(content)
            )
    spool.unlink()
    return str(name)


def _noted(spool: Path) -> Iterator[Problem]:
    last = 0
    with spool.open(encoding="utf-8") as file:
        for line in file:
            if not line.endswith("\n"):
                continue  # cut off by a crash; its batch was noted again
            number, code, column, cells = json.loads(line)
            if number > last:
                last = number
                yield Problem(Row(number, cells), code, column)


def _spool(upload: ContactImport) -> Path:
    return Path(upload.rows.path).with_suffix(".rejects")
