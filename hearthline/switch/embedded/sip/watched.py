"""Calls to watched numbers: they ring and nobody answers (480, RFC 3261 §21.4.18). No audio, no dialog beyond an early one;
whoever calls learns nothing that an ordinary unanswered telephone would not tell."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hearthline.switch.embedded.sip.addresses import NameAddr, SipUri
from hearthline.switch.embedded.sip.core import Core
from hearthline.switch.embedded.sip.dialog import new_tag
from hearthline.switch.embedded.sip.errors import BadMessageError
from hearthline.switch.embedded.sip.message import Request, response_to
from hearthline.switch.embedded.sip.resolver import UnknownHostError
from hearthline.switch.embedded.sip.transaction import ServerTransaction
from hearthline.switch.port import WATCHED_RINGS_S, NumberCalled, WatchedNumber
from hearthline.switch.watched import MOST_RINGING, Bounds, Watched, WatchList, caller_as_given, watch_list

OnCall = Callable[[NumberCalled], None]


@dataclass(slots=True)
class _Ringing:
    transaction: ServerTransaction
    watched: Watched
    caller: str
    at: float
    began: float  # monotonic
    timer: asyncio.TimerHandle


class WatchedNumbers:
    """Of one user agent. `on_call` hears of each call when it is over."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._list = WatchList()
        self._bounds = Bounds()
        self._ringing: dict[str, _Ringing] = {}  # by Call-ID
        self.on_call: OnCall | None = None

    async def watch(self, numbers: Sequence[WatchedNumber]) -> None:
        """See `Switch.watch_numbers`. Raises SwitchError."""
        self._list = await watch_list(numbers, self._addresses)

    async def _addresses(self, host: str) -> Sequence[str]:
        try:
            return await self._core.resolver.addresses(host)
        except UnknownHostError as error:
            raise LookupError(host) from error

    def close(self) -> None:
        for call_id in list(self._ringing):
            self._over(call_id, 480)

    def take(self, transaction: ServerTransaction) -> bool:
        """False: the call is not for a watched number, or comes from elsewhere; nothing was answered. Raises BadMessageError."""
        request, source = transaction.request, transaction.source
        watched = self._list.find(_called(request))
        if watched is None or not watched.comes_from(source.host):
            return False
        caller, now = _caller(request), time.monotonic()
        if request.call_id in self._ringing:
            transaction.reply(482, to_tag=new_tag())  # forked on its way to us (§8.2.2.2)
        elif not self._bounds.allow(source.host, watched.number.number, caller, now):
            self._core.layer.drop(transaction, 404)
        elif len(self._ringing) >= MOST_RINGING:
            transaction.reply(486, to_tag=new_tag())
            self._tell(watched, caller, time.time(), 0)
        else:
            self._ring(transaction, watched, caller, now)
        return True

    def _ring(self, transaction: ServerTransaction, watched: Watched, caller: str, now: float) -> None:
        request, call_id, tag = transaction.request, transaction.request.call_id, new_tag()
        response = response_to(request, 180, to_tag=tag)
        for route in request.headers.all("Record-Route"):
            response.headers.add("Record-Route", route)
        hop = self._core.transports.hop_back(transaction.source)
        response.headers.add("Contact", self._core.contact(hop, SipUri.parse(request.uri).user))
        timer = self._core.layer.later(WATCHED_RINGS_S, lambda: self._over(call_id, 480, tag))
        self._ringing[call_id] = _Ringing(transaction, watched, caller, time.time(), now, timer)
        transaction.on_cancel = lambda: self._over(call_id, 487, tag)
        transaction.respond(response)

    def _over(self, call_id: str, status: int, tag: str = "") -> None:
        one = self._ringing.pop(call_id, None)
        if one is None:
            return
        one.timer.cancel()
        one.transaction.reply(status, to_tag=tag or new_tag())
        self._tell(one.watched, one.caller, one.at, max(1, round(1000 * (time.monotonic() - one.began))))

    def _tell(self, watched: Watched, caller: str, at: float, rang_ms: int) -> None:
        if self.on_call is not None:
            self.on_call(NumberCalled(watched.number.number, watched.number.trunk, caller, at, rang_ms))


def _called(request: Request) -> list[str]:
    """What may name the called number: a provider that we are registered with puts our account into the Request-URI and the
    number into To or P-Called-Party-ID (RFC 7315 §4.2)."""
    users = [SipUri.parse(request.uri).user, request.to.uri.user]
    party = request.headers.get("P-Called-Party-ID")
    return [NameAddr.parse(party).uri.user, *users] if party else users


def _caller(request: Request) -> str:
    """The network's word before the caller's own (RFC 3325 §9.1); "" when it was withheld (RFC 3323 §4.2)."""
    asked = {word.strip().lower() for word in (request.headers.get("Privacy") or "").replace(",", ";").split(";")}
    if asked & {"id", "user"}:
        return ""
    for value in request.headers.all("P-Asserted-Identity"):
        try:
            user = NameAddr.parse(value).uri.user
        except BadMessageError:
            continue
        if caller_as_given(user):
            return caller_as_given(user)
    return caller_as_given(request.from_.uri.user)
