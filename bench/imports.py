"""Imports: a spreadsheet of many rows, beside the bare reader + number parser + bulk insert on the same file.

Each side runs in a process of its own, on a database of its own; what is compared is the processor time of the process and
its children (reading happens in one), so that a busy machine does not blur it. Memory is that of the importing process.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.figure import Figure

ROWS = int(os.environ.get("BENCH_ROWS", "60_000"))
BAR = 1.5
FLAT_MB = 30  # by how much more memory ten times the rows may take


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="hearthline-bench-") as folder:
        small, large = Path(folder) / "small.xlsx", Path(folder) / "large.xlsx"
        _write(small, ROWS // 10)
        _write(large, ROWS)
        bare = _run("bare", large)
        ours = _run("ours", large)
        less = _run("ours", small)
    ratio = ours["cpu_s"] / bare["cpu_s"]
    assert ours["added"] == bare["added"] == ROWS
    grown = ours["memory_mb"] - less["memory_mb"]
    yield Figure(
        f"import of {ROWS:,} rows (XLSX, SQLite), CPU",
        f"{ours['cpu_s']:.1f} s",
        f"at most {BAR} x the bare parts",
        ratio <= BAR,
        f"reader + number parser + bulk insert: {bare['cpu_s']:.1f} s ({ratio:.2f} x)",
    )
    yield Figure(
        "import, rows a second", f"{ROWS / ours['wall_s']:,.0f}", compared_with=f"bare: {ROWS / bare['wall_s']:,.0f}"
    )
    yield Figure(
        "import, memory for ten times the rows", f"{grown:+.0f} MB", f"at most {FLAT_MB} MB more", grown <= FLAT_MB,
        f"bare: {bare['memory_mb']:.0f} MB, ours: {ours['memory_mb']:.0f} MB and {ours['reader_mb']:.0f} MB in the reader",
    )  # fmt: skip


def _write(path: Path, rows: int) -> None:
    import xlsxwriter

    book = xlsxwriter.Workbook(str(path), {"constant_memory": True})
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, ["Name", "Phone", "City", "Age", "Comment"])
    for n in range(1, rows + 1):
        phone: object = 79160000000 + n if n % 2 else f"8 (916) {n // 10000:03d}-{n // 100 % 100:02d}-{n % 100:02d}"
        sheet.write_row(n, 0, [f"Person {n}", phone, "Москва", 20 + n % 60, f"row {n} of the list"])
    book.close()


def _run(what: str, path: Path) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="hearthline-bench-") as data:
        environment = {**os.environ, "HEARTHLINE_DATA": data, "DJANGO_SETTINGS_MODULE": "hearthline.settings"}
        command = [sys.executable, "-m", "bench.imports", what, str(path)]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    result: dict[str, float] = json.loads(done.stdout.decode().strip().splitlines()[-1])
    return result


def _measured(what: str, path: Path) -> dict[str, float]:
    import django

    django.setup()
    from django.core.management import call_command

    from tests.campaigns.worlds import a_campaign

    call_command("migrate", verbosity=0)
    campaign = a_campaign()
    before, begun = _cpu(), time.perf_counter()
    added = _bare(campaign, path) if what == "bare" else _ours(campaign, path)
    return {
        "added": added,
        "wall_s": time.perf_counter() - begun,
        "cpu_s": _cpu() - before,
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "reader_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
    }


def _cpu() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _bare(campaign: object, path: Path) -> int:
    """No preview, no bad rows, no duplicates, no progress, no limits: what cannot be left out."""
    from python_calamine import CalamineWorkbook

    from hearthline.campaigns.models import Campaign, Contact
    from hearthline.lib.phone import parse_phone

    assert isinstance(campaign, Campaign)
    rows = CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).iter_rows()
    next(rows)
    batch: list[Contact] = []
    for number, (name, phone, city, age, comment) in enumerate(rows, 2):
        parsed = parse_phone(str(phone), "RU")
        data = {"city": str(city), "age": str(age), "comment": str(comment)}
        batch.append(
            Contact(
                campaign=campaign,
                phone=parsed.e164,
                name=str(name),
                data=data,
                timezone="Europe/Moscow",
                row_number=number,
            )
        )
        if len(batch) == 1000:
            Contact.objects.bulk_create(batch, ignore_conflicts=True)
            batch = []
    Contact.objects.bulk_create(batch, ignore_conflicts=True)
    return Contact.objects.filter(campaign=campaign).count()


def _ours(campaign: object, path: Path) -> int:
    from django.core.files import File

    from hearthline.campaigns.imports import running, uploads
    from hearthline.campaigns.models import Campaign, ContactImport, ImportState

    assert isinstance(campaign, Campaign)
    with path.open("rb") as content:
        upload = uploads.receive_upload(campaign=campaign, file=File(content, name=path.name), created_by=None)
    uploads.confirm_import(upload=upload, mapping=None, actor=None)
    running.run(upload.pk)
    done = ContactImport.objects.get(pk=upload.pk)
    assert done.state == ImportState.DONE, done.error
    return done.added


if __name__ == "__main__":
    print(json.dumps(_measured(sys.argv[1], Path(sys.argv[2]))))
