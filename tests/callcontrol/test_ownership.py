"""A node that is asked for its calls, or cut off: who may go on with them."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest
from django.conf import settings
from django.db.models import F
from django.db.models.functions import Now

from hearthline.callcontrol import node_life, ownership
from hearthline.calls import commands as cmd
from hearthline.calls.models import Attempt, Line, LineState, Node
from hearthline.lib.errors import UnavailableError
from hearthline.realtime.bus import UnservedError
from hearthline.switch import port
from tests.callcontrol.exchange import NODE, Exchange

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.asyncio]


def ask(node: str = NODE) -> cmd.LetGo:
    return cmd.LetGo(key="let-go-1", user="", node=node)


async def test_a_node_that_the_database_hears_keeps_its_calls(exchange: Exchange) -> None:
    await exchange.dial()
    await exchange.talk(5)
    await exchange.db(lambda: Node.objects.filter(pk=NODE).update(heartbeat_at=Now() - timedelta(hours=1)))
    assert await exchange.command(ask()) == {"stopped": False}
    assert exchange.switch.exists(exchange.contact)
    assert await exchange.db(node_life.lost_nodes, "other") == [], "and has said that it lives"


async def test_a_node_whose_term_is_over_lets_go_before_it_answers(exchange: Exchange) -> None:
    await exchange.dial()
    await exchange.talk(5)
    await exchange.db(lambda: Node.objects.filter(pk=NODE).update(term=F("term") + 1))
    assert await exchange.command(ask()) == {"stopped": True}
    assert not await exchange.switch.legs()


async def test_a_question_that_was_meant_for_another_node_is_refused(exchange: Exchange) -> None:
    await exchange.dial()
    await exchange.talk(5)
    assert (await exchange.command(ask("other")))["error"]["code"] == "not_found"
    assert exchange.switch.exists(exchange.contact)


async def test_a_node_that_is_not_heard_rings_nobody(exchange: Exchange) -> None:
    exchange.conductor.heard_at = time.monotonic() - settings.HEARTHLINE.node_lost_after_s
    await exchange.next_contact()
    reply = await exchange.dial()
    assert reply["error"]["code"] == "unavailable"
    assert not await exchange.db(Attempt.objects.count)


@pytest.mark.parametrize(
    ("answer", "stopped"),
    [(UnservedError("x"), True), (UnavailableError("x"), False), ({"stopped": True}, True), ({"stopped": False}, False),
     ({"error": {"code": "unavailable"}}, False)],
)  # fmt: skip
async def test_calls_are_taken_over_only_from_a_node_that_has_let_go(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch, answer: Exception | dict[str, object], stopped: bool
) -> None:
    def left_behind() -> Line:
        Node.objects.create(name="lost", heartbeat_at=Now() - timedelta(hours=1))
        return Line.objects.create(user=exchange.manager_user, node_id="lost", state=LineState.OPEN)

    async def request(queue: str, message: dict[str, object], *, timeout_s: float) -> dict[str, object]:
        assert (queue, message["command"], message["node"]) == (cmd.queue_of("lost"), "LetGo", "lost")
        if isinstance(answer, Exception):
            raise answer
        return answer

    line = await exchange.db(left_behind)
    monkeypatch.setattr(exchange.conductor.bus, "request", request)
    await exchange.look()
    assert (await exchange.line_row(str(line.pk))).state == (LineState.CLOSED if stopped else LineState.OPEN)


async def test_a_node_without_the_bus_says_so_and_is_silent_when_others_have_it(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange.conductor.bus, "reached", lambda queue: False)
    monkeypatch.setattr(settings.HEARTHLINE, "node_silent_s", 0)

    def heartbeat() -> tuple[object, str]:
        node = Node.objects.get(pk=NODE)
        return node.heartbeat_at, node.load.get("full", "")

    await exchange.look()
    first = await exchange.db(heartbeat)
    assert first[1] == "queue", "nobody else is there: Redis itself may be away, and the calls go on"
    monkeypatch.setattr(settings.HEARTHLINE, "node_silent_s", 15)
    await exchange.db(lambda: Node.objects.create(name="other", heartbeat_at=Now(), load={"full": ""}))
    await exchange.look()
    second = await exchange.db(heartbeat)
    assert second > first, "for a while it hopes"
    monkeypatch.setattr(settings.HEARTHLINE, "node_silent_s", 0)
    monkeypatch.setattr(node_life, "others_are_reached", lambda node: True)
    await exchange.look()
    assert await exchange.db(heartbeat) == second


async def test_letting_go_hangs_up_whatever_call_control_has_made(exchange: Exchange) -> None:
    await exchange.dial()
    await exchange.talk(5)
    await ownership.let_go(exchange.conductor)
    assert not await exchange.switch.legs()
    await exchange.settled()
    row = await exchange.row()
    assert (row.ended_by, row.cause) == ("exchange", 41), "where the database can be reached, it is written at once"


@pytest.mark.parametrize("reached", [True, False])
async def test_a_node_that_is_not_heard_keeps_its_calls_in_hand_or_lets_go(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch, reached: bool
) -> None:
    await exchange.dial()
    await exchange.talk(5)
    exchange.conductor.heard_at = time.monotonic() - settings.HEARTHLINE.node_lost_after_s
    monkeypatch.setattr(exchange.conductor.bus, "reached", lambda queue: reached)
    monkeypatch.setattr(ownership, "LOOK_EVERY_S", 0.01)
    asked, legs = asyncio.Event(), exchange.switch.legs

    async def noted_legs() -> list[port.LegSnapshot]:
        found = await legs()
        asked.set()
        return found

    monkeypatch.setattr(exchange.switch, "legs", noted_legs)
    watching = asyncio.create_task(ownership.watch(exchange.conductor))
    async with asyncio.timeout(20):
        await asked.wait()  # else the switch takes its call control for dead
    await exchange.settled()
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    assert exchange.switch.exists(exchange.contact) is reached
