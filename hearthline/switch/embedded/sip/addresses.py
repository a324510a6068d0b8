"""SIP URIs, name-addrs and Via values (RFC 3261 §25.1), read tolerantly and repeated verbatim.

What a peer wrote is kept as text and echoed unchanged: some switches put characters into tags and branches that a
re-encoding parser would escape, and a response whose branch is not identical is lost.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import quote

from hearthline.switch.embedded.sip.errors import BadMessageError

KEPT = 2048  # parsed values of each kind: a message's are asked for several times, a call's in each of its messages

_HOST = r"\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9._-]*)"
_SIP_URI = re.compile(
    rf"(?P<scheme>sips?):(?:(?P<user>[^@<>\s\"]*)@)?(?P<host>{_HOST})(?::(?P<port>\d{{1,5}}))?"
    r"(?P<params>;[^?<>\s\"]*)?(?P<headers>\?[^<>\s\"]*)?",
    re.IGNORECASE,
)
_OTHER_URI = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):(?P<rest>[^<>\s\"]+)")
_VIA = re.compile(
    rf"SIP\s*/\s*2\.0\s*/\s*(?P<transport>[A-Za-z0-9-]+)\s+(?P<host>{_HOST})\s*(?::\s*(?P<port>\d{{1,5}}))?\s*(?P<params>;.*)?",
    re.IGNORECASE | re.DOTALL,
)

# unreserved and user-unreserved of RFC 3261 §25.1, without those that providers are known to stumble over
_USER_SAFE = "-_.!~*'()+&=$,"


def split_unquoted(text: str, separator: str) -> list[str]:
    """Split at `separator` where it stands outside "quotes" and <angle brackets>; parts are stripped, empties dropped."""
    if separator not in text:
        return [text.strip()] if text and not text.isspace() else []
    if '"' not in text and "<" not in text:
        return [part for part in map(str.strip, text.split(separator)) if part]
    parts: list[str] = []
    start, quoted, angled, escaped = 0, False, False, False
    for index, char in enumerate(text):
        if escaped:
            escaped = False
        elif quoted:
            escaped = char == "\\"
            quoted = char != '"'
        elif char == '"':
            quoted = True
        elif char == "<":
            angled = True
        elif char == ">":
            angled = False
        elif char == separator and not angled:
            parts.append(text[start:index].strip())
            start = index + 1
    parts.append(text[start:].strip())
    return [part for part in parts if part]


def unquote(text: str) -> str:
    """The content of a quoted-string, or the text itself."""
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
    return text


def parse_parameters(text: str) -> dict[str, str]:
    """`;a=1;b` -> {"a": "1", "b": ""}. Names are lower-cased; the first of a repeated name wins."""
    found: dict[str, str] = {}
    for part in split_unquoted(text, ";"):
        name, _, value = part.partition("=")
        found.setdefault(name.strip().lower(), unquote(value.strip()))
    return found


def _port(text: str | None) -> int | None:
    if not text:
        return None
    number = int(text)
    if not 0 < number < 65536:
        raise BadMessageError("port out of range")
    return number


@dataclass(frozen=True, slots=True)
class SipUri:
    """A URI as it was written, with the parts that routing needs. `host` is "" for schemes other than sip and sips."""

    text: str
    scheme: str
    user: str
    host: str
    port: int | None = None
    params: dict[str, str] = field(default_factory=dict)

    @classmethod
    @lru_cache(maxsize=KEPT)
    def parse(cls, text: str) -> SipUri:
        """Raises BadMessageError."""
        text = text.strip()
        match = _SIP_URI.fullmatch(text)
        if match:
            return cls(
                text=text,
                scheme=match["scheme"].lower(),
                user=(match["user"] or "").partition(":")[0],
                host=match["host"].strip("[]").lower(),
                port=_port(match["port"]),
                params=parse_parameters(match["params"] or ""),
            )
        other = _OTHER_URI.fullmatch(text)
        if other and other["scheme"].lower() not in {"sip", "sips"}:
            return cls(text=text, scheme=other["scheme"].lower(), user=other["rest"].partition(";")[0], host="")
        raise BadMessageError("not a URI")

    @property
    def transport(self) -> str:
        """The transport asked for: "udp", "tcp", "tls" or "" when the URI leaves it open (RFC 3263 §4.1)."""
        asked = self.params.get("transport", "").lower()
        if self.scheme == "sips" or asked == "tls":
            return "tls"
        return asked if asked in {"udp", "tcp"} else ""


def sip_uri(user: str, host: str, port: int | None = None, *, transport: str = "") -> str:
    """Text of a sip: URI; the user part is escaped as needed (RFC 3261 §19.1.2), IPv6 hosts are bracketed."""
    name = f"[{host}]" if ":" in host else host
    return (
        "sip:"
        + (quote(user, safe=_USER_SAFE) + "@" if user else "")
        + name
        + (f":{port}" if port else "")
        + (f";transport={transport}" if transport else "")
    )


@dataclass(frozen=True, slots=True)
class NameAddr:
    """A From, To, Contact, Route or Record-Route value."""

    text: str
    uri: SipUri
    params: dict[str, str] = field(default_factory=dict)

    @classmethod
    @lru_cache(maxsize=KEPT)
    def parse(cls, text: str) -> NameAddr:
        """Raises BadMessageError."""
        text = text.strip()
        opening = _angle(text)
        if opening < 0:
            address, _, rest = text.partition(";")  # addr-spec: what follows ";" belongs to the header (§20.10)
            return cls(text=text, uri=SipUri.parse(address), params=parse_parameters(rest))
        closing = text.find(">", opening)
        if closing < 0:
            raise BadMessageError("an address lacks its closing bracket")
        return cls(
            text=text, uri=SipUri.parse(text[opening + 1 : closing]), params=parse_parameters(text[closing + 1 :])
        )

    @property
    def tag(self) -> str:
        return self.params.get("tag", "")


def _angle(text: str) -> int:
    """Index of the `<` outside a quoted display name, or -1."""
    quoted = escaped = False
    for index, char in enumerate(text):
        if escaped:
            escaped = False
        elif quoted:
            escaped = char == "\\"
            quoted = char != '"'
        elif char == '"':
            quoted = True
        elif char == "<":
            return index
    return -1


@dataclass(frozen=True, slots=True)
class Via:
    """One Via value."""

    text: str
    transport: str  # upper case: "UDP", "TCP", "TLS"
    host: str
    port: int | None
    params: dict[str, str] = field(default_factory=dict)

    @classmethod
    @lru_cache(maxsize=KEPT)
    def parse(cls, text: str) -> Via:
        """Raises BadMessageError."""
        match = _VIA.fullmatch(text.strip())
        if not match:
            raise BadMessageError("not a Via")
        return cls(
            text=text.strip(),
            transport=match["transport"].upper(),
            host=match["host"].strip("[]").lower(),
            port=_port(match["port"]),
            params=parse_parameters(match["params"] or ""),
        )

    @property
    def branch(self) -> str:
        return self.params.get("branch", "")

    def stamped(self, host: str, port: int) -> str:
        """The value with `received` and `rport` filled in by the server that got the request (RFC 3581 §4)."""
        text = self.text
        if "rport" in self.params and not self.params["rport"]:
            text = re.sub(r";\s*rport\s*(?==|;|$)(=\s*(?=;|$))?", f";rport={port}", text, count=1, flags=re.IGNORECASE)
        if "received" not in self.params and (host != self.host or "rport" in self.params):
            text += f";received={host}"
        return text
