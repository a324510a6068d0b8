"""One exchange of two nodes for the session; each test hurts it, and it must recover."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager

import pytest
import pytest_asyncio

from hearthline.switch.robots.browser_peer import PeerClock
from tests import postgresql, redis_server
from tests.faults.people import Operator
from tests.faults.processes import OPERATORS, Hosts


@pytest.fixture(scope="session")
def running_hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    folder = tmp_path_factory.mktemp("faults")
    try:
        with postgresql.running(migrated=True) as database, redis_server.running() as redis, ExitStack() as resources:
            hosts = Hosts(folder, database, redis, resources)
            try:
                hosts.start(folder / "sounds")
                yield hosts
            finally:
                hosts.stop()
    except (postgresql.PostgresMissingError, redis_server.RedisMissingError) as missing:
        pytest.skip(str(missing))


@pytest.fixture
def hosts(running_hosts: Hosts) -> Iterator[Hosts]:
    running_hosts.ensure_running()
    yield running_hosts
    running_hosts.ensure_running()
    running_hosts.is_sound()


_numbers = iter(range(OPERATORS))


@asynccontextmanager
async def on_shift(hosts: Hosts, url: str) -> AsyncIterator[Operator]:
    """Somebody new, on shift at that web process, with an open line."""
    clock = PeerClock()
    clock.start()
    somebody = Operator(url, f"operator{next(_numbers)}@example.org", clock)
    try:
        await somebody.begin(str(hosts.row("SELECT id FROM campaigns_campaign")["id"]))
        yield somebody
    finally:
        await somebody.leave()
        clock.stop()


@pytest_asyncio.fixture
async def operator(hosts: Hosts) -> AsyncIterator[Operator]:
    async with on_shift(hosts, hosts.url) as somebody:
        yield somebody
