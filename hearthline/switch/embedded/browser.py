"""One browser's audio line: ICE, DTLS-SRTP and the audio path, from an SDP offer to its end."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from enum import StrEnum

from hearthline.switch.embedded.audio import AudioPath
from hearthline.switch.embedded.browser_sdp import (
    Fingerprint,
    LocalSide,
    answer_receives,
    answer_sends,
    build_answer,
    parse_offer,
)
from hearthline.switch.embedded.dtls import DtlsSrtp, DtlsState, Identity, Role
from hearthline.switch.embedded.ice import IceSession, MediaPort, Path
from hearthline.switch.embedded.rtp import is_rtcp


class BrowserEnd(StrEnum):
    """Why a browser leg ended by itself."""

    CLOSED = "closed"  # the page closed its connection properly (DTLS close_notify)
    CONSENT = "consent"  # no authentic check for too long (RFC 7675)
    NEVER_CAME = "never_came"  # the handshake was not finished in time
    REFUSED = "refused"  # the handshake failed: wrong certificate, nothing in common


class BrowserLeg:
    """A leg on the media port. The owner calls `answer` for the first and every later offer, `check` about once a second,
    and `close` at the end; it learns by `on_up` and `on_end` (each called at most once)."""

    def __init__(
        self,
        port: MediaPort,
        identity: Identity,
        *,
        on_up: Callable[[], None],
        on_end: Callable[[BrowserEnd], None],
        on_digit: Callable[[str], None],
    ) -> None:
        self._port = port
        self._identity = identity
        self._on_up = on_up
        self._on_end = on_end
        self.audio = AudioPath(self, on_digit)
        self._ice: IceSession | None = None
        self._remote: tuple[str, str] = ("", "")
        self._dtls: DtlsSrtp | None = None
        self._fingerprints: tuple[Fingerprint, ...] = ()
        self._path: Path | None = None
        self._sends = self._receives = True
        self._session_id = secrets.randbits(48)
        self._version = 0
        self._offered_at = 0.0
        self.up = False
        self.closed = False

    def answer(self, text: str, codecs: Sequence[str]) -> str:
        """Take an offer and return the answer. A later offer with new ICE names is an ICE restart; one with another
        certificate (the page was loaded again) begins DTLS anew under the same leg. OfferError leaves all as it was."""
        offer = parse_offer(text)
        current = self.audio.format
        agreed = offer.agree([current.codec, *codecs] if current is not None else codecs)
        self._offered_at = time.monotonic()
        remote = (offer.ufrag, offer.pwd)
        if self._ice is None:
            self._ice = IceSession(self._port, self, offer.ufrag)
        elif remote != self._remote:
            self._ice.restart(offer.ufrag)
        self._remote = remote
        if self._dtls is None or not set(self._fingerprints) & set(offer.fingerprints):
            self._begin_dtls(offer.fingerprints)
        self._sends, self._receives = answer_sends(offer), answer_receives(offer)
        self.audio.set_format(agreed)
        self._apply_direction()
        self._version += 1
        local = self._ice.local
        us = LocalSide(
            self._session_id,
            self._version,
            local.ufrag,
            local.pwd,
            self._identity.fingerprint,
            self.audio.ssrc,
            self._port.addresses,
        )
        return build_answer(offer, agreed, us)

    def _begin_dtls(self, fingerprints: tuple[Fingerprint, ...]) -> None:
        if self._dtls is not None:
            self._dtls.close()
        self._fingerprints = fingerprints
        self._dtls = DtlsSrtp(self._identity, Role.SERVER, fingerprints, self._send_dtls, self._dtls_state)

    def _apply_direction(self) -> None:
        ready = self._dtls is not None and self._dtls.state is DtlsState.READY and self._path is not None
        self.audio.sending = ready and self._sends
        self.audio.receiving = self._receives

    def expects_audio(self) -> bool:
        """Whether silence of the network means that something is wrong."""
        return self.up and self._receives

    def check(self, now: float, *, consent_s: float, connect_s: float) -> None:
        """Give up a leg whose browser has vanished or never came. `now`: monotonic seconds."""
        if self.closed or self._ice is None or self._dtls is None:
            return
        if self._dtls.state is not DtlsState.READY and now - self._offered_at > connect_s:
            self._end(BrowserEnd.NEVER_CAME)
        elif self.up and now - max(self._ice.consent_at, self._offered_at) > consent_s:
            self._end(BrowserEnd.CONSENT)

    def close(self) -> None:
        """End the leg from our side: close_notify, and nothing of it is known on the port any more."""
        if self.closed:
            return
        self.closed = True
        self.audio.sending = False
        if self._dtls is not None:
            self._dtls.close()
        if self._ice is not None:
            self._ice.close()
        self._path = None

    def _end(self, why: BrowserEnd) -> None:
        if not self.closed:
            self.close()
            self._on_end(why)

    # --- from the port ------------------------------------------------------------------------------------------------

    def on_path(self, path: Path) -> None:
        self._path = path
        self._apply_direction()

    def on_dtls(self, data: bytes, path: Path) -> None:
        if self._dtls is None:
            return
        if self._path is None:
            self.on_path(path)
        self._dtls.receive(data)

    def on_media(self, data: bytes, path: Path) -> None:
        dtls = self._dtls
        if dtls is None:
            return
        if is_rtcp(data):
            plain = dtls.unprotect_rtcp(data)
            if plain is not None:
                self.audio.receive_rtcp(plain, time.monotonic())
            return
        plain = dtls.unprotect_rtp(data)
        if plain is None:
            return
        self.audio.receive_rtp(plain, time.monotonic())
        if path is not self._path and self._ice is not None and path.nominated_at:
            self._ice.select(path)  # authentic audio from a nominated address: the browser has moved there

    # --- DTLS ---------------------------------------------------------------------------------------------------------

    def _send_dtls(self, data: bytes) -> None:
        if self._path is not None:
            self._path.send(data)

    def _dtls_state(self, state: DtlsState) -> None:
        if state is DtlsState.READY:
            self._apply_direction()
            if not self.up:
                self.up = True
                self._on_up()
        elif state is DtlsState.CLOSED:
            self._end(BrowserEnd.CLOSED)
        else:
            self._end(BrowserEnd.REFUSED)

    # --- the audio path's sink ----------------------------------------------------------------------------------------

    def send_rtp(self, packet: bytes) -> None:
        if self._dtls is not None and self._path is not None:
            protected = self._dtls.protect_rtp(packet)
            if protected is not None:
                self._path.send(protected)

    def send_rtcp(self, packet: bytes) -> None:
        if self._dtls is not None and self._path is not None:
            protected = self._dtls.protect_rtcp(packet)
            if protected is not None:
                self._path.send(protected)
