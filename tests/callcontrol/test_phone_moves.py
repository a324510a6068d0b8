"""A telephone whose node is lost or emptied is called back from another node, whoever's it is; nothing is lost of its cost."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
from django.conf import settings

from hearthline.callcontrol import phone_moves
from hearthline.calls import commands as cmd
from hearthline.calls.models import Line, LineState, Node, OwnPhone, Trunk
from hearthline.calls.nodes import set_draining
from hearthline.ledger import check
from hearthline.lib import clock
from hearthline.people.models import User
from hearthline.realtime.configured import bus
from tests.callcontrol.exchange import NODE, PATIENCE_S, Exchange
from tests.callcontrol.test_phone_lines import NUMBER, open_telephone, own_telephone, paid


@pytest_asyncio.fixture
async def two(prepared: Exchange, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Exchange, Exchange]]:
    """Two nodes of one exchange; the operator and the manager have chosen a telephone, and no line is open."""
    monkeypatch.setattr(settings.HEARTHLINE, "callback_countries", ["RU"])
    here, there = prepared, Exchange("other")
    there.operator, there.manager_user, there.first_event = here.operator, here.manager_user, here.first_event
    await here.start()
    await there.start()
    queues = asyncio.create_task(bus().serve(cmd.queue_of("other"), there.orders.handle))
    await here.db(own_telephone, here.operator)
    await here.db(own_telephone, here.manager_user)
    await here.db(lambda: Trunk.objects.update(max_channels=4))
    try:
        yield here, there
    finally:
        queues.cancel()
        await asyncio.gather(queues, return_exceptions=True)
        await here.stop()
        await there.stop()


def person(exchange: Exchange, who: str) -> User:
    return exchange.operator if who == "operator" else exchange.manager_user


async def rung_there(there: Exchange, user: User) -> Line:
    """The line by which the other node rings this person."""

    def find() -> Line | None:
        return Line.objects.filter(user=user, node="other").exclude(state=LineState.CLOSED).first()

    async with asyncio.timeout(PATIENCE_S):
        while (line := await there.db(find)) is None:
            await asyncio.sleep(0.01)
            await there.advance(phone_moves.PUT_DOWN_S)
    await there.settled()
    return line


@pytest.mark.parametrize("who", ["manager", "operator"])
async def test_a_node_that_is_emptied_hands_its_telephones_on(two: tuple[Exchange, Exchange], who: str) -> None:
    here, there = two
    user = person(here, who)
    leg = await open_telephone(here, user)
    await here.advance(60)
    assert await here.db(set_draining, NODE, draining=True)
    await here.look()
    assert not here.switch.exists(leg)
    assert await paid(here) == [150]
    line = await rung_there(there, user)
    assert there.switch.leg(line.pk.hex).destination is not None
    assert there.switch.leg(line.pk.hex).destination.number == NUMBER
    told = [(e.name, e.payload["reason"]) for e in here.events("line.") if e.name != "line.measured"]
    assert told[-2:] == [("line.closed", "moved"), ("line.ringing", "moved")]
    there.switch.answers(line.pk.hex)
    await there.settled()
    there.switch.presses(line.pk.hex, "1")
    await there.settled()
    assert (await there.line_row(str(line.pk))).state == LineState.OPEN
    await here.look(2)
    assert [name for name, _ in there.switch.requests].count("ring") == 1


async def test_a_telephone_with_a_call_stays_until_the_call_is_over(two: tuple[Exchange, Exchange]) -> None:
    here, there = two
    leg = await open_telephone(here)
    await here.talk(10)
    await here.db(set_draining, NODE, draining=True)
    await here.look(2)
    assert here.switch.leg(here.contact).others == {leg}
    assert there.switch.requests.count(("ring", leg)) == 0
    await here.press(cmd.HangUp)
    await here.look()
    assert not here.switch.exists(leg)
    await rung_there(there, here.operator)


async def test_without_another_node_nobody_is_hung_up(two: tuple[Exchange, Exchange]) -> None:
    here, there = two
    leg = await open_telephone(here)
    await here.db(lambda: Node.objects.update(draining=True))
    await here.look(2)
    assert here.switch.exists(leg)
    assert [name for name, _ in there.switch.requests].count("ring") == 0


async def test_whoever_opens_a_line_meanwhile_is_not_rung_again(two: tuple[Exchange, Exchange]) -> None:
    here, there = two
    await open_telephone(here)
    await here.db(set_draining, NODE, draining=True)
    await here.look()
    reply = await there.command(cmd.OpenPhoneLine(key=uuid.uuid4().hex, user=str(here.operator.pk)))
    await there.advance(phone_moves.PUT_DOWN_S * 2)
    assert [about for name, about in there.switch.requests if name == "ring"] == [uuid.UUID(reply["line"]).hex]


@pytest.mark.parametrize("who", ["manager", "operator"])
async def test_a_lost_node_leaves_its_telephones_to_be_called_back(two: tuple[Exchange, Exchange], who: str) -> None:
    here, there = two
    user = person(here, who)
    await open_telephone(here, user)
    await here.look()
    await here.stop()
    lost_at = clock.now() - timedelta(seconds=settings.HEARTHLINE.node_lost_after_s + 5)
    await there.db(lambda: Node.objects.filter(pk=NODE).update(heartbeat_at=lost_at))
    await there.look()
    line = await rung_there(there, user)
    told = [(e.name, e.payload["reason"]) for e in here.events("line.") if e.name != "line.measured"]
    assert told[-2:] == [("line.closed", "node_lost"), ("line.ringing", "redial")]
    assert line.redial
    assert len(await paid(there)) == 1  # nobody of the lost node will ever post it
    assert (await there.db(check.prove)).faults == []


async def test_a_telephone_that_was_only_ringing_is_not_called_back(two: tuple[Exchange, Exchange]) -> None:
    here, there = two
    await here.command(cmd.OpenPhoneLine(key=uuid.uuid4().hex, user=str(here.manager_user.pk)))
    await here.stop()
    await there.db(lambda: Node.objects.filter(pk=NODE).update(heartbeat_at=None))
    await there.look()
    await there.settled()
    assert [name for name, _ in there.switch.requests].count("ring") == 0
    assert await there.db(OwnPhone.objects.count) == 2


async def test_a_command_for_a_line_that_was_closed_otherwise_rings_nobody(two: tuple[Exchange, Exchange]) -> None:
    here, there = two
    await open_telephone(here)
    await here.command(cmd.CloseLine(key=uuid.uuid4().hex, user=str(here.operator.pk), line=here.line))
    await there.command(cmd.CallBack(key=uuid.uuid4().hex, user=str(here.operator.pk), line=here.line))
    assert [name for name, _ in there.switch.requests].count("ring") == 0


@pytest.mark.postgres
async def test_an_emptied_node_on_postgresql(two: tuple[Exchange, Exchange]) -> None:
    await test_a_node_that_is_emptied_hands_its_telephones_on(two, "operator")


@pytest.mark.postgres
async def test_a_lost_node_on_postgresql(two: tuple[Exchange, Exchange]) -> None:
    await test_a_lost_node_leaves_its_telephones_to_be_called_back(two, "manager")
