"""Bodies over the bound are refused before Django reads them, whether they say their size or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from hearthline.web.body_limit import ROOM_FOR_THE_FORM, Receive, Send, with_body_limit

MOST = 10_000


async def spoken(chunks: list[bytes], headers: list[tuple[bytes, bytes]]) -> tuple[int, int]:
    """The status that the client gets, and how many bytes reached the application."""
    reached = 0

    async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        nonlocal reached
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            reached += len(message.get("body", b""))
            if not message.get("more_body"):
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"fine"})

    def messages() -> Iterator[dict[str, Any]]:
        for n, chunk in enumerate(chunks):
            yield {"type": "http.request", "body": chunk, "more_body": n + 1 < len(chunks)}

    waiting, sent = messages(), []

    async def receive() -> Mapping[str, Any]:
        return next(waiting)

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message)

    await with_body_limit(application, MOST)({"type": "http", "headers": headers}, receive, send)
    (status,) = [message["status"] for message in sent if message["type"] == "http.response.start"]
    return status, reached


@pytest.mark.parametrize("size", [0, MOST, MOST + ROOM_FOR_THE_FORM])
async def test_up_to_the_bound_everything_passes(size: int) -> None:
    length = [(b"content-length", str(size).encode())]
    assert await spoken([b"x" * size], length) == (200, size)


async def test_more_than_that_is_refused_unread_when_it_says_so() -> None:
    length = [(b"content-length", str(MOST + ROOM_FOR_THE_FORM + 1).encode())]
    assert await spoken([b"x"], length) == (413, 0)


async def test_more_than_that_is_refused_on_the_way_when_it_does_not() -> None:
    status, reached = await spoken([b"x" * 600_000] * 4, [])
    assert status == 413
    assert reached <= MOST + ROOM_FOR_THE_FORM
