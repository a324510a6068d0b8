"""Databases that are migrated already: made once for all workers and later runs, then copied.

To migrate an empty database takes some eight seconds, and dozens of tests want one of their own. What is made is kept in
`var/tests/` under a name that stands for all code of the exchange: any change there makes it anew, from nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "var" / "tests"
MIGRATE_S = 300


def sqlite_file() -> Path:
    """A file to copy."""
    return once("sqlite", _make_sqlite)


def data_folder(folder: Path) -> Path:
    """Make `folder` one in which `hearthline up` finds its database migrated."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(sqlite_file(), folder / "hearthline.sqlite3")
    return folder


def migrate(environment: dict[str, str]) -> None:
    """`hearthline migrate` in a process of its own."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("HEARTHLINE_", "DJANGO_"))}
    command = [sys.executable, "-m", "hearthline", "migrate"]
    done = subprocess.run(
        command, cwd=ROOT, env={**clean, **environment}, capture_output=True, text=True, timeout=MIGRATE_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def once(name: str, make: Callable[[Path], None]) -> Path:
    """What `make` has made at the path that it is given: in this process, in another one, or in an earlier run."""
    KEPT.mkdir(parents=True, exist_ok=True)
    path = KEPT / f"{name}-{_digest()}"
    with (KEPT / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            for former in KEPT.glob(f"{name}-*"):
                shutil.rmtree(former) if former.is_dir() else former.unlink()
            unfinished = KEPT / f"{name}-unfinished"
            make(unfinished)
            unfinished.rename(path)
    return path


def _make_sqlite(path: Path) -> None:
    folder = path.with_name("sqlite-data")
    shutil.rmtree(folder, ignore_errors=True)
    migrate({"HEARTHLINE_DATA": str(folder)})
    made = folder / "hearthline.sqlite3"
    with closing(sqlite3.connect(made)) as database:
        database.execute("PRAGMA journal_mode=DELETE")  # all of it in the one file
    made.rename(path)
    shutil.rmtree(folder)


@functools.cache
def _digest() -> str:
    digest = hashlib.sha256(sys.version.encode())
    for path in [*sorted((ROOT / "hearthline").rglob("*.py")), ROOT / "requirements" / "base.txt"]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


if __name__ == "__main__":
    from tests import postgresql

    sqlite_file()
    made = ["SQLite"]
    with contextlib.suppress(postgresql.PostgresMissingError):  # its tests are skipped
        postgresql.migrated_data()
        made.append("PostgreSQL")
    print(", ".join(made))
