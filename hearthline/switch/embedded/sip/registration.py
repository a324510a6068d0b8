"""REGISTER (RFC 3261 §10): tell a provider where its calls for us should go, and keep telling it."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from hearthline.switch.embedded.sip.addresses import NameAddr, sip_uri
from hearthline.switch.embedded.sip.core import Core
from hearthline.switch.embedded.sip.dialog import new_tag
from hearthline.switch.embedded.sip.digest import DigestClient
from hearthline.switch.embedded.sip.errors import BadMessageError
from hearthline.switch.embedded.sip.message import Headers, Request, Response
from hearthline.switch.embedded.sip.resolver import UnknownHostError
from hearthline.switch.embedded.sip.transport import Hop
from hearthline.switch.port import Trunk

log = logging.getLogger(__name__)

EXPIRES = 600  # seconds asked for
LONGEST = 86_400
FIRST_RETRY = 5.0
LONGEST_RETRY = 300.0
KEEP_ALIVE = 25.0  # holds a UDP binding in a NAT open (RFC 5626 §4.4.1)
MAX_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a provider said. `status` is None when it said nothing; `reason` its words or ours."""

    status: int | None
    reason: str
    expires: int = 0

    @property
    def accepted(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


async def ask(core: Core, request: Request, hop: Hop) -> Response | str:
    """Send one request outside any call; the final response, or a sentence on why there is none."""
    answer: asyncio.Future[Response | str] = asyncio.get_running_loop().create_future()

    def responded(response: Response) -> None:
        if response.status >= 200 and not answer.done():
            answer.set_result(response)

    def failed(reason: str) -> None:
        if not answer.done():
            answer.set_result(reason)

    transaction = core.send(request, hop, responded, failed)
    try:
        return await answer
    finally:
        if not answer.done() or answer.cancelled():
            transaction.end()


class Registrar:
    """One trunk's conversation with its registrar; the Call-ID stays, CSeq grows (§10.2.4)."""

    def __init__(self, core: Core, trunk: Trunk) -> None:
        self._core = core
        self.trunk = trunk
        self._digest = DigestClient(trunk.username, trunk.password)
        self._call_id = secrets.token_hex(12)
        self._tag = new_tag()
        self._cseq = 0
        self.hop: Hop | None = None

    async def register(self, expires: int) -> Outcome:
        """Register for `expires` seconds, or with 0 take the registration back. Never raises."""
        try:
            hops = await self._core.resolver.trunk_hops(self.trunk)
        except UnknownHostError as error:
            return Outcome(None, str(error))
        outcome = Outcome(None, "")
        for hop in hops:
            outcome = await self._register_at(hop, expires)
            if outcome.status is not None:
                self.hop = hop
                break
        return outcome

    async def _register_at(self, hop: Hop, expires: int) -> Outcome:
        outcome = Outcome(None, "no answer from the far end")
        for _ in range(MAX_ATTEMPTS):
            request = self._request(hop, expires)
            response = await ask(self._core, request, hop)
            if isinstance(response, str):
                return Outcome(None, response)
            outcome = Outcome(response.status, response.reason)
            if response.status in {401, 407} and self._digest.take(response):
                continue
            minimum = response.headers.number("Min-Expires")
            if response.status == 423 and minimum is not None and expires < minimum <= LONGEST:
                expires = minimum
                continue
            if 200 <= response.status < 300:
                self._digest.accepted()
                return Outcome(response.status, response.reason, _granted(request, response, expires))
            break
        return outcome

    def _request(self, hop: Hop, expires: int) -> Request:
        self._cseq += 1
        trunk = self.trunk
        port = trunk.port if not trunk.from_domain else None
        address = sip_uri(trunk.username, trunk.from_domain or trunk.host, port)
        headers = Headers(
            [
                ("Via", self._core.via(hop)),
                ("Max-Forwards", "70"),
                ("From", f"<{address}>;tag={self._tag}"),
                ("To", f"<{address}>"),
                ("Call-ID", self._call_id),
                ("CSeq", f"{self._cseq} REGISTER"),
                ("Contact", self._core.contact(hop, trunk.username)),
                ("Expires", str(expires)),
            ]
        )
        request = Request("REGISTER", sip_uri("", trunk.from_domain or trunk.host, port), headers)
        self._core.dress(request)
        self._digest.sign(request)
        return request


def _granted(request: Request, response: Response, asked: int) -> int:
    """Seconds the registrar gave our Contact (§10.2.4): its own expires parameter, else Expires, else what we asked."""
    ours = request.contact
    for text in response.headers.all("Contact"):
        try:
            contact = NameAddr.parse(text)
        except BadMessageError:
            continue
        same = ours is not None and (contact.uri.host, contact.uri.port) == (ours.uri.host, ours.uri.port)
        given = contact.params.get("expires", "")
        if same and given.isdigit():
            return min(int(given), LONGEST)
    return min(response.headers.number("Expires") or asked, LONGEST)


def refresh_after(expires: int) -> float:
    """Seconds to the next REGISTER: early enough to be repeated a few times should packets be lost."""
    return max(1.0, min(expires * 0.85, expires - 5))


OnOutcome = Callable[[Outcome], None]


class Registration:
    """Keeps one trunk registered until `stop`. `after`: what must be over before the first REGISTER, such as taking back
    another registration, which may have been of the same account and Contact."""

    def __init__(self, core: Core, trunk: Trunk, *, after: Iterable[asyncio.Task[None]] = ()) -> None:
        self._core = core
        self._registrar = Registrar(core, trunk)
        self._after = tuple(after)
        self.trunk = trunk
        self.outcome: Outcome | None = None  # of the last attempt
        self.on_outcome: OnOutcome | None = None  # told the first one, and each that differs from the one before
        self.changed = asyncio.Event()  # set after each attempt
        self._task = asyncio.get_running_loop().create_task(self._keep())

    @property
    def registered(self) -> bool:
        return self.outcome is not None and self.outcome.accepted

    async def _keep(self) -> None:
        failures = 0
        if self._after:
            await asyncio.wait(self._after)
        while True:
            self._take(await self._registrar.register(EXPIRES))
            assert self.outcome is not None
            if self.outcome.accepted:
                failures = 0
                await self._wait_registered(refresh_after(self.outcome.expires))
            else:
                log.warning("sip: trunk %s is not registered: %s", self.trunk.name, describe(self.outcome))
                wait = min(LONGEST_RETRY, FIRST_RETRY * 2**failures)
                failures = min(failures + 1, 10)
                await asyncio.sleep(wait * random.uniform(0.8, 1.2))  # noqa: S311 - no secret: spreads retries

    def _take(self, outcome: Outcome) -> None:
        before, self.outcome = self.outcome, outcome
        self.changed.set()
        known = before is not None and (before.accepted, before.status, before.reason) == (
            outcome.accepted, outcome.status, outcome.reason,
        )  # fmt: skip
        if self.on_outcome is not None and not known:
            self.on_outcome(outcome)

    async def _wait_registered(self, seconds: float) -> None:
        while seconds > 0:
            step = min(seconds, KEEP_ALIVE)
            await asyncio.sleep(step)
            seconds -= step
            hop = self._registrar.hop
            if hop is not None and not self._core.transports.connected_to(hop):
                return  # the provider could no longer reach us over it: register anew
            if hop is not None:
                self._core.transports.keep_alive(hop)

    async def stop(self, *, unregister_within: float = 2.0) -> None:
        """Take the registration back, but do not wait long for a provider that is silent."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if self.registered:
            try:
                async with asyncio.timeout(unregister_within):
                    await self._registrar.register(0)
            except TimeoutError:
                log.info("sip: trunk %s did not answer the end of its registration", self.trunk.name)


def describe(outcome: Outcome) -> str:
    """One clause for a person."""
    if outcome.status is None:
        return outcome.reason
    return f"the provider answered {outcome.status} {outcome.reason}".rstrip()
