"""People's own SIP phones, part of the port's contract: baresip registers with digest, is rung, talks, is refused."""

from __future__ import annotations

import asyncio
import hashlib
import json
import uuid
from pathlib import Path

import pytest

from hearthline.switch.embedded.client import EmbeddedClient
from hearthline.switch.embedded.engine import EmbeddedSwitch
from hearthline.switch.port import (
    Destination,
    LegAnswered,
    LegDigit,
    LegHungUp,
    Party,
    PhoneAccount,
    PhoneRegistered,
    PhoneUnregistered,
    SwitchError,
    SwitchErrorCode,
)
from tests.switch.parties import hears
from tests.switch.town import Town
from tests.testbed.phone import OwnPhone, Registrar
from tests.testbed.sounds import frequency_level

pytestmark = pytest.mark.sip

REALM, PASSWORD = "hearthline", "g7kq2mzt"


@pytest.fixture
def name() -> str:
    """Each test's own: one engine process serves them all, and remembers who guessed."""
    return f"anna{uuid.uuid4().hex[:8]}"


def account(name: str) -> PhoneAccount:
    ha1 = hashlib.md5(f"{name}:{REALM}:{PASSWORD}".encode(), usedforsecurity=False).hexdigest()
    return PhoneAccount(name, REALM, ha1)


@pytest.fixture(autouse=True)
def _takes_phones(request: pytest.FixtureRequest) -> None:
    if "freeswitch" in request.node.callspec.params.values():
        pytest.skip("telephones register with the embedded engine only")


@pytest.fixture
def registrar(town: Town, request: pytest.FixtureRequest) -> Registrar:
    if isinstance(town.switch, EmbeddedSwitch):
        return Registrar(town.switch.sip_port)
    assert isinstance(town.switch, EmbeddedClient)
    process: Path = request.getfixturevalue("engine_process")
    return Registrar(json.loads(process.with_suffix(".json").read_text())["sip_port"])


async def ring(town: Town, name: str) -> str:
    leg = uuid.uuid4().hex
    await town.switch.ring(leg, Destination(phone=name), caller_id="", timeout_s=10, trunk=None)
    return leg


async def test_a_telephone_registers_is_rung_and_talks(
    town: Town, registrar: Registrar, tmp_path: Path, name: str
) -> None:
    browser = await town.browser(440)
    await town.switch.accept_phones([account(name)])
    with OwnPhone(tmp_path, name, registrar, tone_hz=659, password=PASSWORD) as phone:
        told = await town.told.wait(PhoneRegistered)
        assert told.phone == name
        assert await town.switch.registered_phones() == [name]
        leg = await ring(town, name)
        await town.told.wait(LegAnswered, leg)
        await town.switch.connect([browser.leg, leg])
        await hears(browser, 659, unheard=[440])
        await browser.ear.listen(1.0)
        phone.press("7")
        assert (await town.told.wait(LegDigit, leg)).digit == "7"
        await town.switch.accept_phones([])  # the account is withdrawn: the call that is up goes on
        assert (await town.told.wait(PhoneUnregistered)).phone == name
        await hears(browser, 659)
        phone.hang_up()
        assert (await town.told.wait(LegHungUp, leg)).by is Party.REMOTE
        await asyncio.to_thread(phone.wait_closed)
        assert frequency_level(phone.heard(), 440) > 3000
        with pytest.raises(SwitchError) as error:
            await ring(town, name)
        assert error.value.code is SwitchErrorCode.NOT_REGISTERED


async def test_a_wrong_password_is_refused_and_throttled(
    town: Town, registrar: Registrar, tmp_path: Path, name: str
) -> None:
    await town.switch.accept_phones([account(name)])
    with OwnPhone(tmp_path, name, registrar, password="wrong") as phone:
        await asyncio.to_thread(phone.wait_refused, 503)  # it answers each challenge anew, until it is throttled
        assert await town.switch.registered_phones() == []
        assert town.told.all(PhoneRegistered) == []


async def test_a_registered_telephone_can_dial_nobody(
    town: Town, registrar: Registrar, tmp_path: Path, name: str
) -> None:
    await town.switch.accept_phones([account(name)])
    with OwnPhone(tmp_path, name, registrar, password=PASSWORD) as phone:
        await town.told.wait(PhoneRegistered)
        phone.dial("79161234567")
        await asyncio.to_thread(phone.wait_closed)
        assert await town.switch.legs() == []
        assert "CALL_ESTABLISHED" not in phone.events
