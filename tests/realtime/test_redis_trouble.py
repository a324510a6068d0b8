"""The bus on Redis when Redis is killed, comes back empty, or a server of a queue hangs."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from hearthline.lib.errors import UnavailableError
from hearthline.realtime.bus import LaggedError
from hearthline.realtime.redis_bus import scripts
from hearthline.realtime.redis_bus.bus import RedisBus
from hearthline.realtime.redis_bus.cache import SharedCache
from hearthline.realtime.redis_bus.connections import CONNECT_S
from hearthline.realtime.redis_bus.queues import LEASE_S
from tests import redis_server
from tests.realtime.conftest import environment_of

LINE = {"line": "11111111-1111-4111-8111-111111111111"}
WHO = ["user:a"]


@pytest.fixture
def server() -> Iterator[redis_server.Server]:
    try:
        with redis_server.running() as running:
            yield running
    except redis_server.RedisMissingError as missing:
        pytest.skip(str(missing))


@pytest.fixture
def bus(server: redis_server.Server, tmp_path: Path) -> RedisBus:
    return RedisBus(server.url, tmp_path / "run")


def until(look: Callable[[], bool], what: str, *, timeout_s: float = 10) -> None:
    end = time.monotonic() + timeout_s
    while not look():
        assert time.monotonic() < end, f"waited for {what}"
        time.sleep(0.02)  # between two looks at another process


def test_only_so_many_events_are_kept_and_their_index_goes_with_them(
    server: redis_server.Server, tmp_path: Path
) -> None:
    bus = RedisBus(server.url, tmp_path / "run", kept=10)
    start = bus.latest_id()
    bus.publish("line.opened", LINE, audiences=["user:gone"])
    for _ in range(25):
        bus.publish("line.stalled", LINE, audiences=WHO)
    latest = bus.latest_id()
    assert latest == start + 26
    assert bus.replay(WHO, after=latest - 11) is None
    kept = bus.replay(WHO, after=latest - 10) or []
    assert [e.id for e in kept] == list(range(latest - 9, latest + 1))
    redis = bus.log._client
    assert redis.zcard(f"{scripts.HEARD}user:a") == 10
    assert not redis.exists(f"{scripts.HEARD}user:gone")


@pytest.mark.django_db(transaction=True)
def test_a_transaction_outlives_redis_and_what_was_lost_is_said(bus: RedisBus, server: redis_server.Server) -> None:
    bus.publish("line.opened", LINE, audiences=WHO)
    before = bus.latest_id()
    server.kill()
    began = time.monotonic()
    with transaction.atomic():
        for _ in range(20):
            bus.publish("line.stalled", LINE, audiences=WHO)
    assert time.monotonic() - began < 2 * CONNECT_S
    assert bus.latest_id() == 0
    server.start()
    until(
        lambda: bus.replay(WHO, after=before) is None and bus.latest_id() > before, "the word that something was lost"
    )
    bus.publish("line.resumed", LINE, audiences=WHO)
    after = bus.latest_id()
    assert [e.name for e in bus.replay(WHO, after=after - 1) or []] == ["line.resumed"]


@pytest.mark.parametrize("empty", [False, True])
async def test_readers_are_let_go_when_redis_was_started_again(
    bus: RedisBus, server: redis_server.Server, empty: bool
) -> None:
    reader = await bus.open_reader(WHO)
    bus.publish("line.opened", LINE, audiences=WHO)
    async with asyncio.timeout(15):
        seen = await reader.next()
        server.kill()
        if empty:
            server.forget()
        await asyncio.to_thread(server.start)
        with pytest.raises(LaggedError):
            await reader.next()
        assert not await bus.keeps_after(seen.id)
        fresh = await bus.open_reader(WHO)
        assert await bus.keeps_after(fresh.start)
        bus.publish("line.closed", LINE, audiences=WHO)
        event = await fresh.next()
    assert event.name == "line.closed"
    assert event.id > seen.id
    reader.close()
    fresh.close()


async def test_nobody_waits_for_a_redis_that_is_away(bus: RedisBus, server: redis_server.Server) -> None:
    server.kill()
    began = time.monotonic()
    with pytest.raises(UnavailableError):
        await bus.open_reader(WHO)
    with pytest.raises(UnavailableError):
        await bus.keeps_after(1)
    with pytest.raises(UnavailableError):
        await bus.request("q", {})
    assert time.monotonic() - began < 3


async def test_a_queue_is_served_again_when_redis_is_back(bus: RedisBus, server: redis_server.Server) -> None:
    async def handler(message: dict[str, Any]) -> dict[str, Any]:
        return message

    serving = asyncio.create_task(bus.serve("q", handler))
    assert await answered(bus, "q") == {"n": 0}
    server.kill()
    server.forget()
    await asyncio.to_thread(server.start)
    assert await answered(bus, "q") == {"n": 0}
    assert not serving.done()
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    with pytest.raises(UnavailableError):
        await bus.request("q", {"n": 1}, timeout_s=2)


def test_the_cache_is_shared_and_goes_on_alone_while_redis_is_away(server: redis_server.Server) -> None:
    one, other = (SharedCache(server.url, {"KEY_PREFIX": "test"}) for _ in range(2))
    one.set("sign-in:x", 1, 60)
    assert other.incr("sign-in:x") == 2
    server.kill()
    assert one.add("sign-in:y", 1, 60)
    assert one.incr("sign-in:y") == 2
    assert one.get("sign-in:x") is None
    server.start()
    assert not one.get("sign-in:y")


HANGS = """
import asyncio, sys, time, django
django.setup()
from hearthline.realtime.configured import bus
async def handler(message):
    print("did", message["n"], flush=True)
    return {"by": sys.argv[1]}
async def main():
    try:
        await bus().serve("q", handler)
    except RuntimeError as error:
        print("fenced", flush=True)
if sys.argv[2:]:
    print("waits", flush=True)
    sys.stdin.readline()
asyncio.run(main())
"""


async def test_a_server_that_hung_is_replaced_and_does_nothing_more(
    bus: RedisBus, server: redis_server.Server, tmp_path: Path
) -> None:
    def start(name: str) -> subprocess.Popen[str]:
        environment = environment_of(tmp_path / name, server.url)
        return subprocess.Popen([sys.executable, "-c", HANGS, name], env=environment, stdout=subprocess.PIPE, text=True)

    first = start("first")
    second: subprocess.Popen[str] | None = None
    try:
        assert (await answered(bus, "q"))["by"] == "first"
        os.kill(first.pid, signal.SIGSTOP)
        lost = asyncio.create_task(bus.request("q", {"n": 7}, timeout_s=1))
        second = start("second")
        with pytest.raises(UnavailableError):
            await lost
        async with asyncio.timeout(LEASE_S * 3):
            while (await answered(bus, "q"))["by"] != "second":
                pass
        os.kill(first.pid, signal.SIGCONT)
        told, _ = await asyncio.to_thread(first.communicate, timeout=15)
        assert "fenced" in told
        assert "did 7" not in told, "nobody wanted it any more"
        assert (await answered(bus, "q"))["by"] == "second"
    finally:
        for process in (first, second):
            if process is not None:
                process.kill()
                process.communicate()


async def test_what_was_asked_of_a_killed_server_its_successor_on_the_host_does(
    bus: RedisBus, server: redis_server.Server, tmp_path: Path
) -> None:
    environment = environment_of(tmp_path / "host", server.url)

    def start(*words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", HANGS, *words], env=environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    first, second = start("first"), start("second", "waits")  # all but serving: a busy machine takes long over starting
    try:
        assert second.stdin is not None
        assert second.stdout is not None
        assert (await asyncio.to_thread(second.stdout.readline)).strip() == "waits"
        assert (await answered(bus, "q"))["by"] == "first"
        first.kill()
        await asyncio.to_thread(first.wait, 10)
        left = asyncio.create_task(bus.request("q", {"n": 7}, timeout_s=30))
        redis = bus.log._client
        await asyncio.to_thread(
            until, lambda: any(redis.scan_iter(f"{scripts.PREFIX}queue:q:*")), "the request to wait"
        )
        second.stdin.write("\n")
        second.stdin.flush()
        assert (await left)["by"] == "second"
    finally:
        for process in (first, second):
            process.kill()
            process.communicate()


async def test_a_server_knows_whether_it_is_reached(bus: RedisBus, server: redis_server.Server) -> None:
    async def handler(message: dict[str, Any]) -> dict[str, Any]:
        return message

    assert not bus.reached("q")
    serving = asyncio.create_task(bus.serve("q", handler))
    await answered(bus, "q")
    assert bus.reached("q")
    server.kill()
    await asyncio.to_thread(until, lambda: not bus.reached("q"), "the lease to end", timeout_s=LEASE_S + 2)
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    assert not bus.reached("q")


async def answered(bus: RedisBus, queue: str) -> dict[str, Any]:
    async with asyncio.timeout(30):
        while True:
            try:
                return await bus.request(queue, {"n": 0}, timeout_s=2)
            except UnavailableError:
                await asyncio.sleep(0.05)
