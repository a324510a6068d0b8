"""Trunks that are kept registered: gateways of FreeSWITCH, written as files and made known over the event socket.

Only registering needs them; a call takes its trunk with it. A gateway's name is a hash of all that it says, so a trunk
that changed is another gateway, and one that did not is left alone, also over a restart of call control: the files tell
what there is.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

from hearthline.switch.freeswitch.dialling import check_account, check_tls
from hearthline.switch.freeswitch.frames import Event
from hearthline.switch.port import RegistrationChanged, SwitchError, SwitchErrorCode, Transport, Trunk

if TYPE_CHECKING:
    from hearthline.switch.freeswitch.engine import FreeswitchSwitch

log = logging.getLogger(__name__)

_MOST = 100
_EXPIRES_S = 300
_RETRY_S = 30
_LOOK_S = 0.5
_LOOKS = 20  # at a gateway that is new, until its registrar has spoken
_NO_CHALLENGE_MET = "904"  # FreeSWITCH's own number: the provider asked for the password again
_NAME = re.compile(r"trunk-[0-9a-f]{24}")


class Gateways:
    def __init__(self, engine: FreeswitchSwitch) -> None:
        self._engine = engine
        self._kept: dict[str, Trunk] = {}  # by the gateway's name
        self._told: dict[str, bool] = {}
        self._lock = asyncio.Lock()

    async def keep(self, trunks: Sequence[Trunk]) -> None:
        """See `Switch.keep_registered`."""
        if len({trunk.name for trunk in trunks}) != len(trunks) or len(trunks) > _MOST:
            raise SwitchError(
                SwitchErrorCode.BAD_REQUEST,
                f"At most {_MOST} trunks, each with a name of its own, are kept registered.",
            )
        folder = self._engine.config.gateways_folder
        wanted = {gateway_name(trunk): trunk for trunk in trunks if trunk.register and self._can_register(trunk)}
        if folder is None:
            if wanted:
                raise SwitchError(
                    SwitchErrorCode.FAILED, "No folder for gateways is set: FreeSWITCH cannot register trunks."
                )
            return
        async with self._lock:
            have = await asyncio.to_thread(_names, folder)
            for name in have - wanted.keys():
                await asyncio.to_thread((folder / f"{name}.xml").unlink, True)
                await self._engine.socket.run(f"sofia profile external killgw {name}")
            for name in wanted.keys() - have:
                await asyncio.to_thread(_write, folder / f"{name}.xml", gateway_xml(name, wanted[name]))
            self._kept, self._told = wanted, {}
            if have != wanted.keys():
                await self._engine.socket.run("reloadxml")
            if wanted.keys() - have:
                await self._engine.socket.run("sofia profile external rescan")
        for name in wanted:
            self._engine.spawn(self._look(name), "a registration")

    def _can_register(self, trunk: Trunk) -> bool:
        """One that cannot be is told as refused; the others are not kept waiting for it."""
        config = self._engine.config
        try:
            check_account(trunk)
            check_tls(trunk, spoken=config.tls, verified=config.tls_verify)
        except SwitchError as error:
            self._engine.emit(RegistrationChanged(trunk.name, time.time(), False, error.message.rstrip(".")))
            return False
        return True

    def changed(self, event: Event) -> None:
        """FreeSWITCH tells of a gateway's state."""
        self._tell(event.get("Gateway", ""), event.get("State", ""), event.get("Status", ""), event.get("Phrase", ""))

    def _tell(self, name: str, state: str, status: str = "", phrase: str = "") -> None:
        trunk = self._kept.get(name)
        if trunk is None or state in ("TRYING", "REGISTER", "UNREGED", "UNREGISTER", "DOWN", ""):
            return
        registered = state == "REGED"
        if state not in ("REGED", "FAILED", "FAIL_WAIT", "TIMEOUT", "EXPIRED") or self._told.get(name) is registered:
            return
        self._told[name] = registered
        if status == _NO_CHALLENGE_MET:
            status, phrase = "401 or 407:", "the user name or password is refused"
        said = "" if registered else " ".join(word for word in (status, phrase) if word) or "no answer came"
        if not registered and trunk.transport is Transport.TLS:
            self._engine.spawn(self._say_why(name, trunk, said), "why a registration failed")
        else:
            self._engine.emit(RegistrationChanged(trunk.name, time.time(), registered, said))

    async def _say_why(self, name: str, trunk: Trunk, said: str) -> None:
        """FreeSWITCH does not tell a certificate that it refuses from a provider that is away; who tries it, learns it."""
        said = await self._engine.ringing.why_silent(trunk) or said
        if self._kept.get(name) is trunk and self._told.get(name) is False:
            self._engine.emit(RegistrationChanged(trunk.name, time.time(), False, said))

    async def _look(self, name: str) -> None:
        """A gateway that stands already says nothing by itself."""
        for _ in range(_LOOKS):
            if name not in self._kept or name in self._told:
                return
            reply = await self._engine.socket.api(f"sofia status gateway {name}")
            state = re.search(r"^State\s+(\S+)", reply, re.MULTILINE)
            if state is not None and state[1] == "REGED":
                self._tell(name, "REGED")
                return
            await asyncio.sleep(_LOOK_S)


def gateway_name(trunk: Trunk) -> str:
    """A hash of what the provider sees of it; our own name for the trunk is not part of it."""
    seen = (
        trunk.host,
        trunk.port,
        trunk.transport,
        trunk.username,
        trunk.password,
        trunk.from_domain,
        trunk.tls_verify,
    )
    return "trunk-" + hashlib.sha256(repr(seen).encode()).hexdigest()[:24]


def gateway_xml(name: str, trunk: Trunk) -> str:
    host = f"{trunk.host}:{trunk.port}" if trunk.port else trunk.host
    values = {
        "username": trunk.username,
        "password": trunk.password,
        "realm": trunk.from_domain or trunk.host,
        "from-domain": trunk.from_domain or trunk.host,
        "proxy": host,
        "register": "true",
        "register-transport": str(trunk.transport),
        "expire-seconds": str(_EXPIRES_S),
        "retry-seconds": str(_RETRY_S),
        "extension": "refused",
        "context": "refused",
        **({"contact-params": f"transport={trunk.transport}"} if trunk.transport is not Transport.UDP else {}),
    }
    lines = [f"<param name={quoteattr(key)} value={quoteattr(value)}/>" for key, value in values.items()]
    return "\n".join([f"<gateway name={quoteattr(name)}>", *lines, "</gateway>", ""])


def _names(folder: Path) -> set[str]:
    return {path.stem for path in folder.glob("*.xml") if _NAME.fullmatch(path.stem)}


def _write(path: Path, text: str) -> None:
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640), "w") as file:
        file.write(text)
    part.replace(path)
