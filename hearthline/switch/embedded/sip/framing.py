"""Cutting SIP messages out of a byte stream (RFC 3261 §18.3, keep-alives of RFC 5626 §3.5.1)."""

from __future__ import annotations

import re

from hearthline.switch.embedded.sip.errors import BadMessageError
from hearthline.switch.embedded.sip.message import MAX_MESSAGE_BYTES

MAX_HEADER_BYTES = 16_384

_LENGTH = re.compile(rb"^(?:content-length|l)[ \t]*:[ \t]*(\d{1,6})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)


class StreamFramer:
    """Feed it what the socket gives; it returns whole messages. A stream out of step cannot be mended: it raises."""

    __slots__ = ("_buffer", "pings")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.pings = 0  # double CRLFs seen and not yet answered

    def feed(self, data: bytes) -> list[bytes]:
        """Raises BadMessageError when the stream has to be closed: no length, or over the bounds."""
        self._buffer += data
        messages: list[bytes] = []
        while True:
            self._skip_keep_alives()
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self._buffer) > MAX_HEADER_BYTES:
                    raise BadMessageError("a header without end")
                return messages
            if end > MAX_HEADER_BYTES:
                raise BadMessageError("the header is too long")
            total = end + 4 + self._body_length(end)
            if total > MAX_MESSAGE_BYTES:
                raise BadMessageError("the message is too long")
            if len(self._buffer) < total:
                return messages
            messages.append(bytes(self._buffer[:total]))
            del self._buffer[:total]

    def _skip_keep_alives(self) -> None:
        skipped = 0
        while self._buffer.startswith(b"\r\n", skipped):
            skipped += 2
        self.pings += skipped // 4
        del self._buffer[:skipped]

    def _body_length(self, end: int) -> int:
        found = _LENGTH.search(self._buffer, 0, end + 2)
        if not found:
            raise BadMessageError("a stream message without Content-Length")
        return int(found[1])
