"""A browser's SDP offer and our answer to it (RFC 8866, RFC 8829, RFC 8839, RFC 8842), read by hand and with bounds.

An offer is accepted for its first usable audio section; every other section is refused with port 0, in its place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from hearthline.switch.embedded.audio import AudioFormat
from hearthline.switch.embedded.codecs import OPUS, PCMA, PCMU

MAX_OFFER = 65_536  # characters
_MAX_LINES = 2_000
_MAX_SECTIONS = 16

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]{1,64}")
_ICE = re.compile(r"[A-Za-z0-9+/]{4,256}")
_RTPMAP = re.compile(r"(\d{1,3}) ([A-Za-z0-9._-]{1,32})/(\d{1,6})(?:/(\d))?")
_MEDIA = re.compile(r"(\S{1,32}) (\d{1,5})(?:/\d{1,5})? (\S{1,64}) (.{1,512})")
_STATIC = {0: ("pcmu", 8000), 8: ("pcma", 8000)}
_OURS = {PCMU: ("pcmu", 8000), PCMA: ("pcma", 8000), OPUS: ("opus", 48000)}
_DIGEST_BYTES = {"sha-256": 32, "sha-384": 48, "sha-512": 64}
_REPLY_DIRECTION = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}


class OfferError(Exception):
    """An offer that the engine cannot use; the sentence says what is missing."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A certificate's hash (RFC 8122)."""

    algorithm: str  # "sha-256", "sha-384" or "sha-512"
    digest: bytes


@dataclass(frozen=True, slots=True)
class Offer:
    """What the engine needs of an offer."""

    sections: tuple[tuple[str, str, str, str], ...]  # per m-line: kind, protocol, formats, mid ("" when it has none)
    chosen: int  # which of them is ours
    ufrag: str
    pwd: str
    fingerprints: tuple[Fingerprint, ...]
    direction: str
    payload_types: tuple[int, ...]  # in the browser's order of preference
    names: dict[int, tuple[str, int]]  # payload type to (lower-case codec, clock rate)

    def agree(self, preferred: Sequence[str]) -> AudioFormat:
        """The first of our `preferred` codecs that the browser has. OfferError when there is none."""
        for codec in preferred:
            for payload_type in self.payload_types:
                if self.names.get(payload_type) == _OURS[codec]:
                    return AudioFormat(codec, payload_type, *self._event_type(_OURS[codec][1]))
        raise OfferError("The offer has no codec in common with the switch (PCMU, PCMA or Opus).")

    def _event_type(self, clock_rate: int) -> tuple[int | None, int]:
        """Payload type and clock rate of telephone events: at the codec's own clock where there are such."""
        for wanted in (clock_rate, 8000):
            for payload_type in self.payload_types:
                if self.names.get(payload_type) == ("telephone-event", wanted):
                    return payload_type, wanted
        return None, 8000


def _attribute(lines: Sequence[str], session: Sequence[str], name: str) -> str | None:
    """The first `a=name:value`, of the section or else of the session."""
    start = f"a={name}:"
    for part in (lines, session):
        for line in part:
            if line.startswith(start):
                return line[len(start) :].strip()
    return None


def _split(text: str) -> tuple[list[str], list[list[str]]]:
    if len(text) > MAX_OFFER:
        raise OfferError(f"The offer is longer than {MAX_OFFER} characters.")
    lines = text.replace("\r\n", "\n").split("\n")
    if len(lines) > _MAX_LINES:
        raise OfferError(f"The offer has more than {_MAX_LINES} lines.")
    if not lines[0].startswith("v=0"):
        raise OfferError("The offer is no session description: it does not begin with v=0.")
    session: list[str] = []
    sections: list[list[str]] = []
    for line in lines:
        if line.startswith("m="):
            sections.append([line])
        elif sections:
            sections[-1].append(line)
        else:
            session.append(line)
    if not 1 <= len(sections) <= _MAX_SECTIONS:
        raise OfferError(f"The offer must have between 1 and {_MAX_SECTIONS} media sections.")
    return session, sections


def _fingerprints(lines: Sequence[str], session: Sequence[str]) -> tuple[Fingerprint, ...]:
    found: list[Fingerprint] = []
    for part in (lines, session):
        for line in part:
            if not line.startswith("a=fingerprint:"):
                continue
            algorithm, _, value = line[len("a=fingerprint:") :].strip().partition(" ")
            try:
                digest = bytes.fromhex(value.strip().replace(":", ""))
            except ValueError:
                raise OfferError("A certificate fingerprint of the offer is not hexadecimal.") from None
            if len(digest) == _DIGEST_BYTES.get(algorithm.lower()):
                found.append(Fingerprint(algorithm.lower(), digest))
        if found:
            break
    if not found:
        raise OfferError("The offer has no usable certificate fingerprint (SHA-256, SHA-384 or SHA-512).")
    return tuple(found)


def _codecs(section: Sequence[str], formats: str) -> tuple[tuple[int, ...], dict[int, tuple[str, int]]]:
    order: list[int] = []
    for word in formats.split():
        if not word.isascii() or not word.isdigit() or int(word) > 127:
            raise OfferError("A payload type of the offer is not a number from 0 to 127.")
        order.append(int(word))
    names = {number: _STATIC[number] for number in order if number in _STATIC}
    for line in section:
        if line.startswith("a=rtpmap:") and (match := _RTPMAP.fullmatch(line[9:].strip())):
            names[int(match[1])] = (match[2].lower(), int(match[3]))
    return tuple(order), names


def _direction(section: Sequence[str], session: Sequence[str]) -> str:
    for part in (section, session):
        for line in part:
            if line[2:].strip() in _REPLY_DIRECTION and line.startswith("a="):
                return line[2:].strip()
    return "sendrecv"


def parse_offer(text: str) -> Offer:
    """Read an offer. OfferError for anything the engine cannot use, with a sentence that says why."""
    session, sections = _split(text)
    heads: list[tuple[str, str, str, str]] = []
    chosen = -1
    for index, section in enumerate(sections):
        match = _MEDIA.fullmatch(section[0][2:].strip())
        if match is None:
            raise OfferError("A media line of the offer cannot be read.")
        mid = _attribute(section, (), "mid") or ""
        if mid and not _TOKEN.fullmatch(mid):
            raise OfferError("A media section of the offer has a name (mid) that is not a token.")
        if not _TOKEN.fullmatch(match[1]) or not all(_TOKEN.fullmatch(word) for word in match[3].split("/")):
            raise OfferError("A media line of the offer cannot be read.")
        formats = match[4].strip()
        if not all(_TOKEN.fullmatch(word) for word in formats.split()):
            raise OfferError("A media line of the offer names formats that are not tokens.")
        heads.append((match[1], match[3], formats, mid))
        if chosen < 0 and match[1] == "audio" and match[2] != "0" and match[3].endswith("/TLS/RTP/SAVPF"):
            chosen = index
    if chosen < 0:
        raise OfferError("The offer has no audio section protected by DTLS (UDP/TLS/RTP/SAVPF).")
    section = sections[chosen]
    ufrag, pwd = _attribute(section, session, "ice-ufrag"), _attribute(section, session, "ice-pwd")
    if not ufrag or not pwd or not _ICE.fullmatch(ufrag) or not _ICE.fullmatch(pwd):
        raise OfferError("The offer has no ICE user name and password.")
    if _attribute(section, session, "setup") == "passive":
        raise OfferError("The offer wants the switch to begin DTLS (setup:passive); offer actpass.")
    if not any(line.strip() == "a=rtcp-mux" for line in section):
        raise OfferError("The offer does not multiplex RTCP with RTP (a=rtcp-mux).")
    order, names = _codecs(section, heads[chosen][2])
    return Offer(
        tuple(heads),
        chosen,
        ufrag,
        pwd,
        _fingerprints(section, session),
        _direction(section, session),
        order,
        names,
    )


@dataclass(frozen=True, slots=True)
class LocalSide:
    """What our answer says of us."""

    session_id: int
    version: int  # grows by one with each answer of a session (RFC 3264 §8)
    ufrag: str
    pwd: str
    fingerprint: str  # SHA-256, "AB:CD:..."
    ssrc: int
    addresses: tuple[tuple[str, int], ...]  # what we advertise, best first


def _family(address: str) -> str:
    return "IP6" if ":" in address else "IP4"


def answer_sends(offer: Offer) -> bool:
    """Whether the browser wants to hear us."""
    return offer.direction in ("sendrecv", "recvonly")


def answer_receives(offer: Offer) -> bool:
    """Whether the browser will send us anything."""
    return offer.direction in ("sendrecv", "sendonly")


def build_answer(offer: Offer, agreed: AudioFormat, us: LocalSide) -> str:
    """Our answer: ICE-lite, DTLS passive, one codec and its telephone events."""
    mid = offer.sections[offer.chosen][3]
    lines = [
        "v=0",
        f"o=- {us.session_id} {us.version} IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=ice-lite",
        *([f"a=group:BUNDLE {mid}"] if mid else []),
        "a=msid-semantic: WMS *",
    ]
    for index, (kind, protocol, formats, section_mid) in enumerate(offer.sections):
        if index == offer.chosen:
            lines += _audio_lines(offer, agreed, us, mid)
        else:
            lines.append(f"m={kind} 0 {protocol} {formats}")
            lines.append("c=IN IP4 0.0.0.0")
            if section_mid:
                lines.append(f"a=mid:{section_mid}")
            lines.append("a=inactive")
    return "\r\n".join(lines) + "\r\n"


def _audio_lines(offer: Offer, agreed: AudioFormat, us: LocalSide, mid: str) -> list[str]:
    host, port = us.addresses[0]
    types = [agreed.payload_type] + ([agreed.telephone_event] if agreed.telephone_event is not None else [])
    name = {PCMU: "PCMU/8000", PCMA: "PCMA/8000", OPUS: "opus/48000/2"}[agreed.codec]
    lines = [
        f"m=audio {port} {offer.sections[offer.chosen][1]} {' '.join(map(str, types))}",
        f"c=IN {_family(host)} {host}",
        *([f"a=mid:{mid}"] if mid else []),
        f"a={_REPLY_DIRECTION[offer.direction]}",
        f"a=ice-ufrag:{us.ufrag}",
        f"a=ice-pwd:{us.pwd}",
        f"a=fingerprint:sha-256 {us.fingerprint}",
        "a=setup:passive",
        "a=rtcp-mux",
        f"a=rtpmap:{agreed.payload_type} {name}",
    ]
    if agreed.codec == OPUS:
        # We decode to 8 kHz mono: say so, and ask for forward error correction (RFC 7587 §6.1).
        lines.append(
            f"a=fmtp:{agreed.payload_type} minptime=10;useinbandfec=1;maxplaybackrate=8000;stereo=0;sprop-stereo=0"
        )
    if agreed.telephone_event is not None:
        lines.append(f"a=rtpmap:{agreed.telephone_event} telephone-event/{agreed.event_clock}")
        lines.append(f"a=fmtp:{agreed.telephone_event} 0-15")
    lines += ["a=ptime:20", "a=maxptime:60"]
    if answer_sends(offer):
        lines += ["a=msid:hearthline audio", f"a=ssrc:{us.ssrc} cname:hearthline"]
    for index, (address, candidate_port) in enumerate(us.addresses):
        # RFC 8445 §5.1.2.1: type preference 126 for host, local preference by our order, component 1.
        priority = (126 << 24) + ((65535 - index) << 8) + 255
        lines.append(f"a=candidate:{index + 1} 1 udp {priority} {address} {candidate_port} typ host")
    lines.append("a=end-of-candidates")
    return lines
