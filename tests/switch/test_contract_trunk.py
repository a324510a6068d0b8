"""The port's contract through a provider: Kamailio with digest, baresip as the contact's telephone."""

from __future__ import annotations

import asyncio
import socket
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from hearthline.switch.port import (
    SILENT_PROVIDER_S,
    Destination,
    LegAnswered,
    LegHungUp,
    LegRinging,
    Party,
    RecordingStopped,
    RegistrationChanged,
    SwitchError,
    SwitchErrorCode,
    Trunk,
)
from tests.switch.ears import assert_hears, read_stereo
from tests.switch.parties import hears
from tests.switch.town import Town
from tests.testbed.phone import Phone
from tests.testbed.programs import wait_until
from tests.testbed.provider import RINGS_FOR_EVER, Account, Provider
from tests.testbed.sounds import frequency_level

pytestmark = pytest.mark.sip

CALLER = "+74950000001"
BEHAVIOUR: dict[str, int | str] = {"79160000486": 486, "79160000180": RINGS_FOR_EVER}


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    accounts = {"line": Account("secret", {"74950000001"}), "other": Account("word"), "third": Account("word")}
    with Provider(tmp_path_factory.mktemp("network"), accounts, BEHAVIOUR) as provider:
        yield provider


async def ring(town: Town, trunk: Trunk, number: str, *, caller_id: str = CALLER, timeout_s: int = 10) -> str:
    leg = uuid.uuid4().hex
    await town.switch.ring(
        leg, Destination(number=number), caller_id=caller_id, timeout_s=timeout_s, trunk=trunk, tags={"attempt": "7"}
    )
    return leg


async def told_of(town: Town, trunk: Trunk, *, registered: bool, since: int = 0) -> RegistrationChanged:
    """What the switch told last of a trunk's registration, once it is this."""

    def last() -> RegistrationChanged | None:
        found = [e for e in town.told.all(RegistrationChanged)[since:] if e.trunk == trunk.name]
        return found[-1] if found and found[-1].registered == registered else None

    await town.told.until(lambda: last() is not None)
    found = last()
    assert found is not None
    return found


async def test_a_recorded_call_through_a_trunk_that_registers(town: Town, provider: Provider, tmp_path: Path) -> None:
    operator = await town.browser(440)
    trunk = provider.trunk("line", register=True)
    await town.switch.keep_registered([trunk])
    await told_of(town, trunk, registered=True)
    with Phone(tmp_path, "79160000001", provider, tone_hz=659) as phone:
        leg = await ring(town, trunk, "+79160000001")
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
    await town.switch.keep_registered([])
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


async def test_exactly_the_trunks_that_are_named_are_kept_registered(town: Town, provider: Provider) -> None:
    line, other = provider.trunk("line", register=True), provider.trunk("other", register=True)
    never = provider.trunk("third", name="without registration")

    await town.switch.keep_registered([line, never])
    assert (await told_of(town, line, registered=True)).said == ""
    assert provider.registered("line")
    assert not provider.registered("third")

    before = len(town.told.all(RegistrationChanged))
    await town.switch.keep_registered([line, other])  # `line` did not change: it is only told once more
    await told_of(town, line, registered=True, since=before)
    await told_of(town, other, registered=True, since=before)
    assert provider.registered("line")
    assert provider.registered("other")

    await town.switch.keep_registered([other])
    await asyncio.to_thread(wait_until, lambda: not provider.registered("line"), "the end of a registration")
    assert provider.registered("other")

    await town.switch.keep_registered([])
    await asyncio.to_thread(wait_until, lambda: not provider.registered("other"), "the end of a registration")


async def test_a_changed_password_is_tried_at_once_and_a_refusal_is_told(town: Town, provider: Provider) -> None:
    good, bad = provider.trunk("line", register=True), provider.trunk("line", register=True, password="wrong")
    await town.switch.keep_registered([bad])
    assert "40" in (await told_of(town, bad, registered=False)).said

    before = len(town.told.all(RegistrationChanged))
    await town.switch.keep_registered([good])
    await told_of(town, good, registered=True, since=before)
    assert provider.registered("line")

    renamed = provider.trunk(
        "line", register=True, name="another name"
    )  # the same account: it must not end unregistered
    await town.switch.keep_registered([renamed])
    await told_of(town, renamed, registered=True, since=before)
    assert provider.registered("line")
    await town.switch.keep_registered([])


async def test_two_trunks_of_one_name_are_refused_and_nothing_changes(town: Town, provider: Provider) -> None:
    trunk = provider.trunk("third", register=True)  # no other test registers it
    with pytest.raises(SwitchError) as error:
        await town.switch.keep_registered([trunk, provider.trunk("other", name=trunk.name)])
    assert error.value.code is SwitchErrorCode.BAD_REQUEST
    assert not provider.registered("third")


async def test_a_trunk_that_is_full_is_refused_at_once(town: Town, provider: Provider) -> None:
    narrow = provider.trunk("line", name=f"narrow {uuid.uuid4().hex}", max_channels=1)
    first = await ring(town, narrow, "+79160000180")
    await town.told.wait(LegRinging, first)
    with pytest.raises(SwitchError) as error:
        await ring(town, narrow, "+79160000180")
    assert error.value.code is SwitchErrorCode.OVERLOADED
    assert [leg.leg for leg in await town.switch.legs()] == [first]
    await town.switch.hang_up(first)
    await town.told.wait(LegHungUp, first)
    second = await ring(town, narrow, "+79160000180")
    await town.told.wait(LegRinging, second)
    await town.switch.hang_up(second)
    await town.told.wait(LegHungUp, second)


async def test_a_provider_that_says_nothing_at_all_is_given_up_soon(town: Town) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        began = time.monotonic()
        leg = await ring(
            town, Trunk(name="deaf", host="127.0.0.1", port=deaf.getsockname()[1]), "+79160000001", timeout_s=40
        )
        told = await town.told.wait(LegHungUp, leg, timeout_s=SILENT_PROVIDER_S + 6)
        assert (told.cause, told.by, told.sip_status) == (102, Party.SWITCH, None)
        assert time.monotonic() - began >= SILENT_PROVIDER_S - 0.5


async def test_a_trunk_is_tried(town: Town, provider: Provider) -> None:
    assert await town.switch.test_trunk(provider.trunk("line", register=True))
    assert await town.switch.test_trunk(provider.trunk("line"))
    with pytest.raises(SwitchError) as error:
        await town.switch.test_trunk(provider.trunk("line", register=True, password="wrong"))
    assert error.value.message.endswith(".")
