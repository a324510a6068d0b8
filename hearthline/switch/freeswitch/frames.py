"""Messages of FreeSWITCH's event socket: a header block, then a body of the stated length. Read with bounds."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

MAX_HEADER_BYTES = 65_536
MAX_BODY_BYTES = 8 << 20  # `show channels` of a full node is about a megabyte
_MAX_FIELDS = 4_000

Event = Mapping[str, str]


class FrameError(Exception):
    """The other side does not speak the event socket's protocol; the connection has to be closed."""


@dataclass(frozen=True, slots=True)
class Frame:
    headers: Mapping[str, str]
    body: bytes

    @property
    def kind(self) -> str:
        return self.headers.get("Content-Type", "")


def parse_fields(text: str) -> dict[str, str]:
    """`Name: value` lines with percent-encoded values; of a repeated name the first counts. FrameError beyond the bounds."""
    lines = text.split("\n")
    if len(lines) > _MAX_FIELDS:
        raise FrameError("a message with too many fields")
    fields: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            fields.setdefault(name.strip(), unquote(value.strip()))
    return fields


def parse_event(body: bytes) -> dict[str, str]:
    """A `text/event-plain` body. An event's own body stands under the name "_body". Raises FrameError."""
    head, _, rest = body.decode("utf-8", "replace").partition("\n\n")
    fields = parse_fields(head)
    if rest:
        fields["_body"] = rest
    return fields


async def read_frame(reader: asyncio.StreamReader) -> Frame:
    """The next message. Raises FrameError, IncompleteReadError, OSError. The reader's limit must be MAX_HEADER_BYTES."""
    try:
        head = await reader.readuntil(b"\n\n")
    except asyncio.LimitOverrunError:
        raise FrameError("a header without end") from None
    headers = parse_fields(head.decode("utf-8", "replace"))
    text = headers.get("Content-Length", "0")
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise FrameError("a length that cannot be read")
    if int(text) > MAX_BODY_BYTES:
        raise FrameError("a message that is too long")
    return Frame(headers, await reader.readexactly(int(text)))


def command(*lines: str) -> bytes:
    """A command of one or more lines as it goes out. ValueError for a line break inside a line: it would be another command."""
    if any("\n" in line or "\r" in line or "\0" in line for line in lines):
        raise ValueError("a command's line must be one line")
    return ("\n".join(lines) + "\n\n").encode()
