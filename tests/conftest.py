"""What every test may use."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.db import connections

from hearthline import settings as hearthline_settings
from tests import postgresql


def pytest_configure() -> None:
    django_settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.MD5PasswordHasher"
    ]  # slow on purpose is for real ones


@contextmanager
def _serving(database: dict[str, Any], blocker: Any) -> Iterator[None]:
    """The default database is another one meanwhile, for every thread."""
    with blocker.unblock():
        connections["default"].close()
        former = connections.settings["default"]
        connections.settings["default"] = connections.configure_settings({"default": database})["default"]
        del connections["default"]
        try:
            yield
        finally:
            connections["default"].close()
            del connections["default"]
            connections.settings["default"] = former


@pytest.fixture(scope="session")
def _empty_sqlite(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any) -> Path:
    """A migrated file to copy."""
    path = tmp_path_factory.mktemp("sqlite") / "empty.sqlite3"
    with _serving(_sqlite(path), django_db_blocker):
        call_command("migrate", verbosity=0)
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA journal_mode=DELETE")  # all of it in the one file
    database.close()
    return path


@pytest.fixture(scope="session")
def _postgres_server(django_db_blocker: Any) -> Iterator[postgresql.Server]:
    """With a migrated database "empty" to copy."""
    try:
        running = postgresql.running()
        server = running.__enter__()
    except postgresql.PostgresMissingError as missing:
        pytest.skip(str(missing))
    try:
        _run(server, "postgres", "CREATE DATABASE empty", django_db_blocker)
        with _serving(server.database("empty"), django_db_blocker):
            call_command("migrate", verbosity=0)
        yield server
    finally:
        running.__exit__(None, None, None)


@pytest.fixture
def sqlite_file(_empty_sqlite: Path, tmp_path: Path, django_db_blocker: Any) -> Iterator[str]:
    """The default database is a fresh SQLite file, as in production: threads and processes may share it."""
    path = tmp_path / "hearthline.sqlite3"
    shutil.copy(_empty_sqlite, path)
    with _serving(_sqlite(path), django_db_blocker):
        yield "sqlite"


@pytest.fixture
def postgres(_postgres_server: postgresql.Server, django_db_blocker: Any) -> Iterator[str]:
    """The default database is a fresh one on a real PostgreSQL. Mark the test with `pytest.mark.postgres`."""
    _run(_postgres_server, "postgres", "CREATE DATABASE fresh TEMPLATE empty", django_db_blocker)
    with _serving(_postgres_server.database("fresh"), django_db_blocker):
        yield "postgres"
    _run(_postgres_server, "postgres", "DROP DATABASE fresh WITH (FORCE)", django_db_blocker)


@pytest.fixture(params=["sqlite_file", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> str:
    """The test runs twice: on a SQLite file and on PostgreSQL. For races (`tests.races.together`): real commits, real locks.
    Do not mark the test with django_db, which would wrap it in a transaction."""
    return str(request.getfixturevalue(request.param))


def _sqlite(path: Path) -> dict[str, Any]:
    return {**hearthline_settings._database(""), "NAME": path}


def _run(server: postgresql.Server, name: str, statement: str, blocker: Any) -> None:
    with _serving(server.database(name), blocker), connections["default"].cursor() as cursor:
        cursor.execute(statement)
