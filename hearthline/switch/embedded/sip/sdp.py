"""Session descriptions for plain RTP telephony: one audio stream, PCMU or PCMA, telephone-event (RFC 8866, RFC 3264).

`parse` raises BadMessageError and nothing else. What is built here is what every telephone switch understands.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
import time
from dataclasses import dataclass, field, replace
from enum import StrEnum

from hearthline.switch.embedded.sip.errors import BadMessageError

MAX_LINES = 400
MAX_MEDIA = 16

CODECS = ("PCMU", "PCMA")
_STATIC = {0: "PCMU", 8: "PCMA"}  # RFC 3551 table 4
_PAYLOAD_TYPE = {"PCMU": 0, "PCMA": 8}
EVENT_PAYLOAD_TYPE = 101  # ours; a peer's answer may not change it (RFC 3264 §5.1 lets each side choose its own)

_MEDIA = re.compile(r"([a-z]{1,16}) (\d{1,5})(?:/\d{1,3})? (\S{1,40}) (.{1,400})")
_CONNECTION = re.compile(r"IN (IP4|IP6) (\S{1,255})")
_RTPMAP = re.compile(r"(\d{1,3}) +([A-Za-z0-9.\-]{1,32})/(\d{1,6})(?:/\d+)?")
_PLAIN_PROFILES = frozenset({"RTP/AVP", "RTP/AVPF"})


class Direction(StrEnum):
    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def sends(self) -> bool:
        return self in {Direction.SENDRECV, Direction.SENDONLY}

    @property
    def receives(self) -> bool:
        return self in {Direction.SENDRECV, Direction.RECVONLY}

    def mirrored(self) -> Direction:
        """The same stream seen from the other side (RFC 3264 §6.1)."""
        return {Direction.SENDONLY: Direction.RECVONLY, Direction.RECVONLY: Direction.SENDONLY}.get(self, self)

    def within(self, other: Direction) -> Direction:
        """What is left when both limits hold."""
        sends, receives = self.sends and other.sends, self.receives and other.receives
        if sends:
            return Direction.SENDRECV if receives else Direction.SENDONLY
        return Direction.RECVONLY if receives else Direction.INACTIVE


_DIRECTIONS = {direction.value: direction for direction in Direction}


@dataclass(frozen=True, slots=True)
class AudioStream:
    """The first usable audio stream of a description, as its sender sees it."""

    host: str  # numeric, or a name that must be resolved; "0.0.0.0" is the hold of RFC 2543
    port: int
    codecs: tuple[tuple[str, int], ...]  # (name, payload type) in the sender's preference; only ours
    event_payload_type: int | None
    direction: Direction
    rtcp_mux: bool = False

    @property
    def on_hold(self) -> bool:
        """The sender does not want to hear us."""
        return not self.direction.receives


@dataclass(frozen=True, slots=True)
class SessionDescription:
    audio: AudioStream | None  # None: nothing we could use
    audio_index: int = -1
    media: tuple[str, ...] = field(default=())  # each m= line's "type 0 profile formats", for refusing it in an answer


@dataclass(frozen=True, slots=True)
class Agreed:
    """What offer and answer settled, from our side."""

    host: str
    port: int
    codec: str
    payload_type: int
    event_payload_type: int | None
    direction: Direction  # ours
    rtcp_mux: bool


@dataclass(slots=True)
class LocalDescription:
    """Our own side: where we listen, and the session id and version that must grow with each change (RFC 3264 §8)."""

    host: str
    port: int
    session: int = field(default_factory=lambda: (int(time.time()) << 16) | secrets.randbits(16))
    version: int = 0
    _last: str = ""

    def offer(self, direction: Direction = Direction.SENDRECV) -> bytes:
        lines = [
            f"m=audio {self.port} RTP/AVP 0 8 {EVENT_PAYLOAD_TYPE}",
            "a=rtpmap:0 PCMU/8000",
            "a=rtpmap:8 PCMA/8000",
            *_event_lines(EVENT_PAYLOAD_TYPE),
            "a=ptime:20",
            "a=rtcp-mux",
            f"a={direction}",
        ]
        return self._whole(lines)

    def answer(self, offer: SessionDescription, agreed: Agreed) -> bytes:
        """An answer with as many m= lines as the offer; all but the agreed one are refused (RFC 3264 §6)."""
        lines: list[str] = []
        for index, media in enumerate(offer.media):
            if index != offer.audio_index:
                lines.append("m=" + media)
                continue
            formats = [agreed.payload_type] + ([] if agreed.event_payload_type is None else [agreed.event_payload_type])
            lines.append(f"m=audio {self.port} RTP/AVP {' '.join(map(str, formats))}")
            lines.append(f"a=rtpmap:{agreed.payload_type} {agreed.codec}/8000")
            if agreed.event_payload_type is not None:
                lines += _event_lines(agreed.event_payload_type)
            lines.append("a=ptime:20")
            if agreed.rtcp_mux:
                lines.append("a=rtcp-mux")
            lines.append(f"a={agreed.direction}")
        return self._whole(lines)

    def _whole(self, media: list[str]) -> bytes:
        content = "\r\n".join(media)
        if content != self._last:
            self.version += 1
            self._last = content
        family = "IP6" if ":" in self.host else "IP4"
        head = [
            "v=0",
            f"o=- {self.session} {self.version} IN {family} {self.host}",
            "s=-",
            f"c=IN {family} {self.host}",
            "t=0 0",
        ]
        return ("\r\n".join(head) + "\r\n" + content + "\r\n").encode()


def _event_lines(payload_type: int) -> list[str]:
    return [f"a=rtpmap:{payload_type} telephone-event/8000", f"a=fmtp:{payload_type} 0-15"]


def settle_answer(answer: SessionDescription, ours: Direction = Direction.SENDRECV) -> Agreed | None:
    """What the far end's answer to our offer means; None when it took nothing of it."""
    return _settle(answer.audio, ours)


def settle_offer(offer: SessionDescription, ours: Direction = Direction.SENDRECV) -> Agreed | None:
    """What we agree to of the far end's offer; None when it has nothing we can do (488)."""
    return _settle(offer.audio, ours)


def _settle(audio: AudioStream | None, ours: Direction) -> Agreed | None:
    if audio is None or not audio.codecs or not audio.port:
        return None
    codec, payload_type = audio.codecs[0]
    return Agreed(
        host=audio.host,
        port=audio.port,
        codec=codec,
        payload_type=payload_type,
        event_payload_type=audio.event_payload_type,
        direction=audio.direction.mirrored().within(ours),
        rtcp_mux=audio.rtcp_mux,
    )


def parse(body: bytes) -> SessionDescription:
    """Read a description. Raises BadMessageError when it is not one; a description of things we cannot do is fine."""
    text = body.decode("utf-8", "replace")
    lines = [line.rstrip("\r") for line in text.split("\n") if line.strip("\r ")]
    if not lines or not lines[0].startswith("v=0") or len(lines) > MAX_LINES:
        raise BadMessageError("not a session description")
    sections: list[list[str]] = [[]]
    for line in lines:
        if line[1:2] != "=":
            raise BadMessageError("a line of the session description cannot be read")
        if line.startswith("m="):
            sections.append([])
        sections[-1].append(line)
    if len(sections) - 1 > MAX_MEDIA:
        raise BadMessageError("too many streams in the session description")
    media: list[str] = []
    found: AudioStream | None = None
    index = -1
    for number, section in enumerate(sections[1:]):
        match = _MEDIA.fullmatch(section[0][2:].strip())
        if not match:
            raise BadMessageError("a stream of the session description cannot be read")
        media.append(f"{match[1]} 0 {match[3]} {match[4]}")
        if found is None and match[1] == "audio" and match[3] in _PLAIN_PROFILES and int(match[2]):
            found = _audio(sections[0], section, int(match[2]), match[4].split())
            index = number if found is not None else -1
    return SessionDescription(audio=found, audio_index=index, media=tuple(media))


def _audio(session: list[str], section: list[str], port: int, formats: list[str]) -> AudioStream | None:
    host = _connection(section) or _connection(session)
    if not host or port > 65535:
        return None
    names = dict(_STATIC)
    events: dict[int, bool] = {}
    for value in _attributes(section, "rtpmap"):
        match = _RTPMAP.fullmatch(value.strip())
        if match and int(match[1]) < 128:
            name = match[2].upper()
            names.pop(int(match[1]), None)
            if match[3] == "8000" and name in CODECS:
                names[int(match[1])] = name
            elif match[3] == "8000" and name == "TELEPHONE-EVENT":
                events[int(match[1])] = True
    offered = [int(text) for text in formats if text.isdigit() and len(text) <= 3]
    codecs = tuple((names[number], number) for number in offered if number in names)
    direction = _direction(section) or _direction(session) or Direction.SENDRECV
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - a meaning, not a bind address: the hold of RFC 2543
        direction = direction.within(Direction.SENDONLY)
    return AudioStream(
        host=host,
        port=port,
        codecs=codecs,
        event_payload_type=next((number for number in offered if number in events), None),
        direction=direction,
        rtcp_mux=any(line.strip() == "a=rtcp-mux" for line in section),
    )


def _connection(lines: list[str]) -> str:
    for line in lines:
        if line.startswith("c="):
            match = _CONNECTION.fullmatch(line[2:].strip())
            return match[2].partition("/")[0] if match else ""
    return ""


def _attributes(lines: list[str], name: str) -> list[str]:
    prefix = f"a={name}:"
    return [line[len(prefix) :] for line in lines if line.startswith(prefix)]


def _direction(lines: list[str]) -> Direction | None:
    for line in lines:
        value = line[2:].strip()
        if line.startswith("a=") and value in _DIRECTIONS:
            return _DIRECTIONS[value]
    return None


def is_numeric(host: str) -> bool:
    """Whether it is an address rather than a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def with_host(agreed: Agreed, host: str) -> Agreed:
    """The same agreement after its host name was resolved."""
    return replace(agreed, host=host)
