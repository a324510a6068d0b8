"""No request body is larger than the largest file that may be uploaded: Django reads a body to disk before any view can
judge it, so the bound stands in front of Django."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

ROOM_FOR_THE_FORM = 1_000_000  # bytes around the file: other fields, boundaries


def with_body_limit(application: Application, max_file_bytes: int) -> Application:
    """The application, with 413 (RFC 9110 §15.5.14) for whoever sends more."""
    limit = max_file_bytes + ROOM_FOR_THE_FORM

    async def bounded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        if _announced(scope) > limit:
            await _refuse(send, limit)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen <= limit:
                return message
            await _refuse(send, limit)
            return {"type": "http.disconnect"}  # to the application the sender has gone

        await application(scope, counted, send)

    return bounded


def _announced(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and len(value) < 19:
            return int(value)
    return 0


async def _refuse(send: Send, limit: int) -> None:
    sentence = f"This is larger than {limit // 1_000_000} MB. Divide the file and send the parts."
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": sentence.encode()})
