"""A trunk's limits, kept by FreeSWITCH itself: whoever commands it, and however often, the provider gets no more calls."""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import replace

import pytest

from hearthline.switch.embedded.sip.incoming import IncomingCall
from hearthline.switch.freeswitch import dialling
from hearthline.switch.freeswitch.engine import FreeswitchSwitch
from hearthline.switch.port import Destination, LegAnswered, LegHungUp, Party, SwitchError, SwitchErrorCode, Trunk
from tests.switch.parties import Phone, hears
from tests.switch.town import Town

pytestmark = pytest.mark.freeswitch

NUMBER = Destination(number="+79160000001")


@pytest.fixture
def switch(freeswitch: FreeswitchSwitch) -> FreeswitchSwitch:
    """The town's."""
    return freeswitch


def trunk(phone: Phone, **limits: int) -> Trunk:
    made = Trunk(name=f"narrow {uuid.uuid4().hex}", host="127.0.0.1", port=phone.port)
    return replace(made, **limits)  # type: ignore[arg-type]


async def command(switch: FreeswitchSwitch, line: Trunk) -> str:
    """What FreeSWITCH says to somebody who tells it to call, and knows nothing of limits that are kept elsewhere."""
    uri = dialling.target_of(NUMBER, line)
    sender = dialling.from_uri("+74950000001", line, "127.0.0.1", switch.config.sip_port)
    text = dialling.originate(
        uuid.uuid4().hex, f"sofia/external/{uri}", sender, trunk=line, timeout_s=10, guard_s=60, longest_s=60, tags={}
    )
    return await switch.socket.run(text)


async def until_a_second_begins() -> None:
    await asyncio.sleep(1.05 - time.time() % 1.0)  # by FreeSWITCH's clock too


async def test_no_more_calls_at_once_than_the_trunk_has_channels(freeswitch: FreeswitchSwitch, town: Town) -> None:
    phone = await town.phone(523)
    line = trunk(phone, max_channels=2)
    browser = await town.browser(440)
    leg = uuid.uuid4().hex
    await freeswitch.ring(leg, NUMBER, caller_id="+74950000001", timeout_s=10, trunk=line)
    await town.told.wait(LegAnswered, leg)
    await freeswitch.connect([browser.leg, leg])  # a call that is moved about is counted still
    await hears(browser, 523)
    assert (await command(freeswitch, line)).startswith("+OK")
    assert await command(freeswitch, line) == f"-ERR {dialling.NO_CHANNEL}"
    await freeswitch.park(leg)
    assert await command(freeswitch, line) == f"-ERR {dialling.NO_CHANNEL}"
    with pytest.raises(SwitchError) as error:
        await freeswitch.ring(uuid.uuid4().hex, NUMBER, caller_id="", timeout_s=10, trunk=line)
    assert error.value.code is SwitchErrorCode.OVERLOADED
    assert len(phone.calls) == 2
    await freeswitch.hang_up(leg)
    await town.told.wait(LegHungUp, leg)
    assert (await command(freeswitch, line)).startswith("+OK")
    assert len(phone.calls) == 3


async def test_a_race_for_the_last_channel_is_told_as_congestion(freeswitch: FreeswitchSwitch, town: Town) -> None:
    phone = await town.phone(523)
    line = trunk(phone, max_channels=1)
    legs = [uuid.uuid4().hex for _ in range(4)]
    rung = [freeswitch.ring(leg, NUMBER, caller_id="", timeout_s=10, trunk=line) for leg in legs]
    errors = [error for error in await asyncio.gather(*rung, return_exceptions=True) if error is not None]
    assert all(isinstance(error, SwitchError) and error.code is SwitchErrorCode.OVERLOADED for error in errors)
    await town.told.until(lambda: len(town.told.all(LegAnswered)) + len(town.told.all(LegHungUp)) == 4 - len(errors))
    assert len(town.told.all(LegAnswered)) == len(phone.calls) == 1
    assert {(end.cause, end.by) for end in town.told.all(LegHungUp)} <= {(34, Party.SWITCH)}


async def test_no_more_calls_in_a_second_than_the_trunk_takes(freeswitch: FreeswitchSwitch, town: Town) -> None:
    phone = await town.phone(523)
    line = trunk(phone, max_calls_per_s=2)
    await until_a_second_begins()
    said = await asyncio.gather(*(command(freeswitch, line) for _ in range(3)))
    assert [text for text in said if not text.startswith("+OK")] == [f"-ERR {dialling.TOO_SOON}"]
    assert len(phone.calls) == 2


async def test_calls_that_come_too_soon_wait_for_the_next_second(freeswitch: FreeswitchSwitch, town: Town) -> None:
    phone = await town.phone(523)
    line = trunk(phone, max_calls_per_s=2)
    came: list[float] = []

    def answer(call: IncomingCall) -> None:
        came.append(time.monotonic())
        call.answer()

    phone.act = answer
    legs = [uuid.uuid4().hex for _ in range(5)]
    await until_a_second_begins()
    for leg in legs:
        await freeswitch.ring(leg, NUMBER, caller_id="", timeout_s=10, trunk=line)
    for leg in legs:
        await town.told.wait(LegAnswered, leg)
    assert came[4] - came[0] > 1.0
    assert town.told.all(LegHungUp) == []


async def test_a_call_that_waits_for_its_second_can_be_hung_up(freeswitch: FreeswitchSwitch, town: Town) -> None:
    phone = await town.phone(523)
    line = trunk(phone, max_calls_per_s=1)
    await until_a_second_begins()
    assert (await command(freeswitch, line)).startswith("+OK")
    leg = uuid.uuid4().hex
    await freeswitch.ring(leg, NUMBER, caller_id="", timeout_s=10, trunk=line)
    await freeswitch.hang_up(leg)
    ended = await town.told.wait(LegHungUp, leg)
    assert (ended.cause, ended.by) == (16, Party.LOCAL)
    assert len(phone.calls) == 1
