"""A robot's browser session with the web process: pages' forms, JSON commands and the event stream, over HTTP."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode, urlsplit

from hearthline.lib.ids import new_token

TIMEOUT_S = 20.0
LARGEST_LINE = 1 << 20  # bytes of one event
SIGNS_OF_A_PAGE = "text/html"


class RefusedError(Exception):
    """The exchange said no; the text is what a person would read."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class Session:
    """One person's cookies at `base` ("http://127.0.0.1:8000")."""

    def __init__(self, base: str) -> None:
        parts = urlsplit(base)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._origin = base.rstrip("/")
        self._cookies: dict[str, str] = {}

    async def enter(self, person: str) -> None:
        """Become one of the demonstration's people by its one-click form."""
        await self.get("/?welcome")  # the page whose form carries the token
        await self.post_form("/demo/enter/", {"person": person})

    async def get(self, path: str) -> str:
        return (await self._ask("GET", path, None, {"Accept": SIGNS_OF_A_PAGE}))[1]

    async def get_json(self, path: str) -> dict[str, Any]:
        return self._object(*await self._ask("GET", path, None, {"Accept": "application/json"}))

    async def post_form(self, path: str, fields: dict[str, str]) -> None:
        """A form as a browser sends it. Raises RefusedError unless it leads on to another page."""
        body = urlencode({**fields, "csrfmiddlewaretoken": self._cookies.get("csrftoken", "")})
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": SIGNS_OF_A_PAGE}
        status, text = await self._ask("POST", path, body, headers)
        if status != 302:
            raise RefusedError("form", f"{path} answered {status}: {_first_words(text)}", status)

    async def command(self, path: str, **body: Any) -> dict[str, Any]:
        """A JSON command with an idempotency key of its own. Raises RefusedError."""
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        text = json.dumps({"key": new_token()[:32], **body})
        return self._object(*await self._ask("POST", path, text, headers))

    def _object(self, status: int, text: str) -> dict[str, Any]:
        try:
            reply = json.loads(text)
        except ValueError:
            raise RefusedError("not_json", _first_words(text), status) from None
        if not isinstance(reply, dict):
            raise RefusedError("not_json", _first_words(text), status)
        if "error" in reply:
            raise RefusedError(reply["error"].get("code", ""), reply["error"].get("message", ""), status)
        if status >= 400:
            raise RefusedError("status", _first_words(text), status)
        return reply

    async def _ask(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> tuple[int, str]:
        return await asyncio.to_thread(self._exchange, method, path, body, headers)

    def _exchange(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> tuple[int, str]:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT_S)
        try:
            own = {"Cookie": self._cookie(), "Origin": self._origin, "X-CSRFToken": self._cookies.get("csrftoken", "")}
            data = body.encode() if body is not None else None
            connection.request(method, path, data, {**own, **headers})
            response = connection.getresponse()
            text = response.read().decode(errors="replace")
            for header in response.headers.get_all("Set-Cookie") or ():
                jar: SimpleCookie = SimpleCookie(header)
                self._cookies.update({name: morsel.value for name, morsel in jar.items()})
            return response.status, text
        finally:
            connection.close()

    def _cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self._cookies.items())

    async def events(self, *, after: int) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """(name, payload) from the stream, from after that id on. Comes back by itself when the connection is lost."""
        while True:
            async for id, name, payload in self._stream(after):
                after = id
                if name:
                    yield name, payload
            await asyncio.sleep(0.3)

    async def _stream(self, after: int) -> AsyncIterator[tuple[int, str, dict[str, Any]]]:
        try:
            reader, writer = await asyncio.open_connection(self._host, self._port, limit=LARGEST_LINE)
        except OSError:
            return  # the server is away for a moment
        try:
            # HTTP/1.0: the answer then comes as it is, without chunks
            request = f"GET /events/?after={after} HTTP/1.0\r\nHost: {self._host}:{self._port}\r\nCookie: {self._cookie()}\r\n\r\n"
            writer.write(request.encode())
            await writer.drain()
            status = (await reader.readline()).split()
            if status[1:2] != [b"200"]:
                raise RefusedError("events", f"the event stream answered {b' '.join(status).decode()}", 0)
            id = after
            while line := await reader.readline():
                text = line.decode().rstrip("\r\n")
                if text.startswith("id: "):
                    id = int(text[4:])
                elif text.startswith("data: "):
                    data = json.loads(text[6:])
                    yield id, data.get("name", ""), data.get("payload", {})
        except ConnectionError:
            return
        finally:
            writer.close()


def _first_words(text: str) -> str:
    return " ".join(text.split())[:300]
