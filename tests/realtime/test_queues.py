"""Queues with a reply between real processes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hearthline.lib.errors import UnavailableError
from hearthline.realtime.bus import Bus
from hearthline.realtime.local import LocalBus
from hearthline.realtime.sockets import address, socket_name
from tests.realtime.conftest import Place

SERVER = """
import asyncio, django
django.setup()
from hearthline.lib.errors import UnavailableError
from hearthline.realtime.configured import bus
async def handler(message):
    if message["n"] < 0:
        raise ValueError("broken")
    return {"doubled": message["n"] * 2}
async def main():
    task = asyncio.create_task(bus().serve("callcontrol:x", handler))
    while True:
        try:
            await bus().request("callcontrol:x", {"n": 0})
            break
        except UnavailableError:
            await asyncio.sleep(0.01)
    print("serving", flush=True)
    await task
asyncio.run(main())
"""


@pytest.fixture
def server(place: Place) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=place.environment
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"serving\n"
        yield process
    finally:
        process.kill()
        process.communicate()


async def test_another_process_answers_many_at_once(bus: Bus, server: subprocess.Popen[bytes]) -> None:
    replies = await asyncio.gather(*(bus.request("callcontrol:x", {"n": n}, timeout_s=60) for n in range(500)))
    assert [r["doubled"] for r in replies] == [n * 2 for n in range(500)]


async def test_a_broken_handler_is_a_refusal_and_the_queue_goes_on(bus: Bus, server: subprocess.Popen[bytes]) -> None:
    with pytest.raises(UnavailableError):
        await bus.request("callcontrol:x", {"n": -1})
    assert await bus.request("callcontrol:x", {"n": 4}) == {"doubled": 8}


async def test_nobody_there(bus: Bus) -> None:
    with pytest.raises(UnavailableError):
        await bus.request("callcontrol:x", {"n": 1})


async def test_a_killed_server_leaves_a_queue_that_can_be_served_again(
    bus: Bus, server: subprocess.Popen[bytes]
) -> None:
    server.kill()
    await asyncio.to_thread(server.wait)
    with pytest.raises(UnavailableError):
        await bus.request("callcontrol:x", {"n": 1}, timeout_s=0.5)

    async def handler(message: dict[str, Any]) -> dict[str, Any]:
        return {"tripled": message["n"] * 3}

    task = asyncio.create_task(bus.serve("callcontrol:x", handler))
    await _until_served(bus, "callcontrol:x")
    assert await bus.request("callcontrol:x", {"n": 2}) == {"tripled": 6}
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_queue_is_served_by_one(bus: Bus, server: subprocess.Popen[bytes]) -> None:
    async def handler(message: dict[str, Any]) -> dict[str, Any]:
        return message

    with pytest.raises(RuntimeError, match="another process"):
        await bus.serve("callcontrol:x", handler)
    assert await bus.request("callcontrol:x", {"n": 1}) == {"doubled": 2}


async def test_a_slow_handler_is_given_up_on_and_others_are_not_held_up(bus: Bus) -> None:
    release = asyncio.Event()

    async def handler(message: dict[str, Any]) -> dict[str, Any]:
        if message["slow"]:
            await release.wait()
        return {"done": True}

    task = asyncio.create_task(bus.serve("q", handler))
    await _until_served(bus, "q", {"slow": False})
    waiting = asyncio.create_task(bus.request("q", {"slow": True}, timeout_s=0.2))
    assert await bus.request("q", {"slow": False}) == {"done": True}
    with pytest.raises(UnavailableError):
        await waiting
    release.set()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_garbage_on_the_socket_does_no_harm(tmp_path: Path) -> None:
    bus = LocalBus(tmp_path, tmp_path / "run")

    async def handler(message: dict[str, Any]) -> dict[str, Any]:
        return message

    task = asyncio.create_task(bus.serve("q", handler))
    await _until_served(bus, "q")
    path = address(tmp_path / "run", socket_name("queue", "q"))
    for garbage in (b"\xff\xff\xff\xff", b"\0\0\0\x02[]", b"\0\0\0\x05{oops", b"\0"):
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(garbage)
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
    assert await bus.request("q", {"still": "here"}) == {"still": "here"}
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_deep_data_folder_still_has_its_queue(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 90) / "run"

    async def handler(message: dict[str, Any]) -> dict[str, Any]:
        return message

    bus = LocalBus(deep.parent, deep)
    task = asyncio.create_task(bus.serve("q", handler))
    await _until_served(bus, "q")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _until_served(bus: Bus, queue: str, probe: dict[str, Any] | None = None) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                await bus.request(queue, probe or {"n": 0})
            except UnavailableError:
                await asyncio.sleep(0)
            else:
                return
