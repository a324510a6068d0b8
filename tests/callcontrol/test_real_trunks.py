"""Another trunk, on the wire: the embedded engine, far ends that refuse or say nothing, then the robots' provider."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from hearthline.calls import commands as cmd
from hearthline.calls.failover import LAST_TRY_WITHIN_S
from hearthline.calls.models import Attempt, Trunk, TrunkCall, TrunkStanding
from hearthline.switch.embedded.sip.message import Request
from tests.callcontrol.engines import EmbeddedEngine
from tests.callcontrol.exchange import Exchange
from tests.callcontrol.test_real_engine import OPERATOR_HZ, Node, sounds  # noqa: F401 - a fixture
from tests.sip.scripted import ScriptedPeer, description


@pytest_asyncio.fixture
async def node(prepared: Exchange, data_folder: Path, sounds: Path) -> AsyncIterator[Node]:  # noqa: F811 - the fixture
    node = Node(prepared, data_folder, sounds, EmbeddedEngine(data_folder))
    await node.start()
    try:
        yield node
    finally:
        await node.stop()


@pytest_asyncio.fixture
async def peer() -> AsyncIterator[ScriptedPeer]:
    peer = await ScriptedPeer.start()
    yield peer
    peer.close()


async def first_trunk(node: Node, port: int, **fields: object) -> None:
    """One that is preferred to the robots' provider."""
    await node.db(lambda: Trunk.objects.create(name="first", host="127.0.0.1", port=port, priority=9, **fields))


async def tried(node: Node) -> list[tuple[str, int | None, int | None]]:
    rows = TrunkCall.objects.filter(attempt=node.world.attempt).order_by("begun_at")
    return await node.db(lambda: list(rows.values_list("trunk__name", "cause", "sip_status")))  # type: ignore[no-any-return]  # Node.db is untyped


async def test_503_goes_on_over_the_second_trunk_and_the_operator_hears_nothing_of_it(
    node: Node, peer: ScriptedPeer
) -> None:
    await first_trunk(node, peer.port)
    operator, _ear, node.world.line = await node.browser(node.world.operator, OPERATOR_HZ)
    await node.dial()
    peer.respond(await peer.request("INVITE"), 503)
    await node.told("call.answered")
    assert (await tried(node))[0] == ("first", 41, 503)
    names = [e.name for e in node.heard if e.name.startswith("call.")]
    assert names[0] == "call.dialling"
    assert "call.ended" not in names
    await node.press(cmd.HangUp)
    await node.told("call.ended")
    assert (await tried(node))[1][0] == "provider"
    operator.vanish()


async def test_486_rings_nobody_else(node: Node, peer: ScriptedPeer) -> None:
    await first_trunk(node, peer.port)
    operator, _ear, node.world.line = await node.browser(node.world.operator, OPERATOR_HZ)
    await node.dial()
    peer.respond(await peer.request("INVITE"), 486)
    ended = await node.told("call.ended")
    assert ended.payload["outcome"] == "busy"
    assert await tried(node) == [("first", 17, 486)]
    operator.vanish()


async def test_a_silent_trunk_is_left_within_its_bound_and_a_late_answer_is_let_go(
    node: Node, peer: ScriptedPeer
) -> None:
    await first_trunk(node, peer.port)
    operator, _ear, node.world.line = await node.browser(node.world.operator, OPERATOR_HZ)
    began = asyncio.get_running_loop().time()
    await node.dial()
    invite = await peer.request("INVITE")
    await node.told("call.answered")
    assert asyncio.get_running_loop().time() - began < LAST_TRY_WITHIN_S
    assert (await tried(node))[0] == ("first", 102, None)

    peer.drain()
    late = peer.respond(invite, 200, body=description())
    bye = await peer.request("BYE")  # nobody is there for it
    peer.respond(bye, 200)
    assert late.call_id == bye.call_id
    row = await node.db(Attempt.objects.get, pk=node.world.attempt)
    assert row.phase == "talking"
    await node.press(cmd.HangUp)
    await node.told("call.ended")
    operator.vanish()


async def test_a_registration_is_added_changed_and_taken_back_without_a_restart(node: Node, peer: ScriptedPeer) -> None:
    await first_trunk(node, peer.port, register=True, username="line", password="secret")

    async def registers() -> Request:
        return await peer.request("REGISTER", seconds=15)  # call control looks every five seconds

    first = await registers()
    peer.respond(first, 403)
    refused = await node.told("trunk.changed")
    assert (refused.payload["state"], refused.payload["node"]) == ("refused", "test")
    assert "403" in refused.payload["message"]

    peer.drain()
    await node.db(lambda: Trunk.objects.filter(name="first").update(username="other"))
    while "sip:other@" not in (second := await registers()).to.text:
        peer.respond(second, 403)
    peer.respond(second, 200, headers={"Expires": "600"})
    while (await node.db(TrunkStanding.objects.get)).registered is not True:
        await node.told("trunk.changed", after=len(node.heard))

    peer.drain()
    await node.db(lambda: Trunk.objects.filter(name="first").update(active=False))
    last = await registers()
    assert last.headers.number("Expires") == 0
    peer.respond(last, 200)
