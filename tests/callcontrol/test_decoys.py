"""A decoy is called from outside: an operator was shown the number; a telephone at a real provider dials it; a moderator is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from hearthline.callcontrol.database import Database
from hearthline.callcontrol.decoy_desk import AGAIN_S
from hearthline.callcontrol.run import run_call_control
from hearthline.calls.models import Trunk, TrunkStanding
from hearthline.lib import clock
from hearthline.quality.models import DecoyCall, DecoyLending, DecoyNumber, Report
from hearthline.realtime.bus import Event
from hearthline.realtime.configured import bus
from hearthline.switch import port
from tests.callcontrol.engines import ENGINES, Engine
from tests.callcontrol.exchange import Exchange
from tests.testbed.phone import Phone
from tests.testbed.provider import Account, Provider

NUMBER, STRANGER = "74951234567", "79261112233"
PATIENCE_S = 30.0


def lend(world: Exchange, trunk: Trunk) -> None:
    """The operator of this exchange was shown the number an hour ago."""
    number = DecoyNumber.objects.create(phone=f"+{NUMBER}", trunk=trunk, free_at=clock.now() + timedelta(days=90))
    DecoyLending.objects.create(
        number=number, operator=world.operator, campaign=world.campaign, assignment=world.assignment,
        begun_at=clock.now() - timedelta(hours=1), until=clock.now() + timedelta(days=30),
    )  # fmt: skip


async def test_numbers_are_told_when_they_change_and_now_and_then(exchange: Exchange) -> None:
    switch = exchange.switch

    def asked() -> int:
        return sum(request == "watch_numbers" for request, _about in switch.requests)

    assert asked() == 1, "the switch may be another process than before"
    trunk = await exchange.db(Trunk.objects.get)
    await exchange.db(lend, exchange, trunk)
    await exchange.look(3)
    assert asked() == 2
    assert switch.watched == [port.WatchedNumber(f"+{NUMBER}", trunk.name, (trunk.host,))]
    switch.number_called(f"+{NUMBER}", STRANGER)
    await exchange.settled()
    row = await exchange.db(DecoyCall.objects.get)
    assert (row.caller, row.times, row.rang_ms) == (f"+{STRANGER}", 1, 8000)
    assert exchange.told("report.") == ["report.changed"]
    await exchange.advance(AGAIN_S)
    await exchange.look()
    assert asked() == 3, "a provider may have moved"
    await exchange.db(lambda: DecoyNumber.objects.update(active=False))
    switch.refuse["watch_numbers"] = port.SwitchErrorCode.FAILED
    await exchange.look()
    assert len(switch.watched) == 1
    del switch.refuse["watch_numbers"]
    await exchange.look()
    assert switch.watched == []
    switch.number_called(f"+{NUMBER}", STRANGER)
    await exchange.settled()
    assert await exchange.db(DecoyCall.objects.count) == 1


# --- on the wire ------------------------------------------------------------------------------------------------------


class House:
    """An engine, call control and what the exchange is told, beside Kamailio as the provider."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.database = Database()
        self._tasks: list[asyncio.Task[None]] = []
        self._heard: list[Event] = []
        self._news = asyncio.Condition()

    async def start(self) -> None:
        await self.engine.start()
        ready = asyncio.Event()
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._drive(ready))]
        async with asyncio.timeout(PATIENCE_S):
            await ready.wait()

    async def _drive(self, ready: asyncio.Event) -> None:
        client = self.engine.client()
        client.start()
        try:
            await run_call_control(client, bus(), "test", ready=ready)
        finally:
            await client.close()

    async def _listen(self) -> None:
        async for event in bus().subscribe({"exchange"}):
            async with self._news:
                self._heard.append(event)
                self._news.notify_all()

    async def told(self, name: str, **payload: object) -> None:
        def came() -> bool:
            return any(e.name == name and payload.items() <= e.payload.items() for e in self._heard)

        async with asyncio.timeout(PATIENCE_S), self._news:
            await self._news.wait_for(came)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.engine.stop()
        self.database.close()


@pytest_asyncio.fixture(params=ENGINES)
async def house(request: pytest.FixtureRequest, prepared: Exchange, data_folder: Path) -> AsyncIterator[House]:
    house = House(request.param(data_folder))
    try:
        yield house
    finally:
        await house.stop()


@pytest.mark.sip
async def test_a_telephone_that_dials_a_decoy_is_brought_to_a_moderator(
    house: House, prepared: Exchange, tmp_path: Path
) -> None:
    with Provider(tmp_path, accounts={"line": Account("right", numbers=(NUMBER, "74951234568"))}) as provider:

        def set_up() -> None:
            Trunk.objects.update(
                host=provider.host, port=provider.port, username="line", password="right", register=True
            )
            lend(prepared, Trunk.objects.get())

        await house.database.run(set_up)
        await house.start()
        await house.told("trunk.changed", state="registered")
        with Phone(tmp_path, STRANGER, provider) as phone:
            phone.dial("74951234568")
            await asyncio.to_thread(phone.wait_closed)
            assert phone.events.count("CALL_RINGING") == 0, "another number of ours is refused as before"
            phone.dial(NUMBER)
            await asyncio.to_thread(phone.wait_for, "CALL_RINGING")
            phone.hang_up()
            await asyncio.to_thread(phone.wait_closed, 2)
            await house.told("report.changed", kind="decoy_called", open=True)
            assert "CALL_ESTABLISHED" not in phone.events

    def found() -> tuple[DecoyCall, Report, bool]:
        row = DecoyCall.objects.select_related("trunk").get()
        return row, Report.objects.get(), TrunkStanding.objects.filter(registered=True).exists()

    row, report, registered = await house.database.run(found)
    assert registered
    assert (row.caller, row.whose, row.times) == (f"+{STRANGER}", "unknown", 1)
    assert row.trunk is not None
    assert row.rang_ms > 0
    assert (report.kind, report.operator_id) == ("decoy_called", prepared.operator.pk)
    assert report.evidence["figures"]["confidence"] == "weak"
