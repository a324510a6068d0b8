"""The whole examination, in order, told as it goes."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Iterable, Sequence

from hearthline.callcontrol.trunks import as_port
from hearthline.calls.models import Trunk
from hearthline.configuration import Configuration
from hearthline.doctor.exchange import look_at_data, look_at_database, look_at_trunks
from hearthline.doctor.finding import Finding, State
from hearthline.doctor.machine import look_at_machine
from hearthline.doctor.trial import trial_call
from hearthline.lib.phone import PhoneNumberError, masked, parse_phone
from hearthline.switch.embedded.config import EngineConfig
from hearthline.switch.embedded.engine import EmbeddedSwitch
from hearthline.switch.port import SwitchError

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
        switch = EmbeddedSwitch(_engine(configuration))
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


def _engine(configuration: Configuration) -> EngineConfig:
    """On ports of its own, so that an engine that is at work is not disturbed."""
    return EngineConfig(sip_bind=configuration.sip_bind, sip_advertise=configuration.sip_advertise)


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
    switch = EmbeddedSwitch(_engine(configuration))
    try:
        await switch.start()
    except OSError as error:
        sentence = f"{configuration.sip_bind} cannot be used: {error.strerror}."
        remedy = "Set HEARTHLINE_SIP_BIND to an address of this machine."
        tell([Finding("telephone side", State.MISSING, sentence, remedy)])
        return False
    try:
        tell(await look_at_trunks(configuration, switch, rows))
        return await _call(switch, configuration, rows, wish, say) if wish.number else True
    finally:
        await switch.close()


async def _call(
    switch: EmbeddedSwitch, configuration: Configuration, rows: Sequence[Trunk], wish: Wish, say: Say
) -> bool:
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
