"""A far end that does exactly what a test says, packet by packet: races that no ordinary switch performs on demand."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from typing import cast

from hearthline.switch.embedded.sip.message import Request, Response, parse, response_to
from hearthline.switch.port import Trunk

Address = tuple[str, int]


def description(port: int = 40_000, *, direction: str = "sendrecv", host: str = "127.0.0.1") -> bytes:
    """A session description as another vendor would write it."""
    return (
        "v=0\r\n"
        f"o=vendor 1 {secrets.randbelow(10**6)} IN IP4 {host}\r\n"
        "s=call\r\n"
        f"c=IN IP4 {host}\r\n"
        "t=0 0\r\n"
        f"m=audio {port} RTP/AVP 8 96\r\n"
        "a=rtpmap:8 PCMA/8000\r\n"
        "a=rtpmap:96 telephone-event/8000\r\n"
        f"a={direction}\r\n"
    ).encode()


class ScriptedPeer(asyncio.DatagramProtocol):
    """Receives into a queue; sends what it is told."""

    def __init__(self) -> None:
        self._transport: asyncio.DatagramTransport | None = None
        self._arrived: asyncio.Queue[tuple[Request | Response, Address]] = asyncio.Queue()
        self.seen: list[Request | Response] = []
        self.from_address: Address = ("", 0)  # the agent's
        self.port = 0
        self.obliging = False  # the test is over: let every call end at once

    @classmethod
    async def start(cls) -> ScriptedPeer:
        _, peer = await asyncio.get_running_loop().create_datagram_endpoint(cls, local_addr=("127.0.0.1", 0))
        return peer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: Address) -> None:
        if len(data) < 5:
            return
        message = parse(data)
        self.from_address = addr
        self.seen.append(message)
        if self.obliging and isinstance(message, Request):
            self._oblige(message)
        self._arrived.put_nowait((message, addr))

    def _oblige(self, request: Request) -> None:
        if request.method in {"BYE", "CANCEL"}:
            self.respond(request, 200)
        if request.method in {"INVITE", "CANCEL"}:
            for invite in [one for one in self.seen if isinstance(one, Request) and one.method == "INVITE"]:
                self.respond(invite, 487)

    def close(self) -> None:
        assert self._transport is not None
        self._transport.close()

    def trunk(self, **changes: object) -> Trunk:
        settings: dict[str, object] = {
            "name": "scripted",
            "host": "127.0.0.1",
            "port": self.port,
            "username": "line",
            "password": "secret",
        }
        return Trunk(**{**settings, **changes})  # type: ignore[arg-type]

    # receiving

    async def request(self, method: str, seconds: float = 5.0) -> Request:
        """The next request with this method; others on the way are passed over."""
        async with asyncio.timeout(seconds):
            while True:
                message, _ = await self._arrived.get()
                if isinstance(message, Request) and message.method == method:
                    return message

    async def response(self, status: int | None = None, seconds: float = 5.0) -> Response:
        """The next final response, or the next one with this status."""
        async with asyncio.timeout(seconds):
            while True:
                message, _ = await self._arrived.get()
                wanted = isinstance(message, Response) and (
                    message.status == status if status else message.status > 199
                )
                if isinstance(message, Response) and wanted:
                    return message

    def drain(self) -> None:
        """Forget what has come so far."""
        while not self._arrived.empty():
            self._arrived.get_nowait()

    def count(self, method: str) -> int:
        return sum(1 for message in self.seen if isinstance(message, Request) and message.method == method)

    # sending

    def send(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.sendto(data, self.from_address)

    def respond(
        self,
        request: Request,
        status: int,
        *,
        tag: str = "far",
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Answer a request, with a Contact where it makes a dialog."""
        response = response_to(request, status, to_tag=tag if status > 100 else "")
        if request.method in {"INVITE", "UPDATE"} and 100 < status < 300:
            response.headers.add("Contact", f"<sip:far@127.0.0.1:{self.port}>")
        for name, value in (headers or {}).items():
            response.headers.add(name, value)
        if body:
            response.set_body("application/sdp", body)
        self.send(response.encode())
        return response

    def within(self, invite: Request, method: str, cseq: int, *, tag: str = "far") -> Request:
        """A request of ours in the dialog that the agent's INVITE began."""
        contact = invite.contact
        assert contact is not None
        request = Request(method, contact.uri.text)
        branch = secrets.token_hex(8)
        request.headers.add("Via", f"SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bK+{branch};rport")
        request.headers.add("Max-Forwards", "70")
        request.headers.add("From", f"{invite.to.text};tag={tag}")
        request.headers.add("To", invite.from_.text)
        request.headers.add("Call-ID", invite.call_id)
        request.headers.add("CSeq", f"{cseq} {method}")
        request.headers.add("Contact", f"<sip:far@127.0.0.1:{self.port}>")
        return request

    def ask(self, request: Request) -> Request:
        self.send(request.encode())
        return request

    def acknowledge(self, invite: Request, response: Response, body: bytes = b"") -> None:
        """ACK the agent's 2xx to a re-INVITE of ours."""
        ack = Request("ACK", invite.uri)
        ack.headers.add("Via", f"SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bK{secrets.token_hex(8)};rport")
        for name in ("From", "Call-ID"):
            ack.headers.add(name, invite.headers.get(name) or "")
        ack.headers.add("To", response.headers.get("To") or "")
        ack.headers.add("CSeq", f"{invite.cseq[0]} ACK")
        if body:
            ack.set_body("application/sdp", body)
        self.send(ack.encode())
