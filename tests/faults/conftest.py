"""One exchange of two nodes for the session; each test hurts it, and it must recover."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from hearthline.switch.robots.browser_peer import PeerClock
from tests import postgresql, redis_server
from tests.faults.people import Operator
from tests.faults.processes import Hosts


@pytest.fixture(scope="session")
def running_hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    folder = tmp_path_factory.mktemp("faults")
    try:
        with postgresql.running() as database, redis_server.running() as redis:
            hosts = Hosts(folder, database, redis)
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


_numbers = iter(range(20))


@pytest_asyncio.fixture
async def operator(hosts: Hosts) -> AsyncIterator[Operator]:
    """Somebody new at each test, on shift, with an open line."""
    clock = PeerClock()
    clock.start()
    somebody = Operator(hosts.url, f"operator{next(_numbers)}@example.org", clock)
    try:
        await somebody.begin(str(hosts.row("SELECT id FROM campaigns_campaign")["id"]))
        yield somebody
    finally:
        await somebody.leave()
        clock.stop()
