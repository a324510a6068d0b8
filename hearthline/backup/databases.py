"""The database's part of a backup: SQLite by its online backup, PostgreSQL by pg_dump and pg_restore of one snapshot.

Neither stops the exchange. Rows are counted in the copy (SQLite) or in the very snapshot that is dumped (PostgreSQL).
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from django.apps import apps
from django.db import connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from hearthline.backup.layout import BackupError, Database

DUMP_BOUND_S = 6 * 3600
FORMER = "before_restore_"  # PostgreSQL: the schema that keeps what was there before


def dump(path: Path) -> Database:
    """Write a copy of the default database as of one moment. Raises BackupError."""
    if connection.vendor == "sqlite":
        _copy_sqlite(path)
        with _copy_opened(path) as copy:
            return Database("sqlite", _migrations_in(copy), {t: _count_in(copy, t) for t in _tables_in(copy)})
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SELECT pg_export_snapshot()")
        (snapshot,) = cursor.fetchone()
        arguments = ["--format=custom", f"--snapshot={snapshot}", f"--exclude-schema={FORMER}*", "--no-comments"]
        _run_postgresql("pg_dump", *arguments, "--no-owner", "--no-privileges", f"--file={path}")
        applied = sorted(f"{app}.{name}" for app, name in MigrationRecorder(connection).applied_migrations())
        return Database("postgresql", applied, count_rows())


def count_rows() -> dict[str, int]:
    """Of every table in the default database that an application of this version has."""
    counts = {}
    with connection.cursor() as cursor:
        for table in sorted(connection.introspection.django_table_names(only_existing=True)):
            cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(table)}")  # noqa: S608 (names of models)
            counts[table] = int(cursor.fetchone()[0])
    return counts


def has_people() -> bool:
    """Whether there is an exchange in the default database already."""
    table = apps.get_model("people", "User")._meta.db_table
    if table not in connection.introspection.table_names():
        return False
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS (SELECT 1 FROM {connection.ops.quote_name(table)})")  # noqa: S608 (a model's)
        return bool(cursor.fetchone()[0])


def others_connected() -> int:
    """PostgreSQL: other connections of the exchange's user to its database."""
    if connection.vendor != "postgresql":
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user "
            "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        return int(cursor.fetchone()[0])


def unknown_migrations(database: Database) -> list[str]:
    """What the backup's database has and this version does not: it was made by a newer one."""
    known = {f"{app}.{name}" for app, name in MigrationLoader(connection).disk_migrations}
    ours = {config.label for config in apps.get_app_configs()}
    return [name for name in database.migrations if name not in known and name.split(".")[0] in ours]


# --- SQLite ---------------------------------------------------------------------------------------------------------


def sqlite_path() -> Path:
    return Path(connection.settings_dict["NAME"])


def _copy_sqlite(path: Path) -> None:
    """In one step: in WAL mode nobody waits for it, and it sees one moment."""
    if not sqlite_path().exists():
        raise BackupError(f"There is no database at {sqlite_path()}. Is HEARTHLINE_DATA right?")
    with (
        closing(sqlite3.connect(f"file:{sqlite_path()}?mode=ro", uri=True, timeout=20)) as source,
        closing(sqlite3.connect(path)) as target,
    ):
        source.backup(target)
        target.execute("PRAGMA journal_mode=DELETE")  # all of it in the one file


def check_sqlite(path: Path, database: Database) -> None:
    """Raises BackupError when the copy is damaged or has other rows than the manifest says."""
    with _copy_opened(path) as copy:
        try:
            (verdict,) = copy.execute("PRAGMA quick_check(1)").fetchone()
            rows = {table: _count_in(copy, table) for table in _tables_in(copy)}
        except sqlite3.DatabaseError as error:
            verdict, rows = str(error), database.rows
    if verdict != "ok":
        raise BackupError(f"The database in it is damaged ({verdict}). Take another backup.")
    compare_rows(database.rows, rows)


def compare_rows(told: dict[str, int], found: dict[str, int]) -> None:
    """Raises BackupError naming the first table that differs."""
    for table in sorted(told):
        if found.get(table, 0) != told[table]:
            raise BackupError(
                f"{table} has {found.get(table, 0)} rows where the manifest says {told[table]}. Nothing was changed."
            )


@contextmanager
def _copy_opened(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as copy:
        yield copy


def _tables_in(copy: sqlite3.Connection) -> list[str]:
    rows = copy.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name")
    return [name for (name,) in rows]


def _count_in(copy: sqlite3.Connection, table: str) -> int:
    return int(copy.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0])  # noqa: S608 (names of the file's own)


def _migrations_in(copy: sqlite3.Connection) -> list[str]:
    return [f"{a}.{n}" for a, n in copy.execute("SELECT app, name FROM django_migrations ORDER BY app, name")]


# --- PostgreSQL -----------------------------------------------------------------------------------------------------


@contextmanager
def postgresql_replaced(path: Path, database: Database, stamp: str) -> Iterator[str]:
    """Load the dump into a new schema `public`; what was there lies in another schema, whose name is given.

    When loading fails, or the block within raises, the former schema is back. Raises BackupError.
    """
    former = f"{FORMER}{stamp}"
    _execute(f'ALTER SCHEMA public RENAME TO "{former}"', "CREATE SCHEMA public")
    try:
        _run_postgresql("pg_restore", "--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction",
                        f"--dbname={connection.settings_dict['NAME']}", str(path), names_database=True)  # fmt: skip
        _execute("ANALYZE")
        compare_rows(database.rows, count_rows())
        yield former
    except BaseException:
        connection.close()
        _execute("DROP SCHEMA public CASCADE", f'ALTER SCHEMA "{former}" RENAME TO public')
        raise


def forget_former(former: str) -> None:
    _execute(f'DROP SCHEMA "{former}" CASCADE')


def _execute(*statements: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def program(name: str) -> str:
    """pg_dump or pg_restore: on the path, or the newest of Debian's. Raises BackupError."""
    newest = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda p: int(p.parts[-3]))
    if found := (str(newest[-1]) if newest else shutil.which(name)):
        return found
    raise BackupError(f"{name} is not on this machine. Install PostgreSQL's client programs (postgresql-client).")


def _run_postgresql(name: str, *arguments: str, names_database: bool = False) -> None:
    """The password travels in the environment, which other users of the machine cannot read. Raises BackupError."""
    settings: dict[str, Any] = connection.settings_dict
    where = {"PGHOST": settings["HOST"], "PGPORT": settings["PORT"], "PGUSER": settings["USER"],
             "PGPASSWORD": settings["PASSWORD"]}  # fmt: skip
    if not names_database:
        where["PGDATABASE"] = settings["NAME"]
    done = subprocess.run(  # noqa: S603 (PostgreSQL's own programs, arguments of ours)
        [program(name), "--no-password", *arguments],
        env={**os.environ, **{key: str(value) for key, value in where.items() if value}},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DUMP_BOUND_S,
        check=False,
    )
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[0]
        raise BackupError(f"PostgreSQL did not do it: {said[:500]}")
