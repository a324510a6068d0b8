"""What calls and registrations share: transactions, names, look-ups, and the table of calls."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from hearthline.switch.embedded.sip.addresses import sip_uri
from hearthline.switch.embedded.sip.message import Request, Response
from hearthline.switch.embedded.sip.resolver import Resolver
from hearthline.switch.embedded.sip.transaction import ClientTransaction, TransactionLayer, new_branch
from hearthline.switch.embedded.sip.transport import Hop, Transports
from hearthline.switch.port import Transport

if TYPE_CHECKING:
    from hearthline.switch.embedded.sip.call import PhoneCall

log = logging.getLogger(__name__)

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE"
METHODS_KNOWN = frozenset({"REFER", "NOTIFY", "MESSAGE", "SUBSCRIBE", "PUBLISH", "PRACK", "REGISTER"})
SUPPORTED = "timer"


class Core:
    """The shared part of one user agent."""

    def __init__(self, transports: Transports, layer: TransactionLayer, resolver: Resolver, product: str) -> None:
        self.transports = transports
        self.layer = layer
        self.resolver = resolver
        self.product = product
        self.calls: dict[tuple[str, str], PhoneCall] = {}  # (Call-ID, our tag)
        self._tasks: set[asyncio.Task[None]] = set()

    def via(self, hop: Hop) -> str:
        """A Via value with a fresh branch for a request to `hop`."""
        host = self.transports.local_host(hop.host)
        name = f"[{host}]" if ":" in host else host
        return f"SIP/2.0/{hop.transport.upper()} {name}:{self.transports.port};branch={new_branch()};rport"

    def contact(self, hop: Hop, user: str) -> str:
        """Our Contact value as seen from `hop`."""
        transport = "" if hop.transport is Transport.UDP else str(hop.transport)
        port = self.transports.port
        if hop.transport is Transport.TLS and self.transports.tls_port:
            port = self.transports.tls_port
        return f"<{sip_uri(user, self.transports.local_host(hop.host), port, transport=transport)}>"

    def dress(self, request: Request) -> None:
        """Headers every request of ours that may begin or change a session carries."""
        request.headers.set("Allow", ALLOW)
        request.headers.set("Supported", SUPPORTED)
        request.headers.set("User-Agent", self.product)

    def send(
        self,
        request: Request,
        hop: Hop,
        on_response: Callable[[Response], None],
        on_failure: Callable[[str], None],
    ) -> ClientTransaction:
        return self.layer.send(request, hop, on_response, on_failure)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a small piece of asynchronous work that the user agent owns; its failure is logged."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("sip: background work failed", exc_info=error)

    async def close(self) -> None:
        await self.resolver.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
