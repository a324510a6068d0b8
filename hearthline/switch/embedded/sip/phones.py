"""A registrar for people's own telephones (RFC 3261 §10.3): who may be rung, and where they are.

A binding is where a REGISTER came from: behind a NAT the Contact's own address leads nowhere, the port that the packet came
from does (RFC 3581, RFC 5626). Nothing can be dialled by such a telephone; its INVITE gets a 403.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hearthline.switch.embedded.sip.addresses import NameAddr
from hearthline.switch.embedded.sip.core import Core
from hearthline.switch.embedded.sip.dialog import new_tag
from hearthline.switch.embedded.sip.message import Request
from hearthline.switch.embedded.sip.phone_gate import PhoneGate, Verdict
from hearthline.switch.embedded.sip.transaction import ServerTransaction
from hearthline.switch.embedded.sip.transport import Hop, Source
from hearthline.switch.port import PHONES_BOUND, PhoneAccount, SwitchError, SwitchErrorCode, Transport

SHORTEST = 60  # seconds of a registration; a shorter one is answered with 423
LONGEST = 600
LONGEST_BEHIND_NAT = 120  # what is sent from outside keeps many NATs' holes open not at all
USUAL = 300  # when the telephone asks for nothing
MAX_BINDINGS = 3  # of one account; the oldest goes
KEEP_ALIVE = 25.0
_NAME = re.compile(r"[a-z0-9_-]{1,32}")
_HA1 = re.compile(r"[0-9a-f]{32}")
_SECONDS = re.compile(r"[0-9]{1,10}")

OnChange = Callable[[str, bool], None]


def check_accounts(accounts: Sequence[PhoneAccount]) -> None:
    """Raises SwitchError(BAD_REQUEST)."""
    realms = {account.realm for account in accounts}
    fit = all(_NAME.fullmatch(account.name) and _HA1.fullmatch(account.ha1) for account in accounts)
    if len(accounts) > PHONES_BOUND or len(realms) > 1 or not fit or any('"' in realm for realm in realms):
        raise SwitchError(
            SwitchErrorCode.BAD_REQUEST,
            f"At most {PHONES_BOUND} accounts of one realm, each with a plain name and an HA1 of 32 hex digits.",
        )


@dataclass(slots=True)
class _Binding:
    contact: NameAddr
    source: Source
    hop: Hop
    call_id: str
    cseq: int
    expires: float  # monotonic
    expiry: asyncio.TimerHandle


@dataclass(frozen=True, slots=True)
class Place:
    """Where a registered telephone is."""

    uri: str
    hop: Hop


class Phones:
    """Of one user agent. `on_change(name, registered)` is told of first and last bindings."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._accounts: dict[str, PhoneAccount] = {}
        self._gate: PhoneGate | None = None
        self._bindings: dict[str, list[_Binding]] = {}
        self._keeping: asyncio.TimerHandle | None = None
        self.on_change: OnChange | None = None

    def accept(self, accounts: Sequence[PhoneAccount]) -> None:
        """Exactly these may register from now on. Raises SwitchError(BAD_REQUEST)."""
        check_accounts(accounts)
        realms = {account.realm for account in accounts}
        before = dict(self._accounts)
        self._accounts.clear()
        self._accounts.update({account.name: account for account in accounts})
        for name, account in before.items():
            if self._accounts.get(name) != account:
                self._drop_all(name)
        if accounts and (self._gate is None or self._gate.realm not in realms):
            self._gate = PhoneGate(self._accounts, realms.pop())
        elif not accounts:
            self._gate = None

    def registered(self) -> list[str]:
        return sorted(self._bindings)

    def place_of(self, name: str) -> Place:
        """The newest binding. Raises SwitchError(NOT_REGISTERED)."""
        bindings = self._bindings.get(name)
        if not bindings:
            raise SwitchError(SwitchErrorCode.NOT_REGISTERED, "The telephone is not registered.")
        newest = bindings[-1]
        return Place(newest.contact.uri.text, newest.hop)

    def is_here(self, source: Source) -> bool:
        """Whether a registered telephone speaks from there."""
        return any(binding.source == source for bindings in self._bindings.values() for binding in bindings)

    def close(self) -> None:
        self.on_change = None
        for name in list(self._bindings):
            self._drop_all(name)
        if self._keeping is not None:
            self._keeping.cancel()

    # REGISTER

    def register(self, transaction: ServerTransaction) -> bool:
        """Answer a REGISTER. False when no telephone may register here at all. Raises BadMessageError."""
        gate = self._gate
        if gate is None:
            return False
        request, source = transaction.request, transaction.source
        now = time.monotonic()
        verdict, name = gate.verify(request, source.host)
        here = any(binding.source.host == source.host for binding in self._bindings.get(name, ()))
        wait = gate.guessers.banned_for(source.host, name, now, here=here) if verdict is not Verdict.UNKNOWN else 0.0
        if wait:
            self._core.layer.drop(transaction, 503, (("Retry-After", str(int(wait) + 1)),))
            return True
        if verdict is Verdict.WRONG:
            gate.guessers.failed(source.host, name, now)
        if verdict is not Verdict.KNOWN:  # the same answer to all: which names exist is nobody's business
            challenge = gate.challenge(source.host, stale=verdict is Verdict.STALE)
            self._core.layer.drop(transaction, 401, (("WWW-Authenticate", challenge),))
            return True
        if request.to.uri.user != name:
            transaction.reply(403, to_tag=new_tag())  # one account does not register for another (§10.3, step 4)
            return True
        gate.guessers.succeeded(source.host, name)
        self._bind(transaction, name, now)
        return True

    def _bind(self, transaction: ServerTransaction, name: str, now: float) -> None:
        request = transaction.request
        contacts = request.headers.all("Contact")
        if "*" in contacts:
            if contacts != ["*"] or request.headers.number("Expires") != 0:
                transaction.reply(400, to_tag=new_tag())
                return
            self._drop_all(name)
        elif contacts:
            contact = NameAddr.parse(contacts[0])
            asked = _asked(request, contact)
            if not contact.uri.host:
                transaction.reply(400, to_tag=new_tag())
                return
            if 0 < asked < SHORTEST:
                transaction.reply(423, to_tag=new_tag(), headers=(("Min-Expires", str(SHORTEST)),))
                return
            if self._is_old(request, name):
                transaction.reply(500, to_tag=new_tag())  # out of order (§10.3, step 7)
                return
            self._set(transaction, name, contact, asked, now)
        self._confirm(transaction, name, now)

    def _is_old(self, request: Request, name: str) -> bool:
        return any(
            binding.call_id == request.call_id and request.cseq[0] <= binding.cseq
            for binding in self._bindings.get(name, ())
        )

    def _set(self, transaction: ServerTransaction, name: str, contact: NameAddr, asked: int, now: float) -> None:
        request, source = transaction.request, transaction.source
        was_here = name in self._bindings
        for old in [
            b for b in self._bindings.get(name, ()) if b.contact.uri.text == contact.uri.text or b.source == source
        ]:
            self._forget(name, old)
        if asked:
            behind_nat = source.transport is Transport.UDP and (contact.uri.host, contact.uri.port or 5060) != (
                source.host, source.port,
            )  # fmt: skip
            seconds = min(asked, LONGEST_BEHIND_NAT if behind_nat else LONGEST)
            bindings = self._bindings.setdefault(name, [])
            binding = _Binding(
                contact, source, self._core.transports.hop_back(source), request.call_id, request.cseq[0], now + seconds,
                self._core.layer.later(seconds, lambda: self._expired(name, binding)),
            )  # fmt: skip
            bindings.append(binding)
            if len(bindings) > MAX_BINDINGS:
                self._forget(name, bindings[0])
            if self._keeping is None:
                self._keeping = self._core.layer.later(KEEP_ALIVE, self._keep_alive)
        self._tell(name, was_here)

    def _confirm(self, transaction: ServerTransaction, name: str, now: float) -> None:
        """200 with what is bound now, and for how long (§10.3, step 8)."""
        lines = [
            ("Contact", f"<{binding.contact.uri.text}>;expires={max(1, round(binding.expires - now))}")
            for binding in self._bindings.get(name, ())
        ]
        transaction.reply(200, to_tag=new_tag(), headers=tuple(lines))

    # bindings

    def _expired(self, name: str, binding: _Binding) -> None:
        if binding in self._bindings.get(name, ()):
            self._forget(name, binding)
            self._tell(name, True)

    def _forget(self, name: str, binding: _Binding) -> None:
        binding.expiry.cancel()
        bindings = self._bindings.get(name, [])
        bindings.remove(binding)
        if not bindings:
            self._bindings.pop(name, None)

    def _drop_all(self, name: str) -> None:
        was_here = name in self._bindings
        for binding in list(self._bindings.get(name, ())):
            self._forget(name, binding)
        self._tell(name, was_here)

    def _tell(self, name: str, was_here: bool) -> None:
        is_here = name in self._bindings
        if is_here is not was_here and self.on_change is not None:
            self.on_change(name, is_here)

    def _keep_alive(self) -> None:
        """Hold the way to each telephone open (RFC 5626 §4.4.1)."""
        for bindings in self._bindings.values():
            for binding in bindings:
                self._core.transports.keep_alive(binding.hop)
        self._keeping = self._core.layer.later(KEEP_ALIVE, self._keep_alive) if self._bindings else None


def _asked(request: Request, contact: NameAddr) -> int:
    """Seconds: of the Contact, else of the header, else the usual (§10.2.1.1); nonsense counts as the usual."""
    for text in (contact.params.get("expires"), request.headers.get("Expires")):
        if text is not None and _SECONDS.fullmatch(text.strip()):
            return int(text)
    return USUAL
