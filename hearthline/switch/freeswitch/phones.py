"""People's own telephones at a FreeSWITCH node: who may register, where they are, who guesses.

FreeSWITCH is the registrar: accounts are files of its directory, so telephones stay registered and register again while
call control is away. What it cannot do is done here: count wrong answers and deny those hosts, and say where a telephone
is rung: the address that its REGISTER came from, never what its Contact says (a Contact is a place to send calls to, and
somebody would name the provider's).
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hearthline.switch.embedded.sip.addresses import sip_uri
from hearthline.switch.embedded.sip.guessers import Guessers
from hearthline.switch.embedded.sip.phones import check_accounts
from hearthline.switch.freeswitch import phone_files
from hearthline.switch.freeswitch.frames import Event
from hearthline.switch.port import (
    PhoneAccount,
    PhoneRegistered,
    PhoneUnregistered,
    SwitchError,
    SwitchErrorCode,
)

if TYPE_CHECKING:
    from hearthline.switch.freeswitch.engine import FreeswitchSwitch

log = logging.getLogger(__name__)

PROFILE = "phones"
EVENTS = ("sofia::register", "sofia::unregister", "sofia::expire", "sofia::register_attempt")

_WAIT_S = 2.0
_MOST_BANS = 1_000
_BETWEEN_WRITES_S = 0.5  # of what guessers bring about
_CONTACT_USER = re.compile(r"sips?:([A-Za-z0-9._~+*=-]{1,64})@")
_TRANSPORT = re.compile(r"^Registered\((TCP|TLS)\b")
_PORT = re.compile(r"[0-9]{1,5}")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a telephone is: whence its last REGISTER came."""

    host: str
    uri: str


class Phones:
    """Of one node. `take` is told FreeSWITCH's events, `learn` after each connection."""

    def __init__(self, engine: FreeswitchSwitch) -> None:
        self._engine = engine
        self._served = False  # whether FreeSWITCH has the port for telephones
        self._accounts: list[PhoneAccount] | None = None  # None: nobody has said yet
        self._in_force = False  # whether FreeSWITCH has read the files as they are
        self._stale: set[str] = set()  # names whose bindings are to be forgotten
        self._here: dict[str, _Place] = {}
        self._guessers = Guessers()
        self._lock = asyncio.Lock()
        self._more = asyncio.Event()  # a host is to be denied
        self._keeping_out: asyncio.Task[None] | None = None

    async def accept(self, accounts: Sequence[PhoneAccount]) -> None:
        """See `Switch.accept_phones`."""
        check_accounts(accounts)
        config = self._engine.config
        if any(account.realm != config.phones_realm for account in accounts):
            raise SwitchError(
                SwitchErrorCode.BAD_REQUEST,
                "The accounts' realm is not the one of FreeSWITCH's configuration: write that again and restart FreeSWITCH.",
            )
        if config.phones_folder is None:
            if accounts:
                raise SwitchError(
                    SwitchErrorCode.FAILED,
                    "No folder for telephones is set (HEARTHLINE_FREESWITCH_PHONES): none can register.",
                )
            return
        await self._engine.socket.wait_connected(_WAIT_S)
        if not self._served:
            if accounts:
                raise SwitchError(
                    SwitchErrorCode.FAILED,
                    "FreeSWITCH has no port for telephones: write its configuration again and restart it.",
                )
            return
        async with self._lock:
            kept = await asyncio.to_thread(phone_files.read_kept, config.phones_folder)
            self._accounts = list(accounts)
            wanted = {account.name: account.ha1 for account in accounts}
            self._stale |= {name for name, ha1 in kept.items() if wanted.get(name) != ha1} | (
                self._here.keys() - wanted
            )
            await self._write(config.phones_folder)
            for name in sorted(self._stale):
                await self._engine.socket.api(f"sofia profile {PROFILE} flush_inbound_reg {name}@{config.phones_realm}")
                self._gone(name, time.time())
                self._stale.discard(name)

    async def _write(self, folder: Path) -> None:
        """Accounts and denials as they are now; in force at once."""
        if self._accounts is None:
            return
        bans = self._guessers.bans(time.monotonic(), _MOST_BANS)
        at_home = {name: place.host for name, place in self._here.items()}
        lists = phone_files.denials((account.name for account in self._accounts), bans, at_home)
        texts = {
            folder / phone_files.GUESSERS: phone_files.guessers_xml(lists),
            folder / phone_files.ACCOUNTS: phone_files.accounts_xml(
                self._engine.config.phones_realm, self._accounts, lists
            ),
        }
        try:
            changed = [await asyncio.to_thread(phone_files.write_if_new, path, text) for path, text in texts.items()]
        except OSError as error:
            raise SwitchError(
                SwitchErrorCode.FAILED, f"FreeSWITCH's folder for telephones cannot be written: {error.strerror}."
            ) from None
        self._in_force = self._in_force and not any(changed)
        if not self._in_force:
            said = await self._engine.socket.run("reloadacl")  # reads the whole configuration again, the directory too
            if not said.startswith("+OK"):
                raise SwitchError(SwitchErrorCode.FAILED, "FreeSWITCH could not read its files about telephones.")
            self._in_force = True

    def registered(self) -> list[str]:
        return sorted(self._here)

    def uri_of(self, name: str) -> str:
        """Where to ring it. Raises SwitchError(NOT_REGISTERED)."""
        place = self._here.get(name)
        if place is None:
            raise SwitchError(SwitchErrorCode.NOT_REGISTERED, "The telephone is not registered.")
        return place.uri

    # --- what FreeSWITCH tells ----------------------------------------------------------------------------------------

    async def learn(self) -> None:
        """What is registered now: after a connection, some may have come and gone unheard."""
        if self._engine.config.phones_folder is None:
            return
        reply = await self._engine.socket.api(f"sofia xmlstatus profile {PROFILE} reg")
        self._served = "<registrations>" in reply
        found: dict[str, _Place | None] = {}
        for block in reply.split("<registration>")[1:]:
            # each element is a line; what a telephone says of itself cannot begin one
            fields = dict(re.findall(r"^\s*<([a-z-]+)>(.*)</\1>$", block, re.MULTILINE))
            name, _, realm = fields.get("user", "").partition("@")
            if realm == self._engine.config.phones_realm:
                address = fields.get("network-ip", ""), fields.get("network-port", "")
                found[name] = _place(name, *address, fields.get("status", ""), fields.get("contact", ""))
        for name in self._here.keys() - found.keys():
            self._gone(name, time.time())
        for name, place in found.items():
            self._came(name, place, time.time())

    def take(self, event: Event, at: float) -> None:
        if event.get("profile-name") != PROFILE:
            return
        match event.get("Event-Subclass", ""):
            case "sofia::register":
                name = event.get("from-user", "")
                address = event.get("network-ip", ""), event.get("network-port", "")
                self._came(name, _place(name, *address, event.get("status", ""), event.get("contact", "")), at)
            case "sofia::unregister":
                self._gone(event.get("from-user", ""), at)
            case "sofia::expire":
                self._gone(event.get("user", ""), at)
            case "sofia::register_attempt":
                self._tried(event)

    def _came(self, name: str, place: _Place | None, at: float) -> None:
        if place is None:
            log.warning("freeswitch: a telephone registered from nowhere")
            return
        self._guessers.succeeded(place.host, name)
        known, self._here[name] = self._here.get(name), place
        if known is None:
            self._engine.emit(PhoneRegistered(name, at))

    def _gone(self, name: str, at: float) -> None:
        if self._here.pop(name, None) is not None:
            self._engine.emit(PhoneUnregistered(name, at))

    # --- guessers -----------------------------------------------------------------------------------------------------

    def _tried(self, event: Event) -> None:
        if event.get("auth-result") != "FORBIDDEN":
            return
        host, name = event.get("network-ip", ""), event.get("username", "")[:64]
        place = self._here.get(name)
        now = time.monotonic()
        if not _is_address(host) or (place is not None and place.host == host):
            return
        if self._guessers.banned_for(host, name, now, here=False):
            return  # refused for that: it may even have been right
        self._guessers.failed(host, name, now)
        if self._guessers.banned_for(host, name, now, here=False):
            self._more.set()
            if self._keeping_out is None or self._keeping_out.done():
                self._keeping_out = self._engine.spawn(self._keep_out(), "keep guessers out")

    async def _keep_out(self) -> None:
        """Write who is denied, write again when others come to it, and when it is over."""
        folder = self._engine.config.phones_folder
        while folder is not None:
            self._more.clear()
            async with self._lock:
                await self._write(folder)
            now = time.monotonic()
            bans = self._guessers.bans(now, _MOST_BANS)
            if not bans:
                return
            await asyncio.sleep(_BETWEEN_WRITES_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, min(ban.until for ban in bans) - now)):
                    await self._more.wait()


def _place(name: str, host: str, port: str, status: str, contact: str) -> _Place | None:
    """The user part is the telephone's own word (some have several accounts, told apart by it), if it is an ordinary one."""
    if not _is_address(host) or not _PORT.fullmatch(port):
        return None
    user = _CONTACT_USER.search(contact)
    transport = _TRANSPORT.search(status)
    return _Place(
        host, sip_uri(user[1] if user else name, host, int(port), transport=transport[1].lower() if transport else "")
    )


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
