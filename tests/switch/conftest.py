"""The engines that serve the port, and a small town of people around each of them.

A further engine is one more entry of `ENGINES` and a fixture of its name.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hearthline.switch.embedded.client import EmbeddedClient
from hearthline.switch.embedded.config import EngineConfig
from hearthline.switch.embedded.engine import EmbeddedSwitch
from hearthline.switch.freeswitch.engine import FreeswitchSwitch
from hearthline.switch.port import Switch
from hearthline.switch.robots.browser_peer import PeerClock
from tests.switch.freeswitch_node import FreeswitchNode, freeswitch_node
from tests.switch.town import Town
from tests.testbed.programs import free_port

ROOT = Path(__file__).resolve().parents[2]
QUICK = EngineConfig(consent_timeout_s=2, connect_timeout_s=2, stalled_after_ms=600, stats_interval_s=1)
ENGINES = ("embedded", "embedded_socket", pytest.param("freeswitch", marks=pytest.mark.freeswitch))


@pytest.fixture(scope="session")
def engine_process() -> Iterator[Path]:
    """The engine as a process; the path of its socket."""
    with tempfile.TemporaryDirectory(prefix="hl-") as folder:
        socket = Path(folder) / "engine.sock"
        process = start_engine(socket, replace(QUICK, sip_port=free_port()))  # telephones must know where to register
        yield socket
        process.terminate()
        assert process.wait(10) == 0


def start_engine(socket: Path, config: EngineConfig) -> subprocess.Popen[bytes]:
    """Start the engine and wait for its socket."""
    settings = socket.with_suffix(".json")
    settings.write_text(config.to_json())
    command = [sys.executable, "-m", "hearthline.switch.embedded", "--socket", str(socket), "--config", str(settings)]
    process = subprocess.Popen(command, cwd=ROOT)
    deadline = time.monotonic() + 15
    while not socket.exists():
        assert process.poll() is None, "the engine ended at once"
        assert time.monotonic() < deadline, "the engine made no socket"
        time.sleep(0.02)
    return process


@pytest.fixture
async def embedded() -> AsyncIterator[Switch]:
    engine = EmbeddedSwitch(QUICK)
    await engine.start()
    yield engine
    await engine.close()


@pytest.fixture
async def embedded_socket(engine_process: Path) -> AsyncIterator[Switch]:
    client = EmbeddedClient(engine_process)
    client.start()
    await client.wait_connected()
    yield client
    for leg in await client.legs():
        await client.hang_up(leg.leg)
    await client.close()


@pytest.fixture(scope="session")
def freeswitch_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FreeswitchNode]:
    with freeswitch_node(tmp_path_factory.mktemp("freeswitch")) as node:
        yield node


@pytest.fixture
async def freeswitch(freeswitch_process: FreeswitchNode) -> AsyncIterator[Switch]:
    client = FreeswitchSwitch(freeswitch_process.client_config())
    client.start()
    await client.wait_connected()
    yield client
    for leg in await client.legs():
        await client.hang_up(leg.leg)
    await client.close()


@pytest.fixture(params=ENGINES)
def switch(request: pytest.FixtureRequest) -> Switch:
    found: Switch = request.getfixturevalue(request.param)
    return found


@pytest.fixture
async def clock() -> AsyncIterator[PeerClock]:
    clock = PeerClock()
    clock.start()
    yield clock
    clock.stop()


@pytest.fixture
async def town(switch: Switch, clock: PeerClock) -> AsyncIterator[Town]:
    town = Town(switch, clock)
    await asyncio.sleep(0)  # the reader of events has begun
    yield town
    await town.close()
