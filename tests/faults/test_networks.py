"""Networks that are cut in mid-call, for real: packets are dropped and nobody is told (`islands.py`). Afterwards as in
`test_faults.py`: who could go on did, nobody is called twice, the books are sound."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from hearthline.demo.session import RefusedError
from tests.faults import islands
from tests.faults.conftest import on_shift
from tests.faults.people import Operator
from tests.faults.processes import LOST_S, SILENT_S, START_S, Hosts, Part, free_port, wait_for

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.skipif(not islands.permitted(), reason="no network namespaces here"),
]

TWO_LOOKS_S = 6  # of the node that takes over
ASKED_S = 8  # it asks the lost one first, which may have to find out that nobody hears it


@dataclass(frozen=True)
class WebApart:
    url: str
    redis: islands.Wire


@pytest.fixture
def web_apart(hosts: Hosts) -> Iterator[WebApart]:
    """Another web process of the exchange, on a host of its own."""
    with islands.island("web") as apart:
        database, redis = apart.join(hosts.database.port), apart.join(hosts.redis.port)
        port = free_port()
        url = f"http://{database.far}:{port}"
        environment = hosts.environment(
            "web-apart", database_url=hosts.database_at(database), redis_url=f"redis://{redis.address}/0",
            public_url=url, allowed_hosts=f'["{database.far}"]',
        )  # fmt: skip
        arguments = ["hearthline", "web", "--host", database.far, "--port", str(port)]
        part = Part("web-apart", arguments, environment, hosts.log, apart.entry)
        part.start()
        try:
            wait_for(lambda: hosts.web_answers(url), f"the web process apart\n{hosts.said()}", timeout_s=START_S)
            yield WebApart(url, redis)
        finally:
            redis.mend()
            part.stop()


@pytest_asyncio.fixture
async def apart(hosts: Hosts, web_apart: WebApart) -> AsyncIterator[Operator]:
    """An operator whose pages come from there."""
    async with on_shift(hosts, web_apart.url) as somebody:
        yield somebody


async def test_web_is_cut_off_from_redis(
    hosts: Hosts, web_apart: WebApart, apart: Operator, operator: Operator
) -> None:
    call = await apart.talk()
    web_apart.redis.cut()
    began = time.monotonic()
    assert (await apart.session.get_json("/work/shift/state/"))["call"]["phase"] == "talking"
    assert time.monotonic() - began < 5, "a page waits for Redis"
    began = time.monotonic()
    with pytest.raises(RefusedError) as refused:
        await apart.session.command("/work/call/hold/", attempt=call, on=True)
    assert refused.value.code == "unavailable"
    assert time.monotonic() - began < 15
    await apart.hears_the_contact()
    await operator.talk()  # whose pages come from another web process
    await operator.hang_up()
    await operator.wrap_up()
    web_apart.redis.mend()
    assert hosts.attempt(call)["phase"] == "talking", "what was refused did not happen, then or later"
    apart.heard.clear()
    await apart.hang_up()
    assert (await apart.told("call.ended", call))["by"] == "operator"
    await apart.wrap_up()


async def the_contact_is_let_go(hosts: Hosts, operator: Operator, call: str, *, within_s: float) -> None:
    """When the call is closed, its contact is not held any more by a node that nobody can command. The operator goes on elsewhere."""
    cut = str(hosts.attempt(call)["node_id"])
    await operator.until_phase("wrap_up", within_s=within_s)
    assert hosts.nobody_is_called()
    await operator.wrap_up()
    await operator.open_line()
    again = await operator.talk()
    assert str(hosts.attempt(again)["node_id"]) != cut
    await operator.hang_up()
    await operator.wrap_up()


def was_taken_over(hosts: Hosts, call: str, node: str) -> bool:
    row = hosts.attempt(call)
    left = hosts.rows("SELECT 1 FROM calls_line WHERE node_id = %s AND state <> 'closed'", node)
    return (row["node_id"] != node, row["ended_by"], row["cause"], left) == (True, "switch", 41, [])


async def ends_when_it_is_back(hosts: Hosts, node: str, *wires: islands.Wire) -> None:
    """Its term is over: it writes nothing and ends. Its next start is a node without calls."""
    before = hosts.rows("SELECT id, version, phase, ended_at FROM calls_attempt ORDER BY id")
    part = hosts[f"callcontrol-{node}"]
    for wire in wires:
        wire.mend()
    assert await asyncio.to_thread(part.ends, 30) == 1
    assert hosts.rows("SELECT id, version, phase, ended_at FROM calls_attempt ORDER BY id") == before


async def test_a_node_is_cut_off_from_the_database_alone(hosts: Hosts, operator: Operator) -> None:
    call = await operator.talk()
    node = str(hosts.attempt(call)["node_id"])
    wire = hosts.wires[node, "database"]
    wire.cut()
    await asyncio.to_thread(wait_for, lambda: not hosts.heard_within(node, SILENT_S), "its silence")
    await operator.hears_the_contact()
    await asyncio.to_thread(wait_for, lambda: not hosts.heard_within(node, LOST_S - 1.5), "its long silence")
    assert not hosts.nobody_is_called(), "it keeps the call for as long as nobody wants it"
    await the_contact_is_let_go(hosts, operator, call, within_s=LOST_S + TWO_LOOKS_S + ASKED_S)
    assert was_taken_over(hosts, call, node)
    await ends_when_it_is_back(hosts, node, wire)


async def test_a_node_is_cut_off_from_redis_alone(hosts: Hosts, operator: Operator) -> None:
    call = await operator.talk()
    node = str(hosts.attempt(call)["node_id"])
    wire = hosts.wires[node, "redis"]
    wire.cut()
    await operator.hears_the_contact()
    with pytest.raises(RefusedError) as refused:
        await operator.session.command("/work/call/hang-up/", attempt=call)
    assert refused.value.code == "unavailable"
    assert hosts.attempt(call)["phase"] == "talking"
    await asyncio.to_thread(wait_for, lambda: hosts.full(node) == "queue", "word that no commands reach it")
    async with on_shift(hosts, hosts.url) as other:
        assert hosts.row("SELECT node_id FROM calls_line WHERE id = %s", other.line)["node_id"] != node
    await the_contact_is_let_go(hosts, operator, call, within_s=SILENT_S + LOST_S + TWO_LOOKS_S)
    row = hosts.attempt(call)
    assert (row["ended_by"], row["cause"]) == ("exchange", 41), "it could still write what became of its call"
    wire.mend()
    await asyncio.to_thread(wait_for, lambda: hosts.ready(node), "the node, which has nothing left that is another's")


async def test_a_node_is_cut_off_from_both_and_lets_go_before_anybody_asks(hosts: Hosts, operator: Operator) -> None:
    call = await operator.talk()
    node = str(hosts.attempt(call)["node_id"])
    wires = hosts.wires[node, "database"], hosts.wires[node, "redis"]
    for wire in wires:
        wire.cut()
    await operator.hears_the_contact()
    await asyncio.to_thread(wait_for, hosts.nobody_is_called, "the contact to be let go", timeout_s=LOST_S)
    assert hosts.attempt(call)["node_id"] == node, "nobody has taken it over yet"
    await the_contact_is_let_go(hosts, operator, call, within_s=LOST_S + TWO_LOOKS_S)
    assert was_taken_over(hosts, call, node)
    await ends_when_it_is_back(hosts, node, *wires)
