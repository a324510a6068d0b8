"""People's own SIP phones, part of the port's contract: baresip registers with digest, is rung, talks, is refused."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hearthline.switch.embedded.client import EmbeddedClient
from hearthline.switch.embedded.engine import EmbeddedSwitch
from hearthline.switch.embedded.sip.digest import DigestClient
from hearthline.switch.embedded.sip.guessers import HOST_TRIES, TRIES
from hearthline.switch.freeswitch.engine import FreeswitchSwitch
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
from tests.testbed.handset import Handset
from tests.testbed.phone import OwnPhone, Registrar
from tests.testbed.sounds import frequency_level

pytestmark = pytest.mark.sip

REALM, PASSWORD = "hearthline", "g7kq2mzt"


@pytest.fixture
def name() -> str:
    """Each test's own: one engine process serves them all, and remembers who guessed."""
    return f"anna{uuid.uuid4().hex[:8]}"


@pytest.fixture(autouse=True)
async def _nobody_stays(town: Town) -> AsyncIterator[None]:
    yield
    await town.switch.accept_phones([])


def account(name: str, password: str = PASSWORD) -> PhoneAccount:
    ha1 = hashlib.md5(f"{name}:{REALM}:{password}".encode(), usedforsecurity=False).hexdigest()
    return PhoneAccount(name, REALM, ha1)


def an_address() -> str:
    """Of loopback, nobody else's: who guesses from there gets no other test's telephones refused."""
    number = uuid.uuid4().int
    return f"127.{1 + number % 250}.{number // 256 % 250}.{2 + number // 65536 % 250}"


async def kept_out(town: Town, guesser: Handset) -> None:
    """FreeSWITCH is told of it a moment after the last guess."""
    if not isinstance(town.switch, FreeswitchSwitch):
        return
    async with asyncio.timeout(5):
        while await town.switch.socket.api(f"acl {guesser.host} {access_list(town.switch, guesser.name)}") != "false":  # noqa: ASYNC110 (it is in another process)
            await asyncio.sleep(0.05)


def access_list(switch: FreeswitchSwitch, name: str) -> str:
    assert switch.config.phones_folder is not None
    text = (switch.config.phones_folder / "accounts.xml").read_text()
    found = re.search(f'id="{name}".*?auth-acl" value="([^"]+)"', text)
    assert found is not None
    return found[1]


@pytest.fixture
def registrar(town: Town, request: pytest.FixtureRequest) -> Registrar:
    if isinstance(town.switch, EmbeddedSwitch):
        return Registrar(town.switch.sip_port)
    if isinstance(town.switch, FreeswitchSwitch):
        return Registrar(town.switch.config.phones_port)
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


async def test_a_telephone_that_registers_over_tcp_is_rung_over_it(
    town: Town, registrar: Registrar, tmp_path: Path, name: str
) -> None:
    browser = await town.browser(440)
    await town.switch.accept_phones([account(name)])
    with OwnPhone(tmp_path, name, registrar, tone_hz=659, password=PASSWORD, transport="tcp") as phone:
        await town.told.wait(PhoneRegistered)
        leg = await ring(town, name)
        await town.told.wait(LegAnswered, leg)
        await town.switch.connect([browser.leg, leg])
        await hears(browser, 659, unheard=[440])
        await town.switch.hang_up(leg)
        await town.told.wait(LegHungUp, leg)
        await asyncio.to_thread(phone.wait_closed)


async def test_a_wrong_password_is_refused_and_guessing_is_ended(town: Town, registrar: Registrar, name: str) -> None:
    await town.switch.accept_phones([account(name)])
    with Handset(name, registrar, host=an_address()) as guesser, Handset(name, registrar) as phone:
        for _ in range(TRIES):
            assert (await guesser.register("wrong")).status in (401, 403)
        await kept_out(town, guesser)
        assert (await guesser.register(PASSWORD)).status in (403, 503)  # the right one, too late
        assert await town.switch.registered_phones() == []
        assert town.told.all(PhoneRegistered) == []
        assert (await phone.register(PASSWORD)).status == 200  # from elsewhere its owner gets in
        await town.told.wait(PhoneRegistered)


async def test_guessing_many_names_ends_it_for_the_host_but_not_for_who_is_registered(
    town: Town, registrar: Registrar, name: str
) -> None:
    other = f"other{uuid.uuid4().hex[:8]}"
    await town.switch.accept_phones([account(name), account(other)])
    host = an_address()
    with Handset(name, registrar, host=host) as phone, Handset(other, registrar, host=host) as neighbour:
        assert (await phone.register(PASSWORD)).status == 200
        for n in range(HOST_TRIES):
            with Handset(f"guess{n}", registrar, host=host) as guesser:
                assert (await guesser.register("wrong")).status in (401, 403)
        await kept_out(town, neighbour)
        assert (await neighbour.register(PASSWORD)).status in (403, 503)
        assert (await phone.register(PASSWORD)).status == 200
        assert await town.switch.registered_phones() == [name]


async def test_a_new_password_makes_the_old_one_useless_at_once(town: Town, registrar: Registrar, name: str) -> None:
    await town.switch.accept_phones([account(name)])
    with Handset(name, registrar) as phone:
        assert (await phone.register(PASSWORD)).status == 200
        await town.told.wait(PhoneRegistered)
        await town.switch.accept_phones([account(name, "another")])
        assert (await town.told.wait(PhoneUnregistered)).phone == name
        assert (await phone.register(PASSWORD)).status in (401, 403)
        assert await town.switch.registered_phones() == []
        assert (await phone.register("another")).status == 200
        await town.told.wait(PhoneRegistered, count=2)
        assert (await phone.register("another", expires=0)).status == 200
        await town.told.wait(PhoneUnregistered, count=2)


async def test_one_account_does_not_register_for_another(town: Town, registrar: Registrar, name: str) -> None:
    other = f"other{uuid.uuid4().hex[:8]}"
    await town.switch.accept_phones([account(name), account(other)])
    with Handset(name, registrar, host=an_address()) as phone:
        digest = DigestClient(name, PASSWORD)
        again = phone.request("REGISTER", f"<sip:{other}@{registrar.host}>", [("Contact", f"<sip:a@{phone.host}>")])
        challenged = await phone.ask(again)
        assert digest.take(challenged)
        signed = phone.request("REGISTER", f"<sip:{other}@{registrar.host}>", [("Contact", f"<sip:a@{phone.host}>")])
        digest.sign(signed)
        assert (await phone.ask(signed)).status in (401, 403)
    assert await town.switch.registered_phones() == []


async def test_it_is_rung_where_it_speaks_from_whatever_its_contact_says(
    town: Town, registrar: Registrar, name: str
) -> None:
    await town.switch.accept_phones([account(name)])
    with Handset(name, registrar, host=an_address()) as phone, Handset("trap", registrar) as trap:
        there = f"{trap.host}:{trap.port}"
        contact = f"<sip:{name}@{there};maddr={trap.host};fs_path=sip:+79161234567%40{there}>"
        assert (await phone.register(PASSWORD, contact=contact)).status == 200
        await town.told.wait(PhoneRegistered)
        leg = await ring(town, name)
        assert (await phone.rung()).uri.startswith(f"sip:{name}@")
        assert not trap.has_mail()
        await town.switch.hang_up(leg)
        await town.told.wait(LegHungUp, leg)


async def test_a_registered_telephone_can_dial_nobody(
    town: Town, registrar: Registrar, tmp_path: Path, name: str
) -> None:
    await town.switch.accept_phones([account(name)])
    with OwnPhone(tmp_path, name, registrar, password=PASSWORD) as phone, Handset(name, registrar) as handset:
        await town.told.wait(PhoneRegistered)
        phone.dial("79161234567")
        await asyncio.to_thread(phone.wait_closed)
        refused = await handset.call(f"sip:79161234567@127.0.0.1:{registrar.port}", PASSWORD)
        assert refused.status in (403, 404)
        assert await town.switch.legs() == []
        assert "CALL_ESTABLISHED" not in phone.events
