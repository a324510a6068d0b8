"""A robot's side of a browser leg: offers SDP as a browser does, checks ICE, speaks DTLS-SRTP, talks and listens.

It is a full ICE agent's half that an ICE-lite switch needs: it checks every candidate of the answer, nominates the
first that replies, and keeps consent fresh (RFC 8445, RFC 7675). One `PeerClock` drives any number of peers.

    clock = PeerClock(); clock.start()
    peer = BrowserPeer(clock, Loop(speech), ear.hear)
    answer = await switch.open_browser_leg(leg, peer.offer())
    peer.accept(answer)
    await peer.up()
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
import wave
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from aioice import stun

from hearthline.switch.embedded.audio import AudioFormat, AudioPath
from hearthline.switch.embedded.browser_sdp import Fingerprint
from hearthline.switch.embedded.codecs import OPUS, PCMA, PCMU
from hearthline.switch.embedded.dtls import DtlsSrtp, DtlsState, Identity, Role, make_identity
from hearthline.switch.embedded.pcm import FRAME_BYTES, RATE, SILENCE, rms
from hearthline.switch.embedded.rtp import is_rtcp
from hearthline.switch.embedded.ticker import Ticker
from hearthline.switch.embedded.udp import Address, UdpSocket

_CHECK_S = 0.05  # between the first checks
_CONSENT_S = 2.5  # between later ones; RFC 7675 §5.1 asks for about 5
_MAX_CANDIDATES = 16
_PATIENCE_S = 5.0
_REPORT_TICKS = 250
_PRIORITY = (110 << 24) + (65535 << 8) + 255  # peer-reflexive (RFC 8445 §5.1.2.2)

Source = Callable[[], bytes | None]  # called once per 20 ms: a frame, or None for silence
Listener = Callable[[bytes | None], None]  # called once per 20 ms with what was heard

_PAYLOADS = {PCMU: (0, "PCMU/8000"), PCMA: (8, "PCMA/8000"), OPUS: (111, "opus/48000/2")}
_EVENTS = {8000: 126, 48000: 110}


class AnswerError(Exception):
    """The switch's answer cannot be used."""


class Loop:
    """A source that plays linear audio over and over."""

    def __init__(self, pcm: bytes) -> None:
        self._pcm = pcm + bytes(-len(pcm) % FRAME_BYTES) or SILENCE
        self._at = 0

    def __call__(self) -> bytes:
        at = self._at
        self._at = (at + FRAME_BYTES) % len(self._pcm)
        return self._pcm[at : at + FRAME_BYTES]


def wav_source(path: Path) -> Loop:
    """A looping source from a 16-bit mono 8 kHz WAV file."""
    with wave.open(str(path), "rb") as file:
        if (file.getnchannels(), file.getsampwidth(), file.getframerate()) != (1, 2, RATE):
            raise ValueError("a source must be a 16-bit mono WAV file at 8000 Hz")
        return Loop(file.readframes(file.getnframes()))


class Ear:
    """A listener that keeps the last seconds it heard."""

    def __init__(self, seconds: float = 60.0) -> None:
        self._frames: list[bytes] = []
        self._most = int(seconds * 50)
        self._total = 0
        self._changed = asyncio.Event()

    def hear(self, frame: bytes | None) -> None:
        self._frames.append(frame or SILENCE)
        self._total += 1
        if len(self._frames) > self._most:
            del self._frames[: self._most // 10 + 1]
        self._changed.set()

    async def listen(self, seconds: float) -> bytes:
        """The next `seconds` of linear audio. TimeoutError when the clock does not bring it."""
        begin, count = self._total, max(1, round(seconds * 50))
        async with asyncio.timeout(seconds + _PATIENCE_S):
            while self._total < begin + count:
                self._changed.clear()
                await self._changed.wait()
        end = len(self._frames) - (self._total - begin - count)
        return b"".join(self._frames[max(0, end - count) : end])

    def save(self, path: Path) -> None:
        """Write what is kept to a WAV file."""
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(b"".join(self._frames))


class Ticked(Protocol):
    """Whoever sends and takes one frame per tick: a browser peer, or a robot's telephone."""

    def tick(self, now: float) -> None: ...


class PeerClock:
    """The 20 ms tick of all robots of one event loop."""

    def __init__(self) -> None:
        self._peers: list[Ticked] = []
        self._ticker = Ticker(self._tick, lambda _skipped: None)

    def start(self) -> None:
        self._ticker.start()

    def stop(self) -> None:
        self._ticker.stop()

    def add(self, peer: Ticked) -> None:
        self._peers.append(peer)

    def remove(self, peer: Ticked) -> None:
        if peer in self._peers:
            self._peers.remove(peer)

    def _tick(self, now: float) -> None:
        for peer in list(self._peers):
            peer.tick(now)


def _ice_word(size: int) -> str:
    return secrets.token_urlsafe(2 * size).replace("-", "").replace("_", "")[:size]


class BrowserPeer:
    """One robot's audio line; to be made on a running event loop."""

    def __init__(
        self,
        clock: PeerClock,
        source: Source,
        listener: Listener,
        *,
        host: str = "127.0.0.1",
        codecs: Sequence[str] = (PCMU,),
        profiles: Sequence[bytes] = (),
        on_digit: Callable[[str], None] | None = None,
        identity: Identity | None = None,
        consent_s: float = _CONSENT_S,
    ) -> None:
        self._clock = clock
        self.source = source
        self.listener = listener
        self._host = host
        self._codecs = tuple(codecs)
        self._identity = identity or make_identity(profiles)
        self.digits = ""
        self._told = on_digit
        self._consent_s = consent_s
        self.audio = AudioPath(self, self._digit)
        self._socket = UdpSocket(host, 0, self._datagram)
        self._socket.start()
        self._ufrag, self._pwd = _ice_word(8), _ice_word(24)
        self._remote_ufrag = self._remote_pwd = ""
        self._candidates: list[Address] = []
        self._selected: Address | None = None
        self._pending: dict[bytes, Address] = {}
        self._dtls: DtlsSrtp | None = None
        self._begins = True  # the handshake
        self._check_timer: asyncio.TimerHandle | None = None
        self._up = asyncio.Event()
        self._ended = asyncio.Event()
        self.closed = False
        self.paused = False  # send no audio: a line that is stalled
        self._checking = True
        self._ticks = secrets.randbelow(_REPORT_TICKS)
        clock.add(self)

    # --- SDP ----------------------------------------------------------------------------------------------------------

    def offer(self) -> str:
        """An SDP offer as a browser makes it."""
        numbers = [_PAYLOADS[codec][0] for codec in self._codecs]
        clocks = sorted({48000 if codec == OPUS else 8000 for codec in self._codecs})
        lines = [
            "v=0",
            f"o=- {secrets.randbits(40)} 2 IN IP4 127.0.0.1",
            "s=-",
            "t=0 0",
            "a=group:BUNDLE 0",
            f"m=audio 9 UDP/TLS/RTP/SAVPF {' '.join(map(str, numbers + [_EVENTS[clock] for clock in clocks]))}",
            "c=IN IP4 0.0.0.0",
            f"a=ice-ufrag:{self._ufrag}",
            f"a=ice-pwd:{self._pwd}",
            f"a=fingerprint:sha-256 {self._identity.fingerprint}",
            "a=setup:actpass",
            "a=mid:0",
            "a=sendrecv",
            "a=rtcp-mux",
            *(f"a=rtpmap:{_PAYLOADS[codec][0]} {_PAYLOADS[codec][1]}" for codec in self._codecs),
            *(f"a=rtpmap:{_EVENTS[clock]} telephone-event/{clock}" for clock in clocks),
        ]
        return "\r\n".join(lines) + "\r\n"

    def restart_offer(self) -> str:
        """An offer that restarts ICE: new names, the same certificate."""
        self._ufrag, self._pwd = _ice_word(8), _ice_word(24)
        return self.offer()

    def accept(self, answer: str) -> None:
        """Take the switch's answer and begin, or go on after a restart. AnswerError when it cannot be used."""
        one = {name: _one(answer, name) for name in ("ice-ufrag", "ice-pwd", "fingerprint", "rtpmap")}
        self._remote_ufrag, self._remote_pwd = one["ice-ufrag"], one["ice-pwd"]
        self._candidates = [
            (match[1], int(match[2]))
            for match in re.finditer(r"^a=candidate:\S+ 1 udp \d+ (\S+) (\d{1,5}) typ host", answer, re.M | re.I)
        ][:_MAX_CANDIDATES]
        if not self._candidates:
            raise AnswerError("The answer has no candidates.")
        number, _, rest = one["rtpmap"].partition(" ")
        codec = next((name for name, payload in _PAYLOADS.items() if payload[1].lower() == rest.lower()), None)
        if codec is None:
            raise AnswerError("The answer chose a codec that was not offered.")
        event = re.search(r"^a=rtpmap:(\d{1,3}) telephone-event/", answer, re.M)
        self.audio.set_format(AudioFormat(codec, int(number), int(event[1]) if event else None))
        algorithm, _, value = one["fingerprint"].partition(" ")
        if self._dtls is None:
            expected = [Fingerprint(algorithm.lower(), bytes.fromhex(value.replace(":", "")))]
            role = Role.SERVER if _one(answer, "setup") == "active" else Role.CLIENT  # RFC 8842 §5.3
            self._dtls = DtlsSrtp(self._identity, role, expected, self._send, self._dtls_state)
            self._begins = role is Role.CLIENT
        self._pending.clear()
        self._check()

    async def up(self, timeout_s: float = 10.0) -> None:
        """Wait for DTLS. TimeoutError when it does not come."""
        async with asyncio.timeout(timeout_s):
            await self._up.wait()

    async def ended(self, timeout_s: float = 10.0) -> None:
        """Wait for the switch to close the association."""
        async with asyncio.timeout(timeout_s):
            await self._ended.wait()

    # --- ICE ----------------------------------------------------------------------------------------------------------

    def _check(self) -> None:
        """Send checks: to every candidate at first, later to the chosen one."""
        if self._check_timer is not None:
            self._check_timer.cancel()
        if self.closed or not self._checking:
            return
        targets = [self._selected] if self._selected is not None and not self._pending else self._candidates
        while len(self._pending) > 4 * _MAX_CANDIDATES:
            self._pending.pop(next(iter(self._pending)))
        for target in targets:
            request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
            request.attributes["USERNAME"] = f"{self._remote_ufrag}:{self._ufrag}"
            request.attributes["PRIORITY"] = _PRIORITY
            request.attributes["ICE-CONTROLLING"] = secrets.randbits(64)
            if self._selected is None or target == self._selected:
                request.attributes["USE-CANDIDATE"] = None
            request.add_message_integrity(self._remote_pwd.encode())
            self._pending[request.transaction_id] = target
            self._socket.send(bytes(request), target)
        delay = _CHECK_S if self._selected is None else self._consent_s
        self._check_timer = asyncio.get_running_loop().call_later(delay, self._check)

    def _on_stun(self, data: bytes, address: Address) -> None:
        try:
            message = stun.parse_message(data)
        except ValueError:
            return
        target = self._pending.pop(message.transaction_id, None)
        if target is None or message.message_class is not stun.Class.RESPONSE:
            return
        if not message.check_message_integrity(self._remote_pwd.encode()):
            return
        self._pending.clear()
        first = self._selected is None
        self._selected = target
        self.audio.sending = self._up.is_set()
        if first and self._begins and self._dtls is not None and self._dtls.state is DtlsState.HANDSHAKE:
            self._dtls.begin()

    def move(self, *, check: bool = True) -> None:
        """Change to another local address, as a laptop that changes its network. Without `check` nothing is told to
        the switch beforehand."""
        self._socket.close()
        self._socket = UdpSocket(self._host, 0, self._datagram)
        self._socket.start()
        if check:
            self._check()

    def stop_checking(self) -> None:
        """Keep consent fresh no longer: for the switch, this browser has vanished."""
        self._checking = False

    def vanish(self) -> None:
        """Be gone without a word, as a browser whose process was killed."""
        self._forget()

    # --- packets ------------------------------------------------------------------------------------------------------

    def _datagram(self, data: bytes, address: Address, socket: UdpSocket) -> None:
        if not data or self.closed:
            return
        first, dtls = data[0], self._dtls
        if first < 4:
            self._on_stun(data, address)
        elif dtls is None:
            return
        elif 20 <= first < 64:
            dtls.receive(data)
        elif 128 <= first < 192:
            if is_rtcp(data):
                report = dtls.unprotect_rtcp(data)
                if report is not None:
                    self.audio.receive_rtcp(report, time.monotonic())
            else:
                packet = dtls.unprotect_rtp(data)
                if packet is not None:
                    self.audio.receive_rtp(packet, time.monotonic())

    def _send(self, data: bytes) -> None:
        if self._selected is not None and not self.closed:
            self._socket.send(data, self._selected)

    def send_raw(self, data: bytes) -> None:
        """Send any bytes from this peer's address (for tests of hostile input)."""
        self._send(data)

    def send_rtp(self, packet: bytes) -> None:
        protected = self._dtls.protect_rtp(packet) if self._dtls is not None else None
        if protected is not None:
            self._send(protected)

    def send_rtcp(self, packet: bytes) -> None:
        protected = self._dtls.protect_rtcp(packet) if self._dtls is not None else None
        if protected is not None:
            self._send(protected)

    def _dtls_state(self, state: DtlsState) -> None:
        if state is DtlsState.READY:
            self.audio.sending = True
            self._up.set()
        else:
            self._ended.set()
            self._forget()

    def _digit(self, digit: str) -> None:
        self.digits += digit
        if self._told is not None:
            self._told(digit)

    # --- audio --------------------------------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """One frame each way; the clock calls it."""
        audio = self.audio
        audio.pull(now)
        self.listener(audio.pcm)
        if not self.paused:
            frame = self.source()
            audio.send(frame, rms(frame, 2) if frame else 0)
        self._ticks += 1
        if not self._ticks % _REPORT_TICKS:
            audio.adapt()
            audio.send_report(now)

    def send_digits(self, digits: str) -> bool:
        return self.audio.send_digits(digits)

    # --- the end ------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Close the line properly (DTLS close_notify)."""
        if self._dtls is not None and not self.closed:
            self._dtls.close()
        self._forget()

    def _forget(self) -> None:
        if self.closed:
            return
        self.closed = True
        self._clock.remove(self)
        if self._check_timer is not None:
            self._check_timer.cancel()
        self._socket.close()


def _one(answer: str, name: str) -> str:
    match = re.search(rf"^a={name}:(.+?)\r?$", answer, re.M)
    if match is None:
        raise AnswerError(f"The answer has no {name}.")
    return match[1].strip()
