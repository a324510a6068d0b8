"""SIP messages (RFC 3261 §7): bytes to requests and responses and back, with bounds.

`parse` raises BadMessageError and nothing else, whatever the bytes are. A parsed message is known to have the headers
every message must have (§8.1.1) in readable form, so the code behind it need not ask again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from hearthline.switch.embedded.sip.addresses import NameAddr, Via, split_unquoted
from hearthline.switch.embedded.sip.errors import BadMessageError

MAX_MESSAGE_BYTES = 65_535
MAX_HEADERS = 256

_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]{1,64}")
_CSEQ = re.compile(r"(\d{1,10})\s+([A-Za-z0-9\-.!%*_+`'~]{1,64})")
_STATUS_LINE = re.compile(r"SIP/2\.0 +([1-6]\d\d)(?: +(.*))?", re.IGNORECASE | re.DOTALL)
_REQUEST_LINE = re.compile(r"([A-Za-z0-9\-.!%*_+`'~]{1,64}) +(\S{1,2048}) +SIP/2\.0", re.IGNORECASE)

# RFC 3261 §7.3.3 and the IANA registry of header fields
_COMPACT = {
    "i": "call-id",
    "m": "contact",
    "e": "content-encoding",
    "l": "content-length",
    "c": "content-type",
    "f": "from",
    "s": "subject",
    "k": "supported",
    "t": "to",
    "v": "via",
    "x": "session-expires",
    "o": "event",
    "r": "refer-to",
    "b": "referred-by",
}

# headers whose values may be joined by commas on one line and that are read as lists here
_LISTS = frozenset(
    {"via", "contact", "route", "record-route", "supported", "require", "allow", "reason", "accept", "unsupported"}
)


@lru_cache(maxsize=512)
def _key(name: str) -> str:
    lowered = name.lower()
    return _COMPACT.get(lowered, lowered)


class Headers:
    """Header fields in their order; names compare without case and compact forms count as long ones."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Iterable[tuple[str, str]] = ()) -> None:
        self._fields: list[tuple[str, str, str]] = []  # (key, name as written, value)
        for name, value in fields:
            self.add(name, value)

    def add(self, name: str, value: str) -> None:
        """Raises ValueError for a value that would break out of its line."""
        if "\r" in value or "\n" in value or "\0" in value:
            raise ValueError("a header value must be one line")
        self._fields.append((_key(name), name, value))

    def set(self, name: str, value: str) -> None:
        self.remove(name)
        self.add(name, value)

    def remove(self, name: str) -> None:
        key = _key(name)
        self._fields = [field for field in self._fields if field[0] != key]

    def get(self, name: str) -> str | None:
        """The first value as written, or None."""
        wanted = _key(name)
        for key, _, value in self._fields:
            if key == wanted:
                return value
        return None

    def all(self, name: str) -> list[str]:
        """Every value; those of list headers are split at their commas."""
        wanted = _key(name)
        values = [value for key, _, value in self._fields if key == wanted]
        if wanted not in _LISTS:
            return values
        return [part for value in values for part in split_unquoted(value, ",")]

    def tokens(self, name: str) -> frozenset[str]:
        """The lower-cased tokens of Supported, Require, Allow."""
        return frozenset(part.partition(";")[0].strip().lower() for part in self.all(name))

    def number(self, name: str) -> int | None:
        """A non-negative integer header (Expires, Min-SE...), parameters ignored; None when absent or unreadable."""
        text = (self.get(name) or "").partition(";")[0].strip()
        return int(text) if re.fullmatch(r"[0-9]{1,10}", text) else None

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """(name as written, value) in order."""
        return ((name, value) for _, name, value in self._fields)

    def __len__(self) -> int:
        return len(self._fields)


class Message:
    """What requests and responses share. The properties raise BadMessageError on headers that cannot be read."""

    __slots__ = ("body", "headers")

    def __init__(self, headers: Headers | None = None, body: bytes = b"") -> None:
        self.headers = headers if headers is not None else Headers()
        self.body = body

    def start_line(self) -> str:
        raise NotImplementedError

    def _one(self, name: str) -> str:
        value = self.headers.get(name)
        if not value:
            raise BadMessageError(f"no {name}")
        return value

    @property
    def top_via(self) -> Via:
        values = self.headers.all("Via")
        if not values:
            raise BadMessageError("no Via")
        return Via.parse(values[0])

    @property
    def from_(self) -> NameAddr:
        return NameAddr.parse(self._one("From"))

    @property
    def to(self) -> NameAddr:
        return NameAddr.parse(self._one("To"))

    @property
    def call_id(self) -> str:
        return self._one("Call-ID")

    @property
    def cseq(self) -> tuple[int, str]:
        match = _CSEQ.fullmatch(self._one("CSeq").strip())
        if not match or int(match[1]) >= 2**32:
            raise BadMessageError("CSeq cannot be read")
        return int(match[1]), match[2].upper()

    @property
    def contact(self) -> NameAddr | None:
        """The first Contact, or None (also for "*")."""
        values = self.headers.all("Contact")
        return NameAddr.parse(values[0]) if values and values[0] != "*" else None

    def set_body(self, content_type: str, body: bytes) -> None:
        self.headers.set("Content-Type", content_type)
        self.body = body

    @property
    def content_type(self) -> str:
        return (self.headers.get("Content-Type") or "").partition(";")[0].strip().lower()

    def encode(self) -> bytes:
        """The message as it goes on the wire; Content-Length is always set."""
        self.headers.set("Content-Length", str(len(self.body)))
        lines = [self.start_line(), *(f"{name}: {value}" for name, value in self.headers), "", ""]
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + self.body


class Request(Message):
    __slots__ = ("method", "uri")

    def __init__(self, method: str, uri: str, headers: Headers | None = None, body: bytes = b"") -> None:
        super().__init__(headers, body)
        self.method = method
        self.uri = uri

    def start_line(self) -> str:
        return f"{self.method} {self.uri} SIP/2.0"


class Response(Message):
    __slots__ = ("reason", "status")

    def __init__(self, status: int, reason: str, headers: Headers | None = None, body: bytes = b"") -> None:
        super().__init__(headers, body)
        self.status = status
        self.reason = reason

    def start_line(self) -> str:
        return f"SIP/2.0 {self.status} {self.reason}"


def parse(data: bytes) -> Request | Response:
    """One whole message, as a datagram carries it or the stream framer cut it. Raises BadMessageError."""
    if len(data) > MAX_MESSAGE_BYTES:
        raise BadMessageError("the message is too long")
    head, separator, body = data.lstrip(b"\r\n").partition(b"\r\n\r\n")
    if not separator:
        raise BadMessageError("the header has no end")
    if b"\0" in head:
        raise BadMessageError("a NUL in the header")
    lines = head.decode("utf-8", "surrogateescape").split("\r\n")
    message = _parse_start_line(lines[0])
    message.headers = _parse_headers(lines[1:])
    message.body = _cut_body(message.headers, body)
    _require_mandatory(message)
    return message


def _parse_start_line(line: str) -> Request | Response:
    status = _STATUS_LINE.fullmatch(line)
    if status:
        return Response(int(status[1]), (status[2] or "").strip())
    request = _REQUEST_LINE.fullmatch(line)
    if request:
        return Request(request[1].upper(), request[2])
    raise BadMessageError("neither a request nor a response")


def _parse_headers(lines: list[str]) -> Headers:
    unfolded: list[str] = []
    for line in lines:
        if line[:1] in {" ", "\t"} and unfolded:  # folding, §7.3.1
            unfolded[-1] += " " + line.strip()
        else:
            unfolded.append(line)
    if len(unfolded) > MAX_HEADERS:
        raise BadMessageError("too many headers")
    headers = Headers()
    for line in unfolded:
        name, colon, value = line.partition(":")
        name = name.rstrip(" \t")
        if not colon or not _TOKEN.fullmatch(name) or "\n" in value or "\r" in value:
            raise BadMessageError("a header line cannot be read")
        headers.add(name, value.strip())
    return headers


def _cut_body(headers: Headers, body: bytes) -> bytes:
    """Body by Content-Length; without one a datagram's body is the rest (§18.3)."""
    text = headers.get("Content-Length")
    if text is None:
        return body
    if not re.fullmatch(r"[0-9]{1,6}", text):
        raise BadMessageError("Content-Length cannot be read")
    length = int(text)
    if length > len(body):
        raise BadMessageError("the body is cut off")
    return body[:length]


def _require_mandatory(message: Request | Response) -> None:
    """From, To, Call-ID, CSeq and Via exist and can be read (§8.1.1); a request's CSeq names its method."""
    _ = message.top_via, message.from_, message.to, message.call_id
    _, method = message.cseq
    if isinstance(message, Request) and method != message.method:
        raise BadMessageError("CSeq names another method")


def response_to(request: Request, status: int, reason: str = "", *, to_tag: str = "") -> Response:
    """A response with what §8.2.6.2 copies from the request. `to_tag` is added when the To has none."""
    response = Response(status, reason or REASONS.get(status, "Unknown"))
    for value in request.headers.all("Via"):
        response.headers.add("Via", value)
    response.headers.add("From", request._one("From"))
    to = request._one("To")
    response.headers.add("To", to if not to_tag or request.to.tag else f"{to};tag={to_tag}")
    response.headers.add("Call-ID", request.call_id)
    response.headers.add("CSeq", request._one("CSeq"))
    return response


REASONS = {
    100: "Trying",
    180: "Ringing",
    183: "Session Progress",
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    415: "Unsupported Media Type",
    420: "Bad Extension",
    422: "Session Interval Too Small",
    423: "Interval Too Brief",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    489: "Bad Event",
    491: "Request Pending",
    500: "Server Internal Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    600: "Busy Everywhere",
    603: "Decline",
}
