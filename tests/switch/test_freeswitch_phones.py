"""People's SIP phones at FreeSWITCH, beyond the contract: without call control, and past what would be ways around it."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from hearthline.switch.freeswitch.engine import FreeswitchSwitch
from hearthline.switch.port import (
    Destination,
    LegHungUp,
    PhoneRegistered,
    PhoneUnregistered,
    SwitchError,
    SwitchErrorCode,
)
from tests.switch.freeswitch_node import FreeswitchNode
from tests.switch.parties import Told
from tests.switch.test_contract_phones import PASSWORD, account, an_address
from tests.testbed.handset import Handset
from tests.testbed.phone import Registrar

pytestmark = pytest.mark.freeswitch


@pytest.fixture
def registrar(freeswitch_process: FreeswitchNode) -> Registrar:
    return Registrar(freeswitch_process.config.phones_port)


@pytest.fixture
def name() -> str:
    return f"anna{uuid.uuid4().hex[:8]}"


@pytest.fixture
async def second(freeswitch_process: FreeswitchNode) -> AsyncIterator[FreeswitchSwitch]:
    """Another call control, not started yet."""
    client = FreeswitchSwitch(freeswitch_process.client_config())
    yield client
    await client.accept_phones([])
    await client.close()


async def connected(client: FreeswitchSwitch) -> FreeswitchSwitch:
    client.start()
    await client.wait_connected()
    return client


async def test_telephones_stay_registered_and_come_while_call_control_is_away(
    freeswitch_process: FreeswitchNode, second: FreeswitchSwitch, registrar: Registrar, name: str
) -> None:
    other = f"other{uuid.uuid4().hex[:8]}"
    first = await connected(FreeswitchSwitch(freeswitch_process.client_config()))
    await first.accept_phones([account(name), account(other)])
    with Handset(name, registrar) as phone, Handset(other, registrar) as late:
        assert (await phone.register(PASSWORD)).status == 200
        await first.close()
        assert (await late.register(PASSWORD)).status == 200
        await connected(second)
        assert await second.registered_phones() == sorted([name, other])
        told = Told(second.events())
        leg = uuid.uuid4().hex
        await second.ring(leg, Destination(phone=other), caller_id="", timeout_s=5, trunk=None)
        await late.rung()
        await second.hang_up(leg)
        await told.wait(LegHungUp, leg)
        await told.stop()


async def test_an_account_that_was_withdrawn_meanwhile_is_forgotten(
    freeswitch_process: FreeswitchNode, second: FreeswitchSwitch, registrar: Registrar, name: str
) -> None:
    first = await connected(FreeswitchSwitch(freeswitch_process.client_config()))
    await first.accept_phones([account(name)])
    with Handset(name, registrar) as phone:
        assert (await phone.register(PASSWORD)).status == 200
        await first.close()
        await connected(second)
        told = Told(second.events())
        assert await second.registered_phones() == [name]
        await second.accept_phones([])
        assert (await told.wait(PhoneUnregistered)).phone == name
        assert (await phone.register(PASSWORD)).status == 403
        assert told.all(PhoneRegistered) == []
        with pytest.raises(SwitchError) as error:
            await second.ring(uuid.uuid4().hex, Destination(phone=name), caller_id="", timeout_s=5, trunk=None)
        assert error.value.code is SwitchErrorCode.NOT_REGISTERED
        await told.stop()


async def test_its_credentials_open_no_other_port(
    freeswitch: FreeswitchSwitch, freeswitch_process: FreeswitchNode, name: str
) -> None:
    await freeswitch.accept_phones([account(name)])
    trunks = freeswitch_process.config.sip_port
    with Handset(name, Registrar(trunks)) as phone:
        assert (await phone.register(PASSWORD)).status in (403, 405, 501)
        assert (await phone.call(f"sip:+79161234567@127.0.0.1:{trunks}", PASSWORD)).status == 403
    assert await freeswitch.registered_phones() == []
    assert ",inbound," not in await freeswitch.socket.api("show channels like external")
    await freeswitch.accept_phones([])


async def test_a_wrong_name_and_a_wrong_password_are_answered_alike(
    freeswitch: FreeswitchSwitch, registrar: Registrar, name: str
) -> None:
    await freeswitch.accept_phones([account(name)])
    host = an_address()
    with Handset(name, registrar, host=host) as known, Handset(f"x{name}", registrar, host=host) as unknown:
        answers = [await known.register("wrong"), await unknown.register("wrong")]
    assert [answer.status for answer in answers] == [403, 403]
    shapes = [[field.lower() for field, _ in answer.headers] for answer in answers]
    assert shapes[0] == shapes[1]
    await freeswitch.accept_phones([])


@pytest.mark.parametrize("method", ["MESSAGE", "SUBSCRIBE", "REFER", "PUBLISH"])
async def test_nobody_gets_anything_to_a_telephone_by_other_requests(
    freeswitch: FreeswitchSwitch, registrar: Registrar, name: str, method: str
) -> None:
    await freeswitch.accept_phones([account(name)])
    with Handset(name, registrar) as phone, Handset("stranger", registrar) as stranger:
        assert (await phone.register(PASSWORD)).status == 200
        fields = [("Contact", f"<sip:s@{stranger.host}:{stranger.port}>"), ("Event", "dialog"), ("Expires", "60")]
        fields += [("Refer-To", "<sip:+79161234567@127.0.0.1>")] if method == "REFER" else []
        answer = await stranger.ask(stranger.request(method, f"sip:{name}@hearthline", fields))
        assert answer.status >= 300 or method == "MESSAGE"  # said to be accepted, and thrown away
        assert (await phone.register(PASSWORD)).status == 200  # what had been sent on would have come before
        assert phone.asked <= {"OPTIONS"}
    assert ",inbound," not in await freeswitch.socket.api("show channels like phones")
    await freeswitch.accept_phones([])


async def test_no_password_stands_in_its_files(
    freeswitch: FreeswitchSwitch, freeswitch_process: FreeswitchNode, name: str
) -> None:
    await freeswitch.accept_phones([account(name)])
    file = freeswitch_process.folder / "phones" / "accounts.xml"
    assert account(name).ha1 in file.read_text()
    assert PASSWORD not in file.read_text()
    assert file.stat().st_mode & 0o007 == 0
    await freeswitch.accept_phones([])


async def test_another_realm_than_the_configured_one_is_refused_in_words(
    freeswitch: FreeswitchSwitch, name: str
) -> None:
    with pytest.raises(SwitchError) as error:
        await freeswitch.accept_phones([replace(account(name), realm="elsewhere")])
    assert error.value.code is SwitchErrorCode.BAD_REQUEST
    assert "realm" in error.value.message


async def test_without_a_folder_it_says_what_to_set(
    freeswitch_process: FreeswitchNode, name: str, tmp_path: Path
) -> None:
    client = FreeswitchSwitch(replace(freeswitch_process.client_config(), phones_folder=None))
    with pytest.raises(SwitchError) as error:
        await client.accept_phones([account(name)])
    assert "HEARTHLINE_FREESWITCH_PHONES" in error.value.message
    await client.close()
