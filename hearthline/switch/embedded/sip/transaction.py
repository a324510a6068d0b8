"""Transactions (RFC 3261 §17, RFC 6026): each request and its responses, with the timers that make UDP dependable.

Everything runs on the event loop's thread; callbacks are called synchronously and must not raise.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from hearthline.switch.embedded.sip.errors import BadMessageError
from hearthline.switch.embedded.sip.message import Headers, Request, Response, response_to
from hearthline.switch.embedded.sip.transport import Hop, Source, Transports

log = logging.getLogger(__name__)

MAX_SERVER_TRANSACTIONS = 20_000
COOKIE: Final = "z9hG4bK"

TransactionKey = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Timers:
    """Seconds; RFC 3261 table 4. Tests make them short, nobody else should."""

    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0

    @property
    def give_up(self) -> float:
        """Timers B, F, H, L, M: 64*T1."""
        return 64 * self.t1


def new_branch() -> str:
    return COOKIE + secrets.token_hex(10)


class ClientTransaction:
    """One request of ours. `on_response` gets every provisional and final response once (2xx to INVITE each time it
    comes, since each may be another fork: RFC 6026); `on_failure` a sentence when there is none."""

    def __init__(
        self,
        layer: TransactionLayer,
        request: Request,
        hop: Hop,
        on_response: Callable[[Response], None],
        on_failure: Callable[[str], None],
    ) -> None:
        self._layer = layer
        self.request = request
        self.hop = hop
        self._on_response = on_response
        self._on_failure = on_failure
        self._invite = request.method == "INVITE"
        self.state = "calling"
        self.finished = asyncio.Event()  # a final response came, or none will
        self._data = request.encode()
        self._ack: bytes | None = None
        self._interval = layer.timers.t1
        self._retry: asyncio.TimerHandle | None = None
        self._deadline: asyncio.TimerHandle | None = None

    @property
    def key(self) -> TransactionKey:
        return (self.request.top_via.branch, self.request.method)

    def start(self) -> None:
        self._transmit()
        if not self.hop.reliable:
            self._retry = self._layer.later(self._interval, self._retransmit)
        self._deadline = self._layer.later(self._layer.timers.give_up, self._timed_out)

    def _transmit(self) -> None:
        self._layer.transports.send(self._data, self.hop, self._transport_failed)

    def _retransmit(self) -> None:
        """Timers A (doubling while calling) and E (doubling up to T2, also while proceeding)."""
        if self.state == "calling" or (self.state == "proceeding" and not self._invite):
            self._transmit()
            self._layer.retransmissions += 1
            t2 = self._layer.timers.t2
            self._interval = self._interval * 2 if self._invite else min(self._interval * 2, t2)
            if self.state == "proceeding":
                self._interval = t2
            self._retry = self._layer.later(self._interval, self._retransmit)

    def _timed_out(self) -> None:
        """Timers B and F. An INVITE that rings has no such limit; its caller has one of its own."""
        if self.state == "calling" or (self.state == "proceeding" and not self._invite):
            self.end()
            self._on_failure("no answer from the far end")

    def _transport_failed(self, reason: str) -> None:
        if self.state in {"calling", "proceeding"}:
            self.end()
            self._on_failure(reason)

    def receive(self, response: Response) -> None:
        if response.status < 200:
            if self.state in {"calling", "proceeding"}:
                self.state = "proceeding"
                self._on_response(response)
            return
        self.finished.set()
        if self.state == "completed":
            if self._ack is not None:
                self._layer.transports.send(self._ack, self.hop)
        elif self._invite and response.status < 300:
            first = self.state != "accepted"
            self.state = "accepted"
            if first:
                self._finish_after(self._layer.timers.give_up)  # timer M
            self._on_response(response)
        elif self.state in {"calling", "proceeding"}:
            self.state = "completed"
            if self._invite:
                self._ack = self._ack_for(response).encode()
                self._layer.transports.send(self._ack, self.hop)
            wait = 0.0 if self.hop.reliable else (self._layer.timers.give_up if self._invite else self._layer.timers.t4)
            self._finish_after(wait)  # timers D and K
            self._on_response(response)

    def _ack_for(self, response: Response) -> Request:
        """The ACK of a 3xx to 6xx belongs to the transaction (§17.1.1.3)."""
        headers = Headers([("Via", self.request.top_via.text), ("Max-Forwards", "70")])
        for route in self.request.headers.all("Route"):
            headers.add("Route", route)
        headers.add("From", self.request.from_.text)
        headers.add("To", response.to.text)
        headers.add("Call-ID", self.request.call_id)
        headers.add("CSeq", f"{self.request.cseq[0]} ACK")
        return Request("ACK", self.request.uri, headers)

    def give_up_after_cancel(self) -> None:
        """A cancelled INVITE that gets no final response in 64*T1 is over (§9.1)."""
        if self.state in {"calling", "proceeding"}:
            self._layer.later(self._layer.timers.give_up, self._cancel_unanswered)

    def _cancel_unanswered(self) -> None:
        if self.state in {"calling", "proceeding"}:
            self.end()
            self._on_failure("no answer to the CANCEL")

    def _finish_after(self, seconds: float) -> None:
        self._stop_timers()
        self._deadline = self._layer.later(seconds, self.end)

    def _stop_timers(self) -> None:
        for timer in (self._retry, self._deadline):
            if timer is not None:
                timer.cancel()

    def end(self) -> None:
        self.state = "terminated"
        self.finished.set()
        self._stop_timers()
        self._layer.forget_client(self)


class ServerTransaction:
    """One request of a peer. `respond` may be called for each provisional and one final response."""

    def __init__(self, layer: TransactionLayer, request: Request, source: Source, key: TransactionKey) -> None:
        self._layer = layer
        self.request = request
        self.source = source
        self.key = key
        self._invite = request.method == "INVITE"
        self.state = "proceeding"
        self.on_cancel: Callable[[], None] | None = None
        self.on_no_ack: Callable[[], None] | None = None
        self.on_ack: Callable[[Request], None] | None = None
        self._last: bytes | None = None
        self._interval = layer.timers.t1
        self._retry: asyncio.TimerHandle | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def respond(self, response: Response) -> None:
        """Ignored once a final response has gone out."""
        if self.state != "proceeding":
            return
        self._last = response.encode()
        self._transmit()
        if response.status < 200:
            return
        timers = self._layer.timers
        if not self._invite:
            self.state = "completed"
            self._deadline = self._layer.later(0 if self._reliable else timers.give_up, self.end)  # timer J
            return
        self.state = "accepted" if response.status < 300 else "completed"
        if self.state == "accepted" or not self._reliable:  # a 2xx is repeated end to end, on TCP too (§13.3.1.4)
            self._retry = self._layer.later(self._interval, self._retransmit)
        self._deadline = self._layer.later(timers.give_up, self._not_acknowledged)  # timers H and L

    def reply(
        self, status: int, reason: str = "", *, to_tag: str = "", headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        """A response without a body."""
        response = response_to(self.request, status, reason, to_tag=to_tag)
        for name, value in headers:
            response.headers.add(name, value)
        self.respond(response)

    @property
    def _reliable(self) -> bool:
        return self.source.connection is not None

    def _transmit(self) -> None:
        if self._last is not None:
            self._layer.transports.answer(self._last, self.source, self.request.top_via)

    def _retransmit(self) -> None:
        """Timer G, and the 2xx timer of §13.3.1.4."""
        if self.state in {"accepted", "completed"}:
            self._transmit()
            self._layer.retransmissions += 1
            self._interval = min(self._interval * 2, self._layer.timers.t2)
            self._retry = self._layer.later(self._interval, self._retransmit)

    def _not_acknowledged(self) -> None:
        told = self.on_no_ack if self.state == "accepted" else None
        self.end()
        if told is not None:
            told()

    def repeated(self) -> None:
        """The request came again: so does the last response."""
        if self.state != "confirmed":
            self._transmit()

    def acknowledged(self, ack: Request) -> None:
        """The ACK came: within this transaction for a failure, matched by the dialog for a 2xx."""
        if self.state not in {"accepted", "completed"}:
            return
        accepted = self.state == "accepted"
        self.state = "confirmed"
        if self._retry is not None:
            self._retry.cancel()
        if self._deadline is not None:
            self._deadline.cancel()
        wait = self._layer.timers.give_up if accepted else (0.0 if self._reliable else self._layer.timers.t4)
        self._deadline = self._layer.later(wait, self.end)  # timer I; a repeated INVITE is absorbed meanwhile
        if accepted and self.on_ack is not None:
            self.on_ack(ack)

    def end(self) -> None:
        self.state = "terminated"
        for timer in (self._retry, self._deadline):
            if timer is not None:
                timer.cancel()
        self._layer.forget_server(self)


class TransactionLayer:
    """All transactions of a user agent, and the sorting of what comes in."""

    def __init__(
        self,
        transports: Transports,
        timers: Timers,
        on_request: Callable[[ServerTransaction], None],
        on_ack: Callable[[Request, Source], None],
        on_stray_response: Callable[[Response], None],
    ) -> None:
        self.transports = transports
        self.timers = timers
        self.retransmissions = 0
        self._on_request = on_request
        self._on_ack = on_ack
        self._on_stray_response = on_stray_response
        self._clients: dict[TransactionKey, ClientTransaction] = {}
        self._servers: dict[TransactionKey, ServerTransaction] = {}

    def later(self, seconds: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(seconds, callback)

    def send(
        self,
        request: Request,
        hop: Hop,
        on_response: Callable[[Response], None],
        on_failure: Callable[[str], None],
    ) -> ClientTransaction:
        """Start a transaction for a request whose top Via carries a fresh branch."""
        transaction = ClientTransaction(self, request, hop, on_response, on_failure)
        self._clients[transaction.key] = transaction
        transaction.start()
        return transaction

    async def quiet(self) -> None:
        """Wait until every request of ours has its final response or was given up."""
        for transaction in list(self._clients.values()):
            await transaction.finished.wait()

    def close(self) -> None:
        """Stop every timer."""
        for client in list(self._clients.values()):
            client.end()
        for server in list(self._servers.values()):
            server.end()

    def forget_client(self, transaction: ClientTransaction) -> None:
        self._clients.pop(transaction.key, None)

    def forget_server(self, transaction: ServerTransaction) -> None:
        self._servers.pop(transaction.key, None)

    def receive(self, message: Request | Response, source: Source) -> None:
        """Sort one message. Raises BadMessageError for one that cannot be used."""
        if isinstance(message, Response):
            transaction = self._clients.get((message.top_via.branch, message.cseq[1]))
            if transaction is not None:
                transaction.receive(message)
            else:
                self._on_stray_response(message)
            return
        self._receive_request(message, source)

    def _receive_request(self, request: Request, source: Source) -> None:
        _stamp_via(request, source)
        key = server_key(request)
        known = self._servers.get(key)
        if request.method == "ACK":
            if known is not None and known.state == "completed":
                known.acknowledged(request)
            else:
                self._on_ack(request, source)
            return
        if known is not None:
            known.repeated()
            return
        if len(self._servers) >= MAX_SERVER_TRANSACTIONS:
            self.reply_without_state(request, source, 503)
            return
        transaction = ServerTransaction(self, request, source, key)
        self._servers[key] = transaction
        if request.method == "CANCEL":
            self._cancel(transaction)
        else:
            self._on_request(transaction)

    def _cancel(self, transaction: ServerTransaction) -> None:
        """§9.2: 200 to the CANCEL when its INVITE is known; the INVITE's owner ends it with 487."""
        invite = self._servers.get((*transaction.key[:-1], "INVITE"))
        if invite is None:
            transaction.reply(481, to_tag=secrets.token_hex(4))
            return
        transaction.reply(200, to_tag=secrets.token_hex(4))
        if invite.state == "proceeding" and invite.on_cancel is not None:
            invite.on_cancel()

    def reply_without_state(
        self, request: Request, source: Source, status: int, headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        """One response, never repeated: for whom we do not know, so that nobody can use us to flood another."""
        response = response_to(request, status, to_tag=secrets.token_hex(4))
        for name, value in headers:
            response.headers.add(name, value)
        self.transports.answer(response.encode(), source, request.top_via)

    def drop(self, transaction: ServerTransaction, status: int, headers: tuple[tuple[str, str], ...] = ()) -> None:
        """Answer once and forget."""
        transaction.end()
        self.reply_without_state(transaction.request, transaction.source, status, headers)


def server_key(request: Request) -> TransactionKey:
    """§17.2.3: branch, sent-by and method; for branches without the cookie what RFC 2543 compared."""
    via = request.top_via
    method = "INVITE" if request.method == "ACK" else request.method
    if via.branch.startswith(COOKIE):
        return (via.branch, via.host, str(via.port or 0), method)
    number, _ = request.cseq
    return (request.call_id, str(number), request.from_.tag, via.host, str(via.port or 0), request.uri, method)


def _stamp_via(request: Request, source: Source) -> None:
    values = request.headers.all("Via")
    if len(values) > 70:
        raise BadMessageError("too many Vias")
    values[0] = request.top_via.stamped(source.host, source.port)
    request.headers.remove("Via")
    for value in values:
        request.headers.add("Via", value)
