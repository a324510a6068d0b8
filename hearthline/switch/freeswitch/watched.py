"""Calls to watched numbers at a FreeSWITCH node: two files beside its configuration, and the events of what they let in.

`callers.xml` is the access list of the trunks' port: it admits the providers' hosts while a number is watched, and nobody
otherwise. `numbers.xml` stands first in the context that refuses everything: a watched number rings, without audio, and is
hung up. So calls ring while call control is away; nobody hears of those.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

from hearthline.switch.freeswitch.frames import Event
from hearthline.switch.freeswitch.phone_files import write_if_new
from hearthline.switch.port import WATCHED_RINGS_S, NumberCalled, SwitchError, SwitchErrorCode, WatchedNumber
from hearthline.switch.watched import (
    A_MINUTE_FROM_HOST,
    MOST_RINGING,
    Bounds,
    WatchList,
    caller_as_given,
    watch_list,
)

if TYPE_CHECKING:
    from hearthline.switch.freeswitch.engine import FreeswitchSwitch

LIST = "callers"  # the access list's name in the template
CALLERS, NUMBERS = "callers.xml", "numbers.xml"
_WAIT_S = 2.0
_MICROSECONDS = re.compile(r"[0-9]{1,17}")


class WatchedNumbers:
    """Of one node. `take` is told of each call's end."""

    def __init__(self, engine: FreeswitchSwitch) -> None:
        self._engine = engine
        self._list = WatchList()
        self._bounds = Bounds()
        self._in_force = False  # whether FreeSWITCH has read the files as they are
        self._lock = asyncio.Lock()

    async def watch(self, numbers: Sequence[WatchedNumber]) -> None:
        """See `Switch.watch_numbers`."""
        folder = self._engine.config.incoming_folder
        if folder is None:
            if numbers:
                raise SwitchError(
                    SwitchErrorCode.FAILED,
                    "No folder for incoming calls is set (HEARTHLINE_FREESWITCH_INCOMING): no number can be watched.",
                )
            return
        found = await watch_list(numbers, self._engine.addresses_of)
        await self._engine.socket.wait_connected(_WAIT_S)
        async with self._lock:
            self._list = found
            texts = {folder / CALLERS: callers_xml(found), folder / NUMBERS: numbers_xml(found)}
            try:
                changed = [await asyncio.to_thread(write_if_new, path, text) for path, text in texts.items()]
            except OSError as error:
                raise SwitchError(
                    SwitchErrorCode.FAILED,
                    f"FreeSWITCH's folder for incoming calls cannot be written: {error.strerror}.",
                ) from None
            self._in_force = self._in_force and not any(changed)
            if not self._in_force:
                said = await self._engine.socket.run("reloadacl")  # reads the whole configuration again
                if not said.startswith("+OK"):
                    raise SwitchError(SwitchErrorCode.FAILED, "FreeSWITCH could not read its files about calls.")
                self._in_force = True

    def take(self, event: Event, at: float) -> None:
        """A channel of the trunks' port is over."""
        watched = self._list.find([event.get("variable_hl_watched", "")])
        host = event.get("Caller-Network-Addr", "") or event.get("variable_sip_network_ip", "")
        if watched is None or self._engine.config.guest or not watched.comes_from(host):
            return
        hidden = event.get("Caller-Privacy-Hide-Number") == "true"
        caller = "" if hidden else caller_as_given(event.get("Caller-Caller-ID-Number", ""))
        if not self._bounds.allow(host, watched.number.number, caller, time.monotonic()):
            return
        began, ended = (_moment(event, name) for name in ("Caller-Channel-Created-Time", "Caller-Channel-Hangup-Time"))
        rang = event.get("variable_hl_rang") == "true"
        rang_ms = max(1, round(1000 * ((ended or at) - (began or at)))) if rang else 0
        self._engine.emit(NumberCalled(watched.number.number, watched.number.trunk, caller, began or at, rang_ms))


def _moment(event: Event, name: str) -> float:
    """Of FreeSWITCH's microseconds since 1970, in seconds; 0 for none."""
    text = event.get(name, "")
    return int(text) / 1e6 if _MICROSECONDS.fullmatch(text) else 0.0


def callers_xml(found: WatchList) -> str:
    """IPv4 only, as the port that they come in on."""
    networks = {network for one in found.by_form.values() for network in one.networks}
    allowed = sorted(str(one) for one in networks if isinstance(one, ipaddress.IPv4Network))
    nodes = "".join(f'<node type="allow" cidr="{network}"/>' for network in allowed)
    return f'<list name="{LIST}" default="deny">{nodes}</list>\n'


def numbers_xml(found: WatchList) -> str:
    """An extension for each number: by the Request-URI or, where we are registered, by To. `hl_watched` is what the event is known by."""
    forms: dict[str, list[str]] = {}
    for form, one in found.by_form.items():
        forms.setdefault(one.number.number.lstrip("+"), []).append(form)
    return "".join(_extension(number, forms[number]) for number in sorted(forms)) or "<!-- no number is watched -->\n"


def _extension(number: str, forms: Sequence[str]) -> str:
    actions = (
        ("set", f"hl_watched={number}"),
        ("limit", f"hash callers ${{sip_network_ip}} {A_MINUTE_FROM_HOST}/60 !CALL_REJECTED"),
        ("limit", f"hash watched ringing {MOST_RINGING} !USER_BUSY"),
        ("set", "hl_rang=true"),
        ("ring_ready", ""),
        ("sleep", str(1000 * WATCHED_RINGS_S)),
        ("hangup", "NO_ANSWER"),
    )
    lines = "".join(f"<action application={quoteattr(name)} data={quoteattr(data)}/>" for name, data in actions)
    expression = rf"(^| )\+?({'|'.join(forms)})( |$)"
    condition = f"<condition field={quoteattr('${sip_req_user} ${sip_to_user}')} expression={quoteattr(expression)}>"
    return f'<extension name="watched-{number[-2:]}">{condition}{lines}</condition></extension>\n'
