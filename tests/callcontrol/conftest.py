"""An exchange with one node, its own data folder and database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from django.conf import settings
from django.db import connections

from tests.callcontrol.exchange import Exchange, prepare


@pytest.fixture
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(settings.HEARTHLINE, "data", tmp_path)
    return tmp_path


@pytest.fixture
def prepared(request: pytest.FixtureRequest, data_folder: Path) -> Exchange:
    """On SQLite; on PostgreSQL for tests with that marker."""
    request.getfixturevalue("postgres" if request.node.get_closest_marker("postgres") else "sqlite_file")
    world = Exchange()
    prepare(world)
    connections.close_all()
    return world


@pytest_asyncio.fixture
async def exchange(prepared: Exchange) -> AsyncIterator[Exchange]:
    """Started, with the operator's line open."""
    await prepared.start()
    prepared.line = await prepared.open_line()
    try:
        yield prepared
    finally:
        await prepared.stop()
