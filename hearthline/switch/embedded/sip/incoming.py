"""A call that reaches us: ring it, answer it, or refuse it (RFC 3261 §13.3)."""

from __future__ import annotations

from hearthline.switch.embedded.sip import causes, session_timer
from hearthline.switch.embedded.sip.addresses import SipUri
from hearthline.switch.embedded.sip.call import SDP_TYPE, PhoneCall
from hearthline.switch.embedded.sip.core import ALLOW, SUPPORTED, Core
from hearthline.switch.embedded.sip.dialog import Dialog, new_tag
from hearthline.switch.embedded.sip.digest import DigestClient
from hearthline.switch.embedded.sip.errors import BadMessageError
from hearthline.switch.embedded.sip.events import Ended
from hearthline.switch.embedded.sip.media import RtpPort
from hearthline.switch.embedded.sip.message import Request, Response, response_to
from hearthline.switch.embedded.sip.transaction import ServerTransaction
from hearthline.switch.embedded.sip.transport import Hop
from hearthline.switch.port import Party


class IncomingCall(PhoneCall):
    """Given to the handler with nothing said yet but 100. The handler sets `on_event` and calls `ring`, `early`,
    `answer` or `reject`, now or later; a caller who gives up ends it with cause 16."""

    def __init__(
        self,
        core: Core,
        media: RtpPort,
        digest: DigestClient,
        transaction: ServerTransaction,
        hop: Hop,
        *,
        trunk_name: str,
        account: str = "",
    ) -> None:
        """Raises BadMessageError when the INVITE cannot make a dialog."""
        super().__init__(core, media, digest, trunk_name=trunk_name, we_called=False)
        request = transaction.request
        self._tag = new_tag()
        self._peer_host = transaction.source.host
        self._invite = transaction
        self._peer_invite = transaction
        self.called = SipUri.parse(request.uri).user  # the number or name that was called, as the peer wrote it
        self.caller = request.from_.uri.user
        self.account = account  # who authenticated, when callers must
        self.dialog = Dialog.of_request(request, self._tag, hop, core.contact(hop, self.called))
        self._bye_cause: int | None = None
        self._answer: bytes | None = self._answer_to(request.body) if request.body else media.local.offer()
        transaction.on_cancel = self._cancelled
        transaction.on_ack = self._acknowledged
        transaction.on_no_ack = lambda: self.hang_up(causes.TIMER_EXPIRY, by=Party.SWITCH)
        core.calls[(request.call_id, self._tag)] = self

    @property
    def usable(self) -> bool:
        """Whether its offer has something we can do; otherwise it must be rejected with 488."""
        return self._answer is not None

    def ring(self) -> None:
        """180: the caller hears its own ringing tone."""
        if not self.over:
            self._invite.respond(self._response(180))

    def early(self) -> None:
        """183 with our description: from now on the caller hears what is played to it."""
        if not self.over and self._answer is not None and self._invite.request.body:
            response = self._response(183)
            response.set_body(SDP_TYPE, self._answer)
            self._invite.respond(response)

    def answer(self) -> None:
        """200. `Answered` comes with the caller's ACK."""
        if self.over or self.up or self._answer is None:
            return
        request = self._invite.request
        response = self._response(200)
        response.headers.add("Allow", ALLOW)
        response.headers.add("Supported", SUPPORTED)
        settled = session_timer.for_request(request)
        if settled is not None:
            self._timer = settled[0]
            for name, value in settled[1]:
                response.headers.add(name, value)
        response.set_body(SDP_TYPE, self._answer)
        self.up = True
        self._invite.respond(response)

    def reject(self, status: int) -> None:
        """Refuse with a final response of 300 to 699."""
        if not self.over and not self.up:
            self._invite.reply(status, to_tag=self._tag)
            self._end(Ended(causes.cause_of_status(status), Party.LOCAL, status))

    def hang_up(self, cause: int = causes.NORMAL, *, by: Party = Party.LOCAL) -> None:
        if self.over:
            return
        if not self.up:
            self._invite.reply(causes.status_of_cause(cause), to_tag=self._tag)
        elif self._peer_invite is self._invite and self._invite.state == "accepted":
            self.up = False  # no BYE of ours before the ACK (§15); it follows then
            self._bye_cause = cause
            self._invite.on_no_ack = lambda: self._bye(cause)
        super().hang_up(cause, by=by)

    def _response(self, status: int) -> Response:
        request = self._invite.request
        response = response_to(request, status, to_tag=self._tag)
        for route in request.headers.all("Record-Route"):
            response.headers.add("Record-Route", route)
        assert self.dialog is not None  # made in __init__
        response.headers.add("Contact", self.dialog.contact)
        return response

    def _cancelled(self) -> None:
        self._invite.reply(487, to_tag=self._tag)
        self._end(Ended(causes.NORMAL, Party.REMOTE, 487))

    def _acknowledged(self, ack: Request) -> None:
        if self._bye_cause is not None:
            self._bye(self._bye_cause)
        if self.over or self.dialog is None:
            return
        if not self._invite.request.body and not (ack.body and self._late_answer(ack)):
            self.hang_up(causes.INCOMPATIBLE, by=Party.SWITCH)
            return
        allow = self._invite.request.headers.tokens("Allow")
        self._peer_invite = None
        self._established(self.dialog, self._timer, allow)

    def _late_answer(self, ack: Request) -> bool:
        try:
            return self._take_answer(ack.body)
        except BadMessageError:
            return False
