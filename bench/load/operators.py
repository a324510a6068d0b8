"""`python -m bench.load.operators`: operators at their pages, without audio: commands over kept connections, news from the event
stream. They take a contact, dial, hear how it goes, wrap up, and take the next at once.

The first line in says who they are: {"port", "sessions", "refusal", "success", "answers"}. When all lines are open
{"lines": n} comes out; after the line "go" they work; after "stop" the result comes out:
{"dialled": [[attempt, pressed, replied], ...] in monotonic seconds, "wrapped_up", "refused": {code: n}}.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import uuid
from collections import Counter
from contextlib import suppress
from typing import Any

AT_ONCE = 6  # operators that begin at the same time: more than that only stand in line at the web process
PATIENCE_S = 60.0
PAUSE_S = 1.0  # after a refusal
SUCCESS_EVERY = 3  # conversations
_TOKEN = "b" * 32


class Page:
    """One operator's browser: a kept connection for commands, another for the stream."""

    def __init__(self, port: int, session: str) -> None:
        self._port = port
        self._cookies = (
            f"Cookie: sessionid={session}; csrftoken={_TOKEN}\r\nX-CSRFToken: {_TOKEN}\r\nHost: 127.0.0.1\r\n"
        )
        self._connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.news: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()

    async def get(self, path: str) -> dict[str, Any]:
        return await self._ask(f"GET {path} HTTP/1.1\r\n{self._cookies}\r\n".encode())

    async def post(self, path: str, **body: Any) -> dict[str, Any]:
        text = json.dumps({"key": uuid.uuid4().hex, **body}).encode()
        head = f"POST {path} HTTP/1.1\r\n{self._cookies}Content-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
        return await self._ask(head.encode() + text)

    async def _ask(self, request: bytes) -> dict[str, Any]:
        """The reply, which may be {"error": ...}."""
        async with asyncio.timeout(PATIENCE_S):
            if self._connection is None or self._connection[0].at_eof():
                self._connection = await asyncio.open_connection("127.0.0.1", self._port)
            reader, writer = self._connection
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
            )
            found: dict[str, Any] = json.loads(await reader.readexactly(length))
            return found

    async def listen(self, after: int) -> None:
        """Until cancelled: what concerns calls. HTTP/1.0, so that the answer comes without chunks."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 20)
        writer.write(f"GET /events/?after={after} HTTP/1.0\r\n{self._cookies}\r\n".encode())
        while line := await reader.readline():
            if line.startswith(b"data:") and b'"call.' in line:
                event = json.loads(line[5:])
                self.news.put_nowait((event["name"], event["payload"]))


class Operators:
    def __init__(self, world: dict[str, Any]) -> None:
        self._world = world
        self._turn = asyncio.Semaphore(AT_ONCE)
        self.pages = [Page(world["port"], session) for session in world["sessions"]]
        self.tasks: list[asyncio.Task[None]] = []
        self.dialled: list[tuple[str, float, float]] = []
        self.wrapped_up = 0
        self.refused: Counter[str] = Counter()

    async def open_lines(self) -> None:
        async def one(page: Page) -> None:
            async with self._turn:
                state = await page.get("/work/shift/state/")
                self.tasks.append(asyncio.create_task(page.listen(state["last_event"])))
                reply = await page.post("/work/line/open/", offer="v=0\r\n")
                if "error" in reply:
                    raise RuntimeError(f"a line could not be opened: {reply}")

        await asyncio.gather(*(one(page) for page in self.pages))

    def work(self) -> None:
        self.tasks += [asyncio.create_task(self._shift(page)) for page in self.pages]

    async def _shift(self, page: Page) -> None:
        while True:
            attempt, fence = await self._dial(page)
            ended = await _told(page, "call.ended", attempt)
            if ended["answered"]:
                await self._wrap_up(page, attempt, fence)

    async def _dial(self, page: Page) -> tuple[str, int]:
        while True:
            async with self._turn:
                state = await page.post("/work/shift/next/")
                held = state.get("assignment")
                if held:
                    pressed = time.monotonic()
                    reply = await page.post("/work/call/dial/", assignment=held["id"], fence=held["fence"])
                    if "attempt" in reply:
                        self.dialled.append((reply["attempt"], pressed, time.monotonic()))
                        return reply["attempt"], held["fence"]
                    state = reply
            await self._refused(state)

    async def _wrap_up(self, page: Page, attempt: str, fence: int) -> None:
        world, success = self._world, self.wrapped_up % SUCCESS_EVERY == 0
        disposition, fields = (world["success"], world["answers"]) if success else (world["refusal"], {})
        self.wrapped_up += 1
        while True:
            reply = await page.post(
                "/work/shift/wrap-up/", attempt=attempt, fence=fence, disposition=disposition, fields=fields, notes=""
            )
            if "error" not in reply:
                return
            await self._refused(reply)

    async def _refused(self, reply: dict[str, Any]) -> None:
        self.refused[reply.get("error", {}).get("code", "nobody_to_call")] += 1
        await asyncio.sleep(PAUSE_S)


async def _told(page: Page, name: str, attempt: str) -> dict[str, Any]:
    while True:
        told, payload = await page.news.get()
        if told == name and payload["attempt"] == attempt:
            return payload


async def main() -> None:
    reader = asyncio.StreamReader(limit=1 << 22)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    operators = Operators(json.loads(await reader.readline()))
    await operators.open_lines()
    print(json.dumps({"lines": len(operators.pages)}), flush=True)
    await reader.readline()
    operators.work()
    await reader.readline()
    broken = [task.exception() for task in operators.tasks if task.done()]
    result = {
        "dialled": operators.dialled, "wrapped_up": operators.wrapped_up, "refused": operators.refused,
        "broken": [f"{type(error).__name__}: {error}" for error in broken[:5]], "broken_count": len(broken),
    }  # fmt: skip
    print(json.dumps(result), flush=True)
    for task in operators.tasks:
        task.cancel()
    with suppress(asyncio.CancelledError):
        await asyncio.gather(*operators.tasks, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(main())
