"""What every test may use."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connections

from hearthline import settings as hearthline_settings
from tests import migrated, postgresql
from tests.scheduling import LongestFirst, demanding_first


def pytest_configure() -> None:
    django_settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.MD5PasswordHasher"
    ]  # slow on purpose is for real ones


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LongestFirst | None:
    if config.getoption("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False  # pytest-xdist's own order: files with many tests first
    return LongestFirst(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        demanding_first(items)


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
def django_db_setup(django_db_blocker: Any) -> Iterator[None]:
    """The database of tests that are rolled back, in memory: pytest-django's own fixture would migrate it in every worker."""
    connection = connections["default"]
    with django_db_blocker.unblock():
        former = connection.settings_dict["NAME"]
        name = connection.creation._create_test_db(verbosity=0, autoclobber=True)
        connection.close()
        connection.settings_dict["NAME"] = name
        connection.ensure_connection()
        with closing(sqlite3.connect(migrated.sqlite_file())) as made:
            made.backup(connection.connection)
    yield
    with django_db_blocker.unblock():
        connection.creation.destroy_test_db(former, verbosity=0)


@pytest.fixture(scope="session")
def _postgres_server() -> Iterator[postgresql.Server]:
    """With a migrated database "empty" to copy."""
    try:
        running = postgresql.running(migrated=True)
        server = running.__enter__()
    except postgresql.PostgresMissingError as missing:
        pytest.skip(str(missing))
    try:
        yield server
    finally:
        running.__exit__(None, None, None)


@pytest.fixture
def sqlite_file(tmp_path: Path, django_db_blocker: Any) -> Iterator[str]:
    """The default database is a fresh SQLite file, as in production: threads and processes may share it."""
    path = tmp_path / "hearthline.sqlite3"
    shutil.copy(migrated.sqlite_file(), path)
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
