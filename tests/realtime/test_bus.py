"""The bus between real processes, on one machine and on Redis: order, commit, replay, bounds."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import transaction

from hearthline.realtime.bus import Bus, LaggedError
from hearthline.realtime.events import checked
from hearthline.realtime.local import LocalBus
from hearthline.realtime.readers import READER_BOUND, Reader
from hearthline.realtime.sockets import address
from hearthline.realtime.store import EventStore
from tests.realtime.conftest import Place

LINE = {"line": "11111111-1111-4111-8111-111111111111"}

PUBLISHER = """
import sys, django
django.setup()
from hearthline.realtime.configured import bus
for n in range(int(sys.argv[2])):
    bus().publish("line.stalled", {"line": sys.argv[1], "silent_ms": n}, audiences=["user:a"])
"""


def publish_elsewhere(place: Place, line: str, count: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", PUBLISHER, line, str(count)], env=place.environment)


async def test_events_of_other_processes_arrive_whole_and_in_order(place: Place) -> None:
    reader = await place.bus.open_reader(["user:a"])
    writers = [publish_elsewhere(place, line, 100) for line in ("one", "two")]
    async with asyncio.timeout(30):
        events = [await reader.next() for _ in range(200)]
    reader.close()
    for writer in writers:
        assert await asyncio.to_thread(writer.wait, 20) == 0
    assert [e.id for e in events] == sorted(e.id for e in events)
    for line in ("one", "two"):
        assert [e.payload["silent_ms"] for e in events if e.payload["line"] == line] == list(range(100))
    left = Path(address(place.run_folder, "wake")).parent.glob("wake-*")
    assert not list(left), "a closed reader leaves no socket behind"


@pytest.mark.django_db(transaction=True)
def test_an_event_leaves_with_its_transaction_or_not_at_all(bus: Bus) -> None:
    start = bus.latest_id()
    with transaction.atomic():
        bus.publish("line.opened", LINE, audiences=["user:a"])
        assert bus.replay(["user:a"], after=start) == []
    with transaction.atomic():
        bus.publish("line.closed", LINE, audiences=["user:a"])
        transaction.set_rollback(True)
    bus.publish("line.stalled", LINE, audiences=["user:a"])
    assert [e.name for e in bus.replay(["user:a"], after=start) or ()] == ["line.opened", "line.stalled"]


async def test_only_the_audience_hears(bus: Bus) -> None:
    mine, theirs = await bus.open_reader(["user:a", "exchange"]), await bus.open_reader(["user:b"])
    bus.publish("line.opened", LINE, audiences=["user:a", "exchange"])
    bus.publish("line.closed", LINE, audiences=["user:b"])
    async with asyncio.timeout(5):
        assert (await mine.next()).name == "line.opened"
        assert (await theirs.next()).name == "line.closed"
    mine.nudge()  # nobody waits: no effect
    await _quiet(mine)
    mine.close()
    theirs.close()


async def test_a_subscriber_gets_what_it_missed_then_what_comes(bus: Bus) -> None:
    start = bus.latest_id()
    for name in ("line.opened", "line.stalled", "line.resumed"):
        bus.publish(name, LINE, audiences=["user:a"])
    seen = []
    async with asyncio.timeout(5):
        async for event in bus.subscribe(["user:a"], after=start + 1):
            seen.append((event.id - start, event.name))
            if len(seen) == 2:
                bus.publish("line.closed", LINE, audiences=["user:a"])
            if len(seen) == 3:
                break
    assert seen == [(2, "line.stalled"), (3, "line.resumed"), (4, "line.closed")]


async def test_a_reader_that_falls_behind_is_let_go(bus: Bus) -> None:
    slow, quick = await bus.open_reader(["user:a"]), await bus.open_reader(["user:b"])
    for _ in range(READER_BOUND + 1):
        bus.publish("line.opened", LINE, audiences=["user:a"])
    bus.publish("line.opened", LINE, audiences=["user:b"])
    async with asyncio.timeout(5):
        await quick.next()
        with pytest.raises(LaggedError):
            await slow.next()
    slow.close()
    quick.close()


def test_replay_says_when_it_no_longer_keeps_that_far_back(tmp_path: Path) -> None:
    store = EventStore(tmp_path / "bus.sqlite3", kept=100)
    for _ in range(2_050):
        store.add("line.opened", LINE, ["user:a"])
    assert store.oldest_id() == 1_901
    assert not store.keeps_after(1_899)
    assert store.keeps_after(1_900)
    assert len(store.heard_by(["user:a"], after=1_900, until=None, limit=1_000)) == 150
    assert not store.keeps_after(2_051), "an id that was never given belongs to another file"
    store.close()


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("line.exploded", LINE),
        ("line.opened", {}),
        ("line.opened", {**LINE, "phone": "+79161234567"}),
        ("line.stalled", {**LINE, "silent_ms": "5"}),
    ],
)
def test_what_the_schema_refuses_is_not_published(bus: Bus, name: str, payload: dict[str, object]) -> None:
    start = bus.latest_id()
    with pytest.raises(ValueError, match="line"):
        bus.publish(name, payload, audiences=["user:a"])
    assert bus.latest_id() == start


def test_a_refusal_does_not_repeat_the_value() -> None:
    with pytest.raises(ValueError, match="silent_ms") as caught:
        checked("line.stalled", {**LINE, "silent_ms": "+79161234567"})
    assert "7916" not in str(caught.value)


async def test_a_dead_readers_socket_is_cleared_away(tmp_path: Path) -> None:
    bus = LocalBus(tmp_path, tmp_path / "run")
    dead = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    (tmp_path / "run").mkdir()
    path = Path(address(tmp_path / "run", "wake-1-dead.sock"))
    dead.bind(str(path))
    dead.close()
    bus.publish("line.opened", LINE, audiences=["user:a"])
    assert not os.path.exists(path)  # noqa: ASYNC240 - one look at a local file
    bus.store.close()


async def _quiet(reader: Reader) -> None:
    """Nothing more waits for this reader: after a nudge it wakes up with nothing."""
    waiting = asyncio.ensure_future(reader.some())
    await asyncio.sleep(0)
    reader.nudge()
    assert await waiting == []
