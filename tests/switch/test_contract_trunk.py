"""The port's contract through a provider: Kamailio with digest, baresip as the contact's telephone."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from hearthline.switch.port import (
    Destination,
    LegAnswered,
    LegHungUp,
    LegRinging,
    Party,
    RecordingStopped,
    SwitchError,
    Trunk,
)
from tests.switch.ears import assert_hears, read_stereo
from tests.switch.parties import hears
from tests.switch.town import Town
from tests.testbed.phone import Phone
from tests.testbed.provider import RINGS_FOR_EVER, Account, Provider
from tests.testbed.sounds import frequency_level

pytestmark = pytest.mark.sip

CALLER = "+74950000001"
BEHAVIOUR: dict[str, int | str] = {"79160000486": 486, "79160000180": RINGS_FOR_EVER}


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    accounts = {"line": Account("secret", {"74950000001"})}
    with Provider(tmp_path_factory.mktemp("network"), accounts, BEHAVIOUR) as provider:
        yield provider


async def ring(town: Town, trunk: Trunk, number: str, *, caller_id: str = CALLER, timeout_s: int = 10) -> str:
    leg = uuid.uuid4().hex
    await town.switch.ring(
        leg, Destination(number=number), caller_id=caller_id, timeout_s=timeout_s, trunk=trunk, tags={"attempt": "7"}
    )
    return leg


async def test_a_recorded_call_through_a_trunk_that_registers(town: Town, provider: Provider, tmp_path: Path) -> None:
    operator = await town.browser(440)
    with Phone(tmp_path, "79160000001", provider, tone_hz=659) as phone:
        leg = await ring(town, provider.trunk("line", register=True), "+79160000001")
        await town.told.wait(LegAnswered, leg)
        recording = tmp_path / "call.wav"
        await town.switch.record(operator.leg, str(recording))
        await town.switch.connect([operator.leg, leg])
        await hears(operator, 659, unheard=[440])
        await operator.ear.listen(1.0)
        await town.switch.hang_up(leg)
        told = await town.told.wait(LegHungUp, leg)
        assert told.by is Party.LOCAL
        assert told.stats.voice_in_ms > 500
        assert told.stats.voice_out_ms > 500
        await asyncio.to_thread(phone.wait_closed)
        assert frequency_level(phone.heard(), 440) > 3000
        assert frequency_level(phone.heard(), 659) < 300
    assert provider.registered("line")
    await town.switch.hang_up(operator.leg)
    await town.told.wait(LegHungUp, operator.leg)
    await town.told.wait(RecordingStopped, operator.leg)
    left, right = read_stereo(recording)
    assert_hears(left[4000:], [440], unheard=[659])
    assert_hears(right[4000:16000], [659], unheard=[440])


@pytest.mark.parametrize(
    ("number", "caller_id", "cause", "status"),
    [
        ("+79160000486", CALLER, 17, 486),
        ("+79169999999", CALLER, 1, 404),
        ("+79160000486", "+74950000002", 21, 403),  # a caller ID that the provider did not give us
    ],
)
async def test_refusals_of_the_network_become_causes(
    town: Town, provider: Provider, number: str, caller_id: str, cause: int, status: int
) -> None:
    leg = await ring(town, provider.trunk("line"), number, caller_id=caller_id)
    told = await town.told.wait(LegHungUp, leg)
    assert (told.cause, told.by, told.sip_status) == (cause, Party.REMOTE, status)


async def test_a_number_that_rings_for_ever_is_given_up(town: Town, provider: Provider) -> None:
    leg = await ring(town, provider.trunk("line"), "+79160000180", timeout_s=1)
    await town.told.wait(LegRinging, leg)
    told = await town.told.wait(LegHungUp, leg)
    assert (told.cause, told.by) == (19, Party.SWITCH)


async def test_a_trunk_is_tried(town: Town, provider: Provider) -> None:
    assert await town.switch.test_trunk(provider.trunk("line", register=True))
    assert await town.switch.test_trunk(provider.trunk("line"))
    with pytest.raises(SwitchError) as error:
        await town.switch.test_trunk(provider.trunk("line", register=True, password="wrong"))
    assert error.value.message.endswith(".")
