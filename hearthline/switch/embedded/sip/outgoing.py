"""A call that we place: from INVITE to the answer, the refusal or the CANCEL (RFC 3261 §13.2, §9.1)."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from hearthline.switch.embedded.sip import causes, sdp, session_timer
from hearthline.switch.embedded.sip.call import SDP_TYPE, OnEvent, PhoneCall
from hearthline.switch.embedded.sip.core import Core
from hearthline.switch.embedded.sip.dialog import Dialog, new_tag
from hearthline.switch.embedded.sip.digest import DigestClient
from hearthline.switch.embedded.sip.errors import BadMessageError
from hearthline.switch.embedded.sip.events import EarlyMedia, Ended, Ringing
from hearthline.switch.embedded.sip.media import RtpPort
from hearthline.switch.embedded.sip.message import Headers, Request, Response
from hearthline.switch.embedded.sip.transaction import ClientTransaction
from hearthline.switch.embedded.sip.transport import Hop
from hearthline.switch.port import SILENT_PROVIDER_S, Party

MAX_ATTEMPTS = 5  # INVITEs of one call: challenges, a raised session interval, a second address


@dataclass(frozen=True, slots=True)
class Invitation:
    """What to put into the INVITE."""

    uri: str  # Request-URI and To
    from_uri: str
    contact_user: str
    hops: Sequence[Hop]  # in the order to try; at least one
    timeout_s: float  # to the answer
    stays: bool = False  # all requests go to the hop: a telephone behind a NAT names an address that leads nowhere


class OutgoingCall(PhoneCall):
    """A call of ours. Make it, then `start()`."""

    def __init__(
        self,
        core: Core,
        media: RtpPort,
        digest: DigestClient,
        invitation: Invitation,
        *,
        on_event: OnEvent,
        trunk_name: str,
    ) -> None:
        super().__init__(core, media, digest, trunk_name=trunk_name, we_called=True)
        self.on_event = on_event
        self._invitation = invitation
        self._hops = list(invitation.hops)
        self._hop = self._hops.pop(0)
        self.call_id = secrets.token_hex(12)
        self._tag = new_tag()
        self._cseq = 0
        self._attempts = 0
        self._interval = session_timer.PREFERRED
        self._transaction: ClientTransaction | None = None
        self._cancelling = False
        self._cancel_sent = False
        self._cancel_cause = causes.NORMAL
        self._told_ringing = self._told_early = False
        self._early: dict[str, sdp.Agreed] = {}  # by To tag: forks each bring their own (§12.1, §13.2.2.4)
        self._deadline: asyncio.TimerHandle | None = None
        self._silence: asyncio.TimerHandle | None = None  # until something is heard from this address
        core.calls[(self.call_id, self._tag)] = self

    def _route(self, dialog: Dialog) -> None:
        if not self._invitation.stays:
            super()._route(dialog)

    def start(self) -> None:
        """Send the INVITE."""
        self._deadline = self._core.layer.later(self._invitation.timeout_s, self._no_answer)
        self._send_invite()

    def _send_invite(self) -> None:
        self._attempts += 1
        self._cseq += 1
        self._peer_host = self._hop.host
        invitation = self._invitation
        headers = Headers(
            [
                ("Via", self._core.via(self._hop)),
                ("Max-Forwards", "70"),
                ("From", f"<{invitation.from_uri}>;tag={self._tag}"),
                ("To", f"<{invitation.uri}>"),
                ("Call-ID", self.call_id),
                ("CSeq", f"{self._cseq} INVITE"),
                ("Contact", self._core.contact(self._hop, invitation.contact_user)),
                *session_timer.request_headers(self._interval, self._minimum),
            ]
        )
        request = Request("INVITE", invitation.uri, headers)
        self._core.dress(request)
        request.set_body(SDP_TYPE, self._media.local.offer())
        self._digest.sign(request)
        self._transaction = self._core.send(request, self._hop, self._on_response, self._on_failure)
        self._hear_something(again=True)

    # giving up

    def _hear_something(self, *, again: bool = False) -> None:
        """Something was heard, or (`again`) something is waited for: the provider's addresses share the time."""
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None
        if again and not self.over:
            self._silence = self._core.layer.later(SILENT_PROVIDER_S / len(self._invitation.hops), self._silent)

    def _silent(self) -> None:
        """RFC 3261 would wait 32 s (timer B) for the first response; a person with a telephone at the ear does not."""
        self._silence = None
        if self.up or self.over or self._cancelling:
            return
        if self._hops and self._attempts < MAX_ATTEMPTS:
            if self._transaction is not None:
                self._transaction.end()
            self._hop = self._hops.pop(0)
            self._send_invite()
        else:
            self.hang_up(causes.TIMER_EXPIRY, by=Party.SWITCH)  # a late provisional response is still cancelled

    def hang_up(self, cause: int = causes.NORMAL, *, by: Party = Party.LOCAL) -> None:
        if not self.up and not self.over:
            self._cancel(cause)
        super().hang_up(cause, by=by)

    def _no_answer(self) -> None:
        if not self.up:
            self.hang_up(causes.NO_ANSWER, by=Party.SWITCH)

    def _end(self, event: Ended) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._hear_something()
        super()._end(event)

    def _cancel(self, cause: int) -> None:
        """Only after a provisional response may a CANCEL go out; before that it waits for one (§9.1)."""
        self._cancelling = True
        self._cancel_cause = cause
        transaction = self._transaction
        if transaction is not None and transaction.state == "proceeding" and not self._cancel_sent:
            self._cancel_sent = True
            invite = transaction.request
            headers = Headers([("Via", invite.top_via.text), ("Max-Forwards", "70")])
            for name in ("From", "To", "Call-ID"):
                headers.add(name, invite.headers.get(name) or "")
            headers.add("CSeq", f"{invite.cseq[0]} CANCEL")
            headers.add("Reason", causes.reason_header(cause))
            self._core.send(Request("CANCEL", invite.uri, headers), self._hop, lambda _: None, lambda _: None)
            transaction.give_up_after_cancel()

    # responses

    def _on_response(self, response: Response) -> None:
        self._hear_something()
        if response.status < 200:
            self._on_provisional(response)
        elif response.status < 300:
            self._on_accepted(response)
        else:
            self._on_refused(response)

    def _on_provisional(self, response: Response) -> None:
        if self._cancelling:
            self._cancel(self._cancel_cause)
            return
        if response.status == 100 or self.up or self.over:
            return
        if response.body and response.content_type == SDP_TYPE and self._take_early(response):
            if not self._told_early:
                self._told_early = True
                self._tell(EarlyMedia())
        elif not self._told_ringing and not self._told_early:
            self._told_ringing = True
            self._tell(Ringing())

    def _take_early(self, response: Response) -> bool:
        """Early media of one fork; the latest is the one heard."""
        try:
            agreed = sdp.settle_answer(sdp.parse(response.body))
        except BadMessageError:
            return False
        if agreed is None:
            return False
        if len(self._early) < 16:
            self._early[response.to.tag] = agreed
        self._agree(agreed)
        return True

    def _on_accepted(self, response: Response) -> None:
        """A 2xx, the first or a repeated one, of the fork that won or of another (§13.2.2.4)."""
        cseq, tag = response.cseq[0], response.to.tag
        if self._ack_again(cseq, tag):
            return
        request = self._transaction.request if self._transaction is not None else None
        assert request is not None  # a response reaches us through our transaction
        contact = request.headers.get("Contact") or ""
        dialog = Dialog.of_response(request, response, self._hop, contact)
        self._send_ack(dialog, cseq)
        if self.over or self.dialog is not None:  # crossed our CANCEL, or a second fork: nobody is there for it
            self._send_bye(dialog, self._cancel_cause)
            return
        self.dialog = dialog
        self._digest.accepted()
        if self._deadline is not None:
            self._deadline.cancel()
        if not self._take_final(response):
            self.up = True
            self.hang_up(causes.INCOMPATIBLE, by=Party.SWITCH)
            return
        self._established(dialog, session_timer.from_response(response), response.headers.tokens("Allow"))

    def _take_final(self, response: Response) -> bool:
        if response.body and response.content_type == SDP_TYPE:
            return self._take_answer(response.body)
        agreed = self._early.get(response.to.tag)
        if agreed is None:
            return False
        self._agree(agreed)
        return True

    def _on_refused(self, response: Response) -> None:
        if self.over:
            return
        if self._attempts < MAX_ATTEMPTS:
            if response.status in {401, 407} and self._digest.take(response):
                self._send_invite()
                return
            minimum = response.headers.number("Min-SE")
            if response.status == 422 and minimum is not None and self._minimum < minimum <= 86_400:
                self._minimum = minimum
                self._interval = max(self._interval, minimum)
                self._send_invite()
                return
        cause = causes.stated_cause(response) or causes.cause_of_status(response.status)
        self._end(Ended(cause, Party.REMOTE, response.status))

    def _on_failure(self, reason: str) -> None:
        """No response at all, or no connection: the next address of the provider, if it has one (RFC 3263 §4.3)."""
        if self.over:
            return
        if self._hops and self._attempts < MAX_ATTEMPTS:
            self._hop = self._hops.pop(0)
            self._send_invite()
            return
        silent = reason == "no answer from the far end"
        self._end(Ended(causes.TIMER_EXPIRY if silent else causes.NETWORK_OUT_OF_ORDER, Party.SWITCH))
