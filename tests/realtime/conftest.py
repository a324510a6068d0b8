"""A bus of each kind, and a real web process on a free port with its own data folder."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hearthline.realtime.bus import Bus
from hearthline.realtime.local import LocalBus
from hearthline.realtime.redis_bus.bus import RedisBus
from tests import redis_server
from tests.clerk import Clerk
from tests.migrated import data_folder

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Exchange:
    """A running web process; `run` executes Python in another process of the same installation."""

    port: int
    other: Clerk

    def run(self, code: str, *arguments: str) -> Any:
        """What the code prints as JSON."""
        printed = self.other.ask(code=f"import json, sys\nsys.argv = {['-c', *arguments]!r}\n{code}")
        return json.loads(printed) if printed.strip() else None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        assert process.poll() is None, "the web process ended at once"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)  # between two looks at a process that gives no other sign
    raise AssertionError("the web process does not listen after 90 s")


@dataclass(frozen=True)
class Place:
    """A bus, and the environment in which other processes have the same one."""

    bus: Bus
    run_folder: Path
    environment: dict[str, str]


@pytest.fixture(scope="session")
def redis() -> Iterator[redis_server.Server]:
    """One for the session; tests that hurt it start their own."""
    try:
        running = redis_server.running()
        server = running.__enter__()
    except redis_server.RedisMissingError as missing:
        pytest.skip(str(missing))
    try:
        yield server
    finally:
        running.__exit__(None, None, None)


@pytest.fixture(params=["local", "redis"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """The test runs twice: on the bus of one machine, and on Redis."""
    run_folder = tmp_path / "run"
    if request.param == "local":
        bus = LocalBus(tmp_path, run_folder)
        yield Place(bus, run_folder, environment_of(tmp_path, ""))
        bus.store.close()
    else:
        url = request.getfixturevalue("redis").emptied(1)  # no lease of an earlier test's server must end first
        yield Place(RedisBus(url, run_folder), run_folder, environment_of(tmp_path, url))


@pytest.fixture
def bus(place: Place) -> Bus:
    return place.bus


def environment_of(data: Path, redis_url: str) -> dict[str, str]:
    return {
        **os.environ,
        "HEARTHLINE_DATA": str(data),
        "HEARTHLINE_REDIS_URL": redis_url,
        "DJANGO_SETTINGS_MODULE": "hearthline.settings",
        "PYTHONPATH": str(ROOT),
    }


@pytest.fixture(scope="session", params=["local", "redis"])
def exchange(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    redis_url = request.getfixturevalue("redis").url if request.param == "redis" else ""
    environment = environment_of(data_folder(tmp_path_factory.mktemp("exchange")), redis_url)
    port = free_port()
    other = Clerk(environment)
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "hearthline.asgi:application", "--port", str(port), "--log-level", "warning",
         "--lifespan", "off", "--timeout-graceful-shutdown", "2"],
        env=environment, cwd=ROOT,
    )  # fmt: skip
    try:
        wait_for_port(port, process)
        yield Exchange(port, other)
    finally:
        other.stop()
        process.terminate()
        process.wait(20)
