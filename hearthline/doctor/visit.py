"""The whole examination, in order, told as it goes."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Iterable, Sequence

from hearthline.callcontrol.switch_choice import trial_switch
from hearthline.callcontrol.trunks import as_port
from hearthline.calls.models import Trunk
from hearthline.configuration import Configuration
from hearthline.doctor.exchange import look_at_data, look_at_database, look_at_storage, look_at_trunks
from hearthline.doctor.finding import Finding, State
from hearthline.doctor.machine import look_at_machine
from hearthline.doctor.trial import trial_call
from hearthline.lib.phone import PhoneNumberError, masked, parse_phone
from hearthline.switch.embedded.config import EngineConfig
from hearthline.switch.embedded.engine import EmbeddedSwitch
from hearthline.switch.freeswitch.engine import FreeswitchSwitch
from hearthline.switch.port import Switch, SwitchError

FREESWITCH_WAIT_S = 5.0

Say = Callable[[str], None]


def examine(configuration: Configuration, *, call: str, trunk: str, country: str, say: Say) -> bool:
    """True when nothing is missing (and, with `call`, when the call worked)."""
    findings: list[Finding] = []

    def tell(found: Iterable[Finding]) -> None:
        for finding in found:
            findings.append(finding)
            for line in finding.lines():
                say(line)

    tell(look_at_machine(configuration))
    tell(look_at_storage(configuration))
    database = look_at_database()
    tell([database])
    if database.state is State.GOOD:
        tell(look_at_data(configuration))
        rows = list(Trunk.objects.filter(active=True))
        called = asyncio.run(_with_switch(configuration, rows, Wish(call, trunk, country), tell, say))
    else:
        called = not call
    missing = [f for f in findings if f.state is State.MISSING]
    say("")
    say(
        "Everything for real calls is here."
        if not missing
        else f"Missing for real calls: {len(missing)}. Each remedy is above."
    )
    return not missing and called


def try_trunk(configuration: Configuration, row: Trunk) -> tuple[bool, str]:
    """Whether the provider takes the account, and one sentence on what it said."""

    async def ask() -> str:
        switch = EmbeddedSwitch(
            EngineConfig(sip_bind=configuration.sip_bind, sip_advertise=configuration.sip_advertise)
        )
        await switch.start()
        try:
            return await switch.test_trunk(as_port(row))
        finally:
            await switch.close()

    try:
        return True, asyncio.run(ask())
    except SwitchError as error:
        return False, error.message
    except OSError as error:
        return False, f"{configuration.sip_bind} cannot be used: {error.strerror}. Set HEARTHLINE_SIP_BIND."


@dataclasses.dataclass(frozen=True, slots=True)
class Wish:
    """A real call to make: the number as a person writes it ("": none), through which trunk, of which country."""

    number: str
    trunk: str
    country: str


async def _with_switch(
    configuration: Configuration,
    rows: Sequence[Trunk],
    wish: Wish,
    tell: Callable[[Iterable[Finding]], None],
    say: Say,
) -> bool:
    switch = trial_switch(configuration)
    missing = await _start(switch, configuration)
    tell(missing)
    if missing and isinstance(switch, EmbeddedSwitch):
        return False  # it has no address to try anything from
    try:
        tell(await look_at_trunks(configuration, switch, rows))
        if not wish.number:
            return True
        return not missing and await _call(switch, configuration, rows, wish, say)
    finally:
        await switch.close()


async def _start(switch: EmbeddedSwitch | FreeswitchSwitch, configuration: Configuration) -> list[Finding]:
    """What is missing for the engine to call."""
    if isinstance(switch, EmbeddedSwitch):
        try:
            await switch.start()
        except OSError as error:
            sentence = f"{configuration.sip_bind} cannot be used: {error.strerror}."
            remedy = "Set HEARTHLINE_SIP_BIND to an address of this machine."
            return [Finding("telephone side", State.MISSING, sentence, remedy)]
        return []
    switch.start()
    try:
        await switch.wait_connected(FREESWITCH_WAIT_S)
    except SwitchError as error:
        where = f"{configuration.freeswitch_host}:{configuration.freeswitch_event_port}"
        remedy = (
            f"Start it with the configuration that `hearthline freeswitch-config FOLDER` wrote; its event socket is {where}, "
            "and its password must be the one of HEARTHLINE_FREESWITCH_EVENT_PASSWORD."
        )
        return [Finding("FreeSWITCH", State.MISSING, error.message, remedy)]
    return []


async def _call(switch: Switch, configuration: Configuration, rows: Sequence[Trunk], wish: Wish, say: Say) -> bool:
    try:
        number = parse_phone(wish.number, wish.country)
    except PhoneNumberError as error:
        say(f"This number cannot be called ({error.reason}). Write it with its country, such as +7 916 123-45-67.")
        return False
    row = next((row for row in rows if wish.trunk in ("", row.name)), None)
    if row is None:
        say(f"There is no trunk{f' named {wish.trunk}' if wish.trunk else ''} in use.")
        return False
    say("")
    say(f"Calling {masked(number.e164)} through {row.name} as {row.caller_id or '(no caller ID)'}:")
    trunk = dataclasses.replace(as_port(row), register=False)
    sound = configuration.run_folder / "doctor.wav"
    return await trial_call(switch, trunk, number.e164, row.caller_id, sound, lambda line: say(f"  {line}"))
