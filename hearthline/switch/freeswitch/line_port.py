"""Handing browsers' legs to FreeSWITCH: INVITE and re-INVITE over one TCP connection to its port for lines, on loopback.

The Call-ID is the leg's id, which FreeSWITCH makes the channel's. A dialogue's state is not kept: our tag follows from
the leg, FreeSWITCH's is a variable of the channel, the sequence number is the time. So a call control that was started
again can restart ICE on a leg that another process opened.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import logging
import secrets
import time
from collections.abc import Mapping

from hearthline.switch.embedded.sip.errors import BadMessageError
from hearthline.switch.embedded.sip.framing import StreamFramer
from hearthline.switch.embedded.sip.message import Headers, Request, Response, parse, response_to
from hearthline.switch.port import LegId, SwitchError, SwitchErrorCode

log = logging.getLogger(__name__)

_ANSWER_S = 10.0
_CONNECT_S = 2.0


def pack_tags(tags: Mapping[str, str]) -> str:
    """Tags as one word that passes through SIP headers and channel variables."""
    return base64.urlsafe_b64encode(json.dumps(dict(tags)).encode()).decode()


def unpack_tags(text: str) -> dict[str, str]:
    """Empty for anything that `pack_tags` did not make."""
    try:
        found = json.loads(base64.urlsafe_b64decode(text.encode()))
    except ValueError:
        return {}
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}


class LinePort:
    """Make it; it connects when it is needed. `await close()` at the end."""

    def __init__(self, host: str, port: int, key: str) -> None:
        self._host, self._port, self._key = host, port, key
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._connecting = asyncio.Lock()
        self._waiting: dict[tuple[str, int], asyncio.Future[Response]] = {}

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
            self._reading = None

    async def invite(
        self, leg: LegId, offer: str, *, kind: str = "browser", tags: Mapping[str, str] | None = None, to_tag: str = ""
    ) -> str:
        """Open a leg, or with `to_tag` (FreeSWITCH's) offer anew on one that is there. Returns the answer's SDP. SwitchError:
        UNREACHABLE, BAD_OFFER, OVERLOADED, FAILED."""
        writer = await self._connected()
        cseq = int(time.time() * 10) & 0x7FFFFFFF  # grows also over a restart of ours
        request = self._request("INVITE", leg, cseq, writer, to_tag)
        request.headers.add("Content-Disposition", "session")
        request.headers.add("X-Hearthline-Key", self._key)
        request.headers.add("X-Hearthline-Kind", kind)
        request.headers.add("X-Hearthline-Tags", pack_tags(tags or {}))
        request.set_body("application/sdp", offer.encode())
        response = await self._ask(writer, request, (leg, cseq))
        if response.status >= 300:
            raise _refused(response.status)
        ack = self._request("ACK", leg, cseq, writer, response.to.tag)
        writer.write(ack.encode())
        return response.body.decode("utf-8", "replace")

    # --- messages -----------------------------------------------------------------------------------------------------

    def _request(self, method: str, leg: LegId, cseq: int, writer: asyncio.StreamWriter, to_tag: str) -> Request:
        host, port = writer.get_extra_info("sockname")[:2]
        target = f"sip:line@{self._host}:{self._port};transport=tcp"
        headers = Headers(
            [
                ("Via", f"SIP/2.0/TCP {host}:{port};branch=z9hG4bK{secrets.token_hex(8)};rport"),
                ("Max-Forwards", "10"),
                ("From", f"<sip:line@{host}>;tag={_tag(leg)}"),
                ("To", f"<sip:line@{self._host}>" + (f";tag={to_tag}" if to_tag else "")),
                ("Call-ID", leg),
                ("CSeq", f"{cseq} {method}"),
                ("Contact", f"<sip:line@{host}:{port};transport=tcp>"),
                ("Allow", "INVITE, ACK, BYE, CANCEL"),
            ]
        )
        return Request(method, target, headers)

    async def _ask(self, writer: asyncio.StreamWriter, request: Request, key: tuple[str, int]) -> Response:
        if key in self._waiting:
            raise SwitchError(SwitchErrorCode.BAD_REQUEST, "The leg's last offer is not answered yet.")
        future: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._waiting[key] = future
        try:
            async with asyncio.timeout(_ANSWER_S):
                writer.write(request.encode())
                await writer.drain()
                return await future
        except (TimeoutError, OSError):
            raise _unreachable() from None
        finally:
            self._waiting.pop(key, None)

    # --- the connection -----------------------------------------------------------------------------------------------

    async def _connected(self) -> asyncio.StreamWriter:
        async with self._connecting:
            if self._writer is not None and not self._writer.is_closing():
                return self._writer
            try:
                async with asyncio.timeout(_CONNECT_S):
                    reader, writer = await asyncio.open_connection(self._host, self._port)
            except (OSError, TimeoutError):
                raise SwitchError(
                    SwitchErrorCode.UNREACHABLE, "FreeSWITCH's port for lines cannot be reached."
                ) from None
            self._writer = writer
            self._reading = asyncio.get_running_loop().create_task(self._read(reader, writer), name="freeswitch: lines")
            return writer

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        framer = StreamFramer()
        try:
            while data := await reader.read(65_536):
                for message in framer.feed(data):
                    self._take(parse(message), writer)
        except (BadMessageError, OSError) as error:
            log.error("freeswitch: the port for lines: %s", error)
        finally:
            writer.close()
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(_unreachable())

    def _take(self, message: Request | Response, writer: asyncio.StreamWriter) -> None:
        if isinstance(message, Response):
            cseq, method = message.cseq
            future = self._waiting.get((message.call_id, cseq))
            if method == "INVITE" and message.status >= 200 and future is not None and not future.done():
                future.set_result(message)
        elif message.method != "ACK":
            # a leg ends by the event socket; its BYE is only politeness, and asks for nothing but a reply
            writer.write(response_to(message, 200 if message.method in ("BYE", "CANCEL") else 405).encode())


def _tag(leg: LegId) -> str:
    return hashlib.sha256(leg.encode()).hexdigest()[:16]


def _unreachable() -> SwitchError:
    return SwitchError(SwitchErrorCode.UNREACHABLE, "FreeSWITCH did not answer the offer; its fate is unknown.")


def _refused(status: int) -> SwitchError:
    if status in (488, 415):
        return SwitchError(SwitchErrorCode.BAD_OFFER, "FreeSWITCH cannot use the offer.")
    if status in (503, 480):
        return SwitchError(SwitchErrorCode.OVERLOADED, "FreeSWITCH takes no further legs at the moment.")
    if status == 403:
        return SwitchError(SwitchErrorCode.FAILED, "FreeSWITCH does not accept the key of its port for lines.")
    return SwitchError(SwitchErrorCode.FAILED, f"FreeSWITCH refused the leg ({status}).")
