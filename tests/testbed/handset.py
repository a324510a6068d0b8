"""A telephone packet by packet: it registers as it is told, from whichever address of loopback, and waits for what comes."""

from __future__ import annotations

import asyncio
import secrets
import select
import socket
from dataclasses import dataclass, field
from types import TracebackType

from hearthline.switch.embedded.sip.digest import DigestClient
from hearthline.switch.embedded.sip.message import Headers, Request, Response, parse
from tests.testbed.phone import Registrar

WAIT_S = 5.0


@dataclass
class Handset:
    """`host`: an address of 127.0.0.0/8 of its own; who guesses from there bans nobody else."""

    name: str
    registrar: Registrar
    host: str = "127.0.0.1"
    call_id: str = field(default_factory=lambda: secrets.token_hex(8))
    cseq: int = 0
    asked: set[str] = field(default_factory=set)  # methods of the requests that came to it unasked

    def __enter__(self) -> Handset:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((self.host, 0))
        self._socket.setblocking(False)
        self.port = int(self._socket.getsockname()[1])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def request(self, method: str, target: str, headers: list[tuple[str, str]]) -> Request:
        self.cseq += 1
        branch = f"z9hG4bK{secrets.token_hex(8)}"
        first = [
            ("Via", f"SIP/2.0/UDP {self.host}:{self.port};branch={branch};rport"),
            ("Max-Forwards", "70"),
            ("From", f"<sip:{self.name}@{self.registrar.host}>;tag=handset"),
            ("To", target if method == "REGISTER" else f"<{target}>"),
            ("Call-ID", self.call_id),
            ("CSeq", f"{self.cseq} {method}"),
        ]
        there = f"sip:{self.registrar.host}:{self.registrar.port}"
        return Request(method, there if method == "REGISTER" else target, Headers([*first, *headers]))

    async def register(self, password: str, *, contact: str = "", expires: int = 120) -> Response:
        """The final answer: to the credentials when it was challenged."""
        digest = DigestClient(self.name, password)
        contact = contact or f"<sip:{self.name}@{self.host}:{self.port}>"
        fields = [("Contact", contact), ("Expires", str(expires))]
        address = f"<sip:{self.name}@{self.registrar.host}>"
        answer = await self.ask(self.request("REGISTER", address, fields))
        if answer.status == 401 and digest.take(answer):
            signed = self.request("REGISTER", address, fields)
            digest.sign(signed)
            answer = await self.ask(signed)
        return answer

    async def call(self, target: str, password: str) -> Response:
        """INVITE somebody, with credentials when asked for them; the final answer."""
        digest = DigestClient(self.name, password)
        fields = [("Contact", f"<sip:{self.name}@{self.host}:{self.port}>")]
        answer = await self.ask(self.request("INVITE", target, fields))
        if answer.status in (401, 407) and digest.take(answer):
            signed = self.request("INVITE", target, fields)
            digest.sign(signed)
            answer = await self.ask(signed)
        return answer

    async def ask(self, request: Request) -> Response:
        await asyncio.get_running_loop().sock_sendto(
            self._socket, request.encode(), (self.registrar.host, self.registrar.port)
        )
        async with asyncio.timeout(WAIT_S):
            while True:
                message = await self._next()
                if isinstance(message, Response) and message.status >= 200 and message.cseq[0] == request.cseq[0]:
                    return message

    async def rung(self) -> Request:
        """The INVITE that comes; questions whether it is still there stay unanswered."""
        async with asyncio.timeout(WAIT_S):
            while True:
                message = await self._next()
                if isinstance(message, Request) and message.method == "INVITE":
                    return message

    def has_mail(self) -> bool:
        """Whether anything lies there unread."""
        return bool(select.select([self._socket], [], [], 0)[0])

    async def _next(self) -> Request | Response:
        while True:
            data = await asyncio.get_running_loop().sock_recv(self._socket, 65_536)
            if not data.strip():
                continue  # a keep-alive
            message = parse(data)
            if isinstance(message, Request):
                self.asked.add(message.method)
            return message
