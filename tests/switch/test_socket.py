"""The engine as a process: its socket, what survives a lost connection, and what a crash leaves behind."""

from __future__ import annotations

import asyncio
import secrets
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from hearthline.switch.embedded import wire
from hearthline.switch.embedded.client import EmbeddedClient
from hearthline.switch.embedded.config import EngineConfig
from hearthline.switch.embedded.engine import EmbeddedSwitch
from hearthline.switch.embedded.server import EngineServer
from hearthline.switch.port import (
    LegAnswered,
    LegHungUp,
    NodeBack,
    NodeLost,
    Party,
    RecordingStopped,
    Switch,
    SwitchError,
    SwitchErrorCode,
)
from hearthline.switch.robots.browser_peer import PeerClock
from tests.switch.conftest import QUICK, start_engine
from tests.switch.ears import assert_hears, read_stereo
from tests.switch.parties import Browser, Told, hears

CALM = EngineConfig()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: Unix sockets' paths are bounded."""
    with tempfile.TemporaryDirectory(prefix="hl-") as name:
        yield Path(name)


@asynccontextmanager
async def serving(path: Path, config: EngineConfig = CALM) -> AsyncIterator[EngineServer]:
    """An engine and its server in this process."""
    engine = EmbeddedSwitch(config)
    await engine.start()
    server = EngineServer(engine, path)
    await server.start()
    try:
        yield server
    finally:
        await server.close()
        await engine.close()


@asynccontextmanager
async def controlling(path: Path) -> AsyncIterator[tuple[EmbeddedClient, Told]]:
    client = EmbeddedClient(path)
    told = Told(client.events())
    try:
        await client.wait_connected()
        yield client, told
    finally:
        await told.stop()
        await client.close()


async def a_line(clock: PeerClock, switch: Switch, told: Told, hz: float = 440) -> Browser:
    return await Browser(clock, hz).open(switch, told)


async def test_the_socket_is_private_and_belongs_to_one_engine(folder: Path) -> None:
    path = folder / "engine.sock"
    async with serving(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        engine = EmbeddedSwitch(CALM)
        with pytest.raises(OSError, match="another engine"):
            await EngineServer(engine, path).start()
        await engine.close()
    assert not path.exists()
    path.write_text("something else")
    engine = EmbeddedSwitch(CALM)
    with pytest.raises(FileExistsError):
        await EngineServer(engine, path).start()
    await engine.close()
    assert path.read_text() == "something else"


async def test_a_new_controller_finds_the_calls_and_hears_what_it_missed(folder: Path, clock: PeerClock) -> None:
    path = folder / "engine.sock"
    async with serving(path) as server, controlling(path) as (client, told):
        first, second = await a_line(clock, client, told), await a_line(clock, client, told, 650)
        await client.connect([first.leg, second.leg])
        for connection in list(server._clients):
            connection.close()
        second.peer.close()  # while nobody looks
        await told.wait(NodeLost)
        back = await told.wait(NodeBack)
        assert back.same_process
        missed = await told.wait(LegHungUp, second.leg)
        assert missed.by is Party.REMOTE
        kinds = [type(event) for event in told.events]
        assert kinds.index(NodeLost) < kinds.index(NodeBack)
        assert [one.leg for one in await client.legs()] == [first.leg]
        assert len(told.all(LegAnswered)) == 2  # nothing is told twice
        first.peer.close()


async def test_calls_go_on_without_their_controller(folder: Path, clock: PeerClock) -> None:
    path = folder / "engine.sock"
    async with serving(path):
        async with controlling(path) as (client, told):
            first, second = await a_line(clock, client, told), await a_line(clock, client, told, 650)
            await client.connect([first.leg, second.leg])
        await hears(first, 650)
        async with controlling(path) as (client, told):
            assert {one.connected_with for one in await client.legs()} == {(first.leg,), (second.leg,)}
        first.peer.close()
        second.peer.close()


async def test_calls_that_nobody_comes_back_for_are_ended(folder: Path, clock: PeerClock) -> None:
    path = folder / "engine.sock"
    async with serving(path, replace(CALM, orphan_limit_s=1)) as server:
        async with controlling(path) as (client, told):
            line = await a_line(clock, client, told)
        watched = Told(server.engine.events())
        ended = await watched.wait(LegHungUp, line.leg)
        assert (ended.cause, ended.by) == (102, Party.SWITCH)
        await watched.stop()
        await line.peer.ended()


@pytest.mark.parametrize(
    "frame",
    [
        b"\xff\xff\xff\xff",
        b"\0\0\0\0",
        b"\0\0\0\x04nope",
        b"\0\0\0\x02[]",
        b"\0\0\0\x02{}",
        wire.frame({"id": 1, "method": "hello", "params": {"boot": 3}}),
        wire.frame({"id": "1", "method": "legs"}),
        b"\0\0\xff\xff" + b"[" * 65535,
        secrets.token_bytes(500),
    ],
)
async def test_nonsense_on_the_socket_ends_that_connection_only(folder: Path, clock: PeerClock, frame: bytes) -> None:
    path = folder / "engine.sock"
    async with serving(path), controlling(path) as (client, told):
        line = await a_line(clock, client, told)
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(frame)
        writer.write_eof()
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()
        assert [one.leg for one in await client.legs()] == [line.leg]
        assert told.all(NodeLost) == []
        line.peer.close()


async def test_requests_that_fit_nothing_are_refused_in_words(folder: Path) -> None:
    path = folder / "engine.sock"
    async with serving(path):
        reader, writer = await asyncio.open_unix_connection(path)
        for method, params in (
            ("close", {}),
            ("_legs", {}),
            ("hang_up", {"leg": 7}),
            ("hang_up", {"leg": "a", "more": 1}),
            ("ring", {"leg": "a", "destination": {"number": "1", "sip_uri": "2"}, "caller_id": "", "timeout_s": 1}),
            ("connect", {"legs": ["a"] * 20_000}),
        ):
            writer.write(wire.frame({"id": 5, "method": method, "params": params}))
            reply = await asyncio.wait_for(wire.read_frame(reader), 5)
            assert reply["id"] == 5
            assert reply["error"]["code"] == "bad_request"
            assert reply["error"]["message"].endswith(".")
        writer.close()


async def test_an_engine_that_is_not_there_is_unreachable(folder: Path) -> None:
    client = EmbeddedClient(folder / "nothing.sock")
    told = Told(client.events())
    with pytest.raises(SwitchError) as error:
        await client.legs()
    assert error.value.code is SwitchErrorCode.UNREACHABLE
    await told.wait(NodeLost)
    assert len(told.all(NodeLost)) == 1
    await told.stop()
    await client.close()


async def test_a_killed_engine_leaves_a_valid_recording_and_is_told_apart_from_the_next(
    folder: Path, clock: PeerClock
) -> None:
    path = folder / "engine.sock"
    process = await asyncio.to_thread(start_engine, path, QUICK)
    async with controlling(path) as (client, told):
        first, second = await a_line(clock, client, told), await a_line(clock, client, told, 650)
        await client.connect([first.leg, second.leg])
        recording = folder / "call.wav"
        await client.record(first.leg, str(recording))
        await first.ear.listen(2.6)
        process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(process.wait, 10)
        await told.wait(NodeLost)
        left, right = read_stereo(recording)
        assert len(left) >= 16000, "at most the last second may be missing"
        assert_hears(left[-8000:], [440], unheard=[650])
        assert_hears(right[-8000:], [650], unheard=[440])
        again = await asyncio.to_thread(start_engine, path, QUICK)  # the socket of the dead one is in its way
        back = await told.wait(NodeBack)
        assert not back.same_process
        assert await client.legs() == []
        again.terminate()
        assert await asyncio.to_thread(again.wait, 10) == 0
        first.peer.vanish()
        second.peer.vanish()


async def test_an_engine_that_is_ended_closes_its_calls_and_files(folder: Path, clock: PeerClock) -> None:
    path = folder / "engine.sock"
    process = await asyncio.to_thread(start_engine, path, QUICK)
    async with controlling(path) as (client, told):
        line = await a_line(clock, client, told)
        await client.record(line.leg, str(folder / "call.wav"))
        await line.ear.listen(0.5)
        process.terminate()
        await told.wait(LegHungUp, line.leg)
        await told.wait(RecordingStopped, line.leg)
        await line.peer.ended()
        assert await asyncio.to_thread(process.wait, 10) == 0
    assert_hears(read_stereo(folder / "call.wav")[0], [440])


@pytest.mark.parametrize(
    ("settings", "named"),
    [("[]", "object"), ('{"colour": 1}', "colour"), ('{"media_bind": ["example.org"]}', "media_bind")],
)
async def test_a_bad_configuration_is_said_and_nothing_is_started(folder: Path, settings: str, named: str) -> None:
    (folder / "bad.json").write_text(settings)
    command = [sys.executable, "-m", "hearthline.switch.embedded", "--socket", str(folder / "e.sock")]
    done = await asyncio.to_thread(
        subprocess.run, [*command, "--config", str(folder / "bad.json")], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 2
    assert named in done.stderr
    assert not (folder / "e.sock").exists()
