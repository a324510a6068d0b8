"""An operator on one node, a manager on the other: the hand-over brings them together."""

from __future__ import annotations

import asyncio
from array import array

import pytest

from hearthline.demo.session import RefusedError, Session
from hearthline.switch.robots.browser_peer import BrowserPeer, Ear, PeerClock
from tests.e2e.seed_words import PASSWORD
from tests.faults.people import Operator, sentences
from tests.faults.processes import Hosts

pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.timeout(180)]


class Manager:
    def __init__(self, url: str, clock: PeerClock) -> None:
        self.session = Session(url)
        self.ear = Ear()
        self.line = ""
        self._clock = clock

    async def sign_in(self) -> None:
        await self.session.get("/accounts/login/")
        await self.session.post_form("/accounts/login/", {"login": "manager@example.org", "password": PASSWORD})
        await self.session.get("/manage/")

    async def open_line(self) -> BrowserPeer:
        """Also the page's `move`: the line that it has is named, and a new connection is made."""
        peer = BrowserPeer(self._clock, sentences(), self.ear.hear)
        reply = await self.session.command("/manage/line/open/", offer=peer.offer(), line=self.line)
        self.line = str(reply["line"])
        peer.accept(str(reply["answer"]))
        await peer.up()
        return peer


async def test_a_managers_line_follows_the_call_that_rings(hosts: Hosts, operator: Operator) -> None:
    clock = PeerClock()
    clock.start()
    manager = Manager(hosts.url, clock)
    await manager.sign_in()
    call = await operator.talk()
    node = str(hosts.attempt(call)["node_id"])
    former = await manager.open_line()
    before = manager.line
    assert hosts.row("SELECT node_id FROM calls_line WHERE id = %s", before)["node_id"] != node, "the less loaded one"

    await operator.session.command("/work/call/transfer/", attempt=call, manager=0)
    ringing = (await manager.session.get_json("/manage/state/"))["handovers"][0]
    assert ringing["node"] == node
    with pytest.raises(RefusedError) as refused:
        await manager.session.command("/manage/answer/", handover=ringing["id"], line=before)
    assert refused.value.code == "line_elsewhere"
    moved = await manager.open_line()
    former.close()
    assert hosts.row("SELECT node_id FROM calls_line WHERE id = %s", manager.line)["node_id"] == node
    left = hosts.row("SELECT state, close_reason FROM calls_line WHERE id = %s", before)
    assert (left["state"], left["close_reason"]) == ("closed", "moved")

    await manager.session.command("/manage/answer/", handover=ringing["id"], line=manager.line)
    await operator.told("handover.answered", call)
    await operator.session.command("/work/call/transfer/complete/", attempt=call)
    await operator.told("handover.completed", call)
    async with asyncio.timeout(20):
        while max((abs(s) for s in array("h", await manager.ear.listen(0.5))), default=0) < 500:
            pass
    await manager.session.command("/manage/hang-up/", handover=ringing["id"])
    await operator.wrap_up()
    moved.close()
    clock.stop()
