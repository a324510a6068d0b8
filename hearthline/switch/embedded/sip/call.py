"""One telephone call once it has a dialog: BYE, re-INVITE and UPDATE in both directions, session timers, INFO.

`OutgoingCall` and `IncomingCall` are this with their way to the answer. Everything runs on the event loop's thread.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from hearthline.switch.embedded.audio import AudioPath
from hearthline.switch.embedded.sip import causes, sdp, session_timer
from hearthline.switch.embedded.sip.core import ALLOW, METHODS_KNOWN, SUPPORTED, Core
from hearthline.switch.embedded.sip.dialog import Dialog
from hearthline.switch.embedded.sip.digest import DigestClient
from hearthline.switch.embedded.sip.errors import BadMessageError
from hearthline.switch.embedded.sip.events import Answered, CallEvent, Digit, Ended, Held
from hearthline.switch.embedded.sip.media import RtpPort
from hearthline.switch.embedded.sip.message import Request, Response, response_to
from hearthline.switch.embedded.sip.resolver import UnknownHostError
from hearthline.switch.embedded.sip.session_timer import SessionTimer
from hearthline.switch.embedded.sip.transaction import ServerTransaction
from hearthline.switch.embedded.sip.transport import Hop
from hearthline.switch.port import Party

log = logging.getLogger(__name__)

SDP_TYPE = "application/sdp"
_DIGIT = re.compile(rb"(?:Signal\s*=\s*)?([0-9*#A-Da-d])\s*(?:[\r\n].*)?", re.DOTALL)

OnEvent = Callable[[CallEvent], None]


@dataclass(slots=True)
class _Change:
    """A re-INVITE or UPDATE of ours on its way."""

    method: str
    direction: sdp.Direction
    attempts: int = 0
    waiting: bool = False  # not on the wire: it will be tried again


class PhoneCall:
    """A call. `on_event` is told what happens; the last event is `Ended`, exactly once."""

    def __init__(self, core: Core, media: RtpPort, digest: DigestClient, *, trunk_name: str, we_called: bool) -> None:
        self._core = core
        self._media = media
        self._digest = digest
        self.trunk_name = trunk_name
        self.on_event: OnEvent | None = None
        self._we_called = we_called
        self.dialog: Dialog | None = None
        self.up = False  # answered and not over
        self.over = False  # `Ended` was told
        self.held = False  # by the far end
        self._peer_host = ""  # where the far end's signalling comes from
        self._direction = sdp.Direction.SENDRECV  # what we ask for
        self._change: _Change | None = None
        self._change_retry: asyncio.TimerHandle | None = None
        self._peer_invite: ServerTransaction | None = None  # the peer's re-INVITE that has no ACK yet
        self._acks: dict[tuple[int, str], tuple[bytes, Hop]] = {}
        self._peer_updates = False
        self._timer: SessionTimer | None = None
        self._timer_handle: asyncio.TimerHandle | None = None
        self._minimum = session_timer.SHORTEST
        media.on_digit = self._digit

    # what the engine uses

    @property
    def audio(self) -> AudioPath:
        """The call's audio, for the mixer; silent before media is agreed and after the end."""
        return self._media.audio

    def send_digits(self, digits: str) -> bool:
        """Send DTMF as telephone events. False when the far end takes none or too many are waiting."""
        return self._media.audio.send_digits(digits)

    def hang_up(self, cause: int = causes.NORMAL, *, by: Party = Party.LOCAL) -> None:
        """End the call. `Ended` is told at once; the signalling tidies up behind it."""
        if self.up:
            self._bye(cause)
        self._end(Ended(cause, by))

    def hold(self, on: bool) -> None:
        """Ask the far end to stop listening to music of its own and to us alone (sendonly), or back to both ways."""
        self._direction = sdp.Direction.SENDONLY if on else sdp.Direction.SENDRECV
        self._offer_change("INVITE")

    # the end

    def _tell(self, event: CallEvent) -> None:
        if self.on_event is not None and not self.over:
            self.on_event(event)

    def _end(self, event: Ended) -> None:
        if self.over:
            return
        told = self.on_event
        self.up = False
        self.over = True
        for handle in (self._timer_handle, self._change_retry):
            if handle is not None:
                handle.cancel()
        self._media.audio.sending = False
        self._media.close()
        self._core.layer.later(self._core.layer.timers.give_up, self._forget)  # until then repeated 2xx are re-ACKed
        if told is not None:
            told(event)

    def _forget(self) -> None:
        for key in [key for key, call in self._core.calls.items() if call is self]:
            del self._core.calls[key]

    def _digit(self, digit: str) -> None:
        self._tell(Digit(digit))

    # requests of ours within the dialog

    def _bye(self, cause: int) -> None:
        if self.dialog is not None:
            self._send_bye(self.dialog, cause)

    def _send_bye(self, dialog: Dialog, cause: int, attempts: int = 0) -> None:
        bye = dialog.request("BYE", self._core.via(dialog.hop))
        bye.headers.add("Reason", causes.reason_header(cause))
        self._digest.sign(bye)

        def answered(response: Response) -> None:
            if response.status in {401, 407} and attempts < 2 and self._digest.take(response):
                self._send_bye(dialog, cause, attempts + 1)

        self._core.send(bye, dialog.hop, answered, lambda reason: log.info("sip: a BYE got no answer: %s", reason))

    def _send_ack(self, dialog: Dialog, cseq: int) -> None:
        """The ACK of a 2xx: a request of its own, outside transactions, kept for repeated 2xx (§13.2.2.4)."""
        ack = dialog.request("ACK", self._core.via(dialog.hop), cseq=cseq)
        self._digest.sign(ack)
        data = ack.encode()
        self._acks[(cseq, dialog.remote_tag)] = (data, dialog.hop)
        self._core.transports.send(data, dialog.hop)

    def _ack_again(self, cseq: int, remote_tag: str) -> bool:
        """Repeat the ACK of a 2xx that came again; False when there was none."""
        kept = self._acks.get((cseq, remote_tag))
        if kept is not None:
            self._core.transports.send(*kept)
        return kept is not None

    # our re-INVITE and UPDATE

    def _offer_change(self, method: str) -> None:
        if not self.up or self._change is not None:
            return
        self._change = _Change(method, self._direction)
        self._send_change(self._change)

    def _send_change(self, change: _Change) -> None:
        dialog = self.dialog
        if dialog is None or not self.up:
            return
        change.waiting = False
        request = dialog.request(change.method, self._core.via(dialog.hop))
        self._core.dress(request)
        if self._timer is not None:
            refresher = "uac" if self._timer.we_refresh else "uas"
            for name, value in session_timer.request_headers(self._timer.interval, self._minimum, refresher=refresher):
                request.headers.add(name, value)
        if change.method == "INVITE":
            request.set_body(SDP_TYPE, self._media.local.offer(change.direction))
        self._digest.sign(request)
        self._core.send(
            request, dialog.hop, lambda response: self._change_answered(change, response), self._change_failed
        )

    def _change_answered(self, change: _Change, response: Response) -> None:
        dialog = self.dialog
        if dialog is None or response.status < 200:
            return
        if response.status < 300 and change.method == "INVITE":
            if self._ack_again(response.cseq[0], response.to.tag):
                return
            dialog.retarget(response.contact)
            self._send_ack(dialog, response.cseq[0])
        if self._change is not change or not self.up:
            return
        self._change = None
        if response.status < 300:
            if response.body and change.method == "INVITE":
                self._take_answer(response.body)
            self._arm(session_timer.from_response(response))
            if self._direction is not change.direction:
                self._offer_change("INVITE")
        elif response.status in {401, 407} and change.attempts < 2 and self._digest.take(response):
            self._again(change)
        elif response.status == 422 and change.attempts < 2 and self._timer is not None:
            self._minimum = max(self._minimum, response.headers.number("Min-SE") or 0)
            self._timer = SessionTimer(max(self._timer.interval, self._minimum), self._timer.we_refresh)
            self._again(change)
        elif response.status == 491:  # glare (§14.1): who made the Call-ID waits longer
            wait = random.uniform(2.1, 4.0) if self._we_called else random.uniform(0.1, 2.0)  # noqa: S311 - no secret
            self._change = change
            self._retry_change(change, wait)
        elif response.status in {408, 481}:
            self.hang_up(causes.TIMER_EXPIRY, by=Party.SWITCH)
        elif change.method == "UPDATE" and response.status in {405, 501}:
            self._peer_updates = False
            self._offer_change("INVITE")
        elif self._timer is not None:
            self._arm(self._timer)  # refused, but the far end is there

    def _again(self, change: _Change) -> None:
        change.attempts += 1
        self._change = change
        self._send_change(change)

    def _retry_change(self, change: _Change, seconds: float) -> None:
        change.direction = self._direction
        change.waiting = True
        self._change_retry = self._core.layer.later(seconds, lambda: self._send_change(change))

    def _change_failed(self, reason: str) -> None:
        log.info("sip: a request within a call got no answer: %s", reason)
        self.hang_up(causes.TIMER_EXPIRY, by=Party.SWITCH)

    # session timer

    def _arm(self, timer: SessionTimer | None) -> None:
        if self._timer_handle is not None:
            self._timer_handle.cancel()
            self._timer_handle = None
        self._timer = timer
        if timer is not None and self.up:
            self._timer_handle = self._core.layer.later(timer.next_action, self._timer_fired)

    def _timer_fired(self) -> None:
        timer = self._timer
        if timer is None or not self.up:
            return
        if timer.we_refresh:
            self._offer_change("UPDATE" if self._peer_updates else "INVITE")
        else:
            log.info("sip: the far end did not refresh its session")
            self.hang_up(causes.TIMER_EXPIRY, by=Party.SWITCH)

    # media

    def _agree(self, agreed: sdp.Agreed) -> None:
        """Use what was settled; a host name in SDP is looked up first."""
        if sdp.is_numeric(agreed.host):
            self._media.agree(agreed, self._peer_host)
        else:
            self._core.spawn(self._agree_named(agreed))

    async def _agree_named(self, agreed: sdp.Agreed) -> None:
        try:
            addresses = await self._core.resolver.addresses(agreed.host)
        except UnknownHostError:
            log.info("sip: the media address of a call could not be resolved")
            return
        if not self.over:
            self._media.agree(sdp.with_host(agreed, addresses[0]), self._peer_host)

    def _take_answer(self, body: bytes) -> bool:
        """The far end's answer to our offer; False when it is unusable."""
        try:
            agreed = sdp.settle_answer(sdp.parse(body), self._direction)
        except BadMessageError:
            return False
        if agreed is None:
            return False
        self._agree(agreed)
        return True

    def _answer_to(self, body: bytes) -> bytes | None:
        """Our answer to the far end's offer, taken into use; None when there is nothing in it for us.
        Raises BadMessageError."""
        offer = sdp.parse(body)
        agreed = sdp.settle_offer(offer, self._direction)
        if agreed is None or offer.audio is None:
            return None
        self._agree(agreed)
        if offer.audio.on_hold != self.held:
            self.held = offer.audio.on_hold
            self._tell(Held(self.held))
        return self._media.local.answer(offer, agreed)

    # the next hop of the dialog

    def _route(self, dialog: Dialog) -> None:
        """Send the dialog's further requests where its route or target says (§12.2.1.1). What cannot be reached from
        here, a private address behind a public one, stays with the host that spoke to us."""
        try:
            uri = dialog.next_uri()
        except BadMessageError:
            return
        if sdp.is_numeric(uri.host):
            if not (_private(uri.host) and not _private(dialog.hop.host)):
                self._core.spawn(self._route_later(dialog))
        elif uri.host:
            self._core.spawn(self._route_later(dialog))

    async def _route_later(self, dialog: Dialog) -> None:
        try:
            dialog.hop = (await self._core.resolver.uri_hops(dialog.next_uri(), like=dialog.hop))[0]
        except (UnknownHostError, BadMessageError, ValueError):
            log.info("sip: a call's next hop could not be resolved; staying with the present one")

    # requests of the peer within the dialog

    def on_request(self, transaction: ServerTransaction) -> None:
        """A request with our tag. Raises BadMessageError, which the user agent answers with 400."""
        request = transaction.request
        dialog = self.dialog
        if dialog is None:
            transaction.reply(500, headers=(("Retry-After", "2"),))
            return
        if request.from_.tag != dialog.remote_tag or (self.over and request.method != "BYE"):
            transaction.reply(481)
            return
        number, method = request.cseq
        if number <= dialog.remote_cseq:
            transaction.reply(500)
            return
        dialog.remote_cseq = number
        required = request.headers.tokens("Require") - {SUPPORTED}
        if required and method != "BYE":
            transaction.reply(420, headers=(("Unsupported", ", ".join(sorted(required))),))
            return
        match method:
            case "BYE":
                self._on_bye(transaction)
            case "INVITE" | "UPDATE":
                self._on_offer(transaction, dialog)
            case "INFO":
                self._on_info(transaction)
            case "OPTIONS":
                transaction.reply(200, headers=(("Allow", ALLOW), ("Accept", SDP_TYPE)))
            case "REFER":
                transaction.reply(603)  # whom we connect is the exchange's choice alone
            case "NOTIFY" | "PRACK":
                transaction.reply(481)
            case _:
                transaction.reply(405 if method in METHODS_KNOWN else 501, headers=(("Allow", ALLOW),))

    def _on_bye(self, transaction: ServerTransaction) -> None:
        transaction.reply(200)
        if self._peer_invite is not None:
            self._peer_invite.reply(487)
        self._end(Ended(causes.stated_cause(transaction.request) or causes.NORMAL, Party.REMOTE))

    def _on_offer(self, transaction: ServerTransaction, dialog: Dialog) -> None:
        """A re-INVITE or UPDATE: hold, a moved media address, or only a session refresh (§14.2, RFC 3311 §5.2)."""
        request = transaction.request
        invite = request.method == "INVITE"
        if not self.up:
            transaction.reply(500, headers=(("Retry-After", "2"),))
            return
        if self._change is not None and not self._change.waiting and (invite or request.body):
            transaction.reply(491)
            return
        if session_timer.too_small(request):
            transaction.reply(422, headers=(("Min-SE", str(session_timer.SHORTEST)),))
            return
        if request.body and request.content_type != SDP_TYPE:
            transaction.reply(415, headers=(("Accept", SDP_TYPE),))
            return
        body: bytes | None = b""
        if request.body:
            body = self._answer_to(request.body)
        elif invite:
            body = self._media.local.offer(self._direction)
            transaction.on_ack = lambda ack: self._take_late_answer(ack)
        if body is None:
            transaction.reply(488)
            return
        dialog.retarget(request.contact)
        response = response_to(request, 200)
        response.headers.add("Contact", dialog.contact)
        response.headers.add("Allow", ALLOW)
        response.headers.add("Supported", SUPPORTED)
        settled = session_timer.for_request(request)
        if settled is not None:
            for name, value in settled[1]:
                response.headers.add(name, value)
        if body:
            response.set_body(SDP_TYPE, body)
        if invite:
            self._peer_invite = transaction
            transaction.on_no_ack = lambda: self.hang_up(causes.TIMER_EXPIRY, by=Party.SWITCH)
        transaction.respond(response)
        if settled is not None or invite or self._timer is None:
            self._arm(settled[0] if settled is not None else None)

    def _take_late_answer(self, ack: Request) -> None:
        if ack.body:
            self._take_answer(ack.body)

    def _on_info(self, transaction: ServerTransaction) -> None:
        request = transaction.request
        transaction.reply(200)
        if request.content_type in {"application/dtmf-relay", "application/dtmf"}:
            match = _DIGIT.match(request.body.strip())
            if match:
                self._tell(Digit(match[1].decode().upper()))

    def on_ack(self, ack: Request) -> None:
        """The ACK of a 2xx of ours."""
        pending = self._peer_invite
        if pending is not None and pending.request.cseq[0] == ack.cseq[0]:
            pending.acknowledged(ack)

    def _established(self, dialog: Dialog, timer: SessionTimer | None, allow: frozenset[str]) -> None:
        """Answered, whichever side called."""
        self.up = True
        self._peer_updates = "update" in allow
        self._route(dialog)
        self._arm(timer)
        self._tell(Answered())


def _private(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return False
