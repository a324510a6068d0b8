"""One provider, one exchange and a few phones for each module of end-to-end tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Playwright, sync_playwright

from tests.e2e.exchange import Exchange, running
from tests.testbed.provider import RINGS_FOR_EVER, Account, Provider

CALLER_ID = "74957770001"
BUSY, FAILING, SILENT, ABSENT = "79160000486", "79160000503", "79160000180", "79160000404"


@pytest.fixture(scope="module")
def play() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("e2e")


@pytest.fixture(scope="module")
def provider(folder: Path) -> Iterator[Provider]:
    accounts = {"hearth": Account("Sec-100", caller_ids={CALLER_ID})}
    behaviour = {BUSY: 486, FAILING: 503, SILENT: RINGS_FOR_EVER}
    with Provider(folder, accounts, behaviour) as running_provider:
        yield running_provider


@pytest.fixture(scope="module")
def exchange(folder: Path) -> Iterator[Exchange]:
    with running(folder / "data", ring_timeout_s="6", manager_ring_timeout_s="12", line_grace_s="4") as exchange:
        yield exchange


def at_provider(provider: Provider, **changes: Any) -> dict[str, Any]:
    """The trunk as the seed wants it."""
    return {
        "host": provider.host,
        "port": provider.port,
        "username": "hearth",
        "password": "Sec-100",
        "caller_id": "+" + CALLER_ID,
        **changes,
    }
