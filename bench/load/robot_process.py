"""A process of robots (`bench.load.robots`) from the side of whoever measures."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
REPLY_S = 60.0


class RobotProcess:
    """Made by `robots()`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._number = 0
        self._reading: asyncio.Task[None] | None = None
        self.sip_port = 0
        self.pid = process.pid

    async def begin(self) -> None:
        loop = asyncio.get_running_loop()
        self._waiting[0] = loop.create_future()
        self._reading = loop.create_task(self._read())
        async with asyncio.timeout(REPLY_S):
            self.sip_port = int((await self._waiting[0])["sip_port"])

    async def ask(self, do: str, **order: Any) -> dict[str, Any]:
        """The robots' reply. RuntimeError when they could not, or are gone."""
        assert self._process.stdin is not None
        self._number += 1
        number = self._number
        waiting = self._waiting[number] = asyncio.get_running_loop().create_future()
        self._process.stdin.write(json.dumps({"id": number, "do": do, **order}).encode() + b"\n")
        async with asyncio.timeout(REPLY_S):
            reply: dict[str, Any] = await waiting
        if "error" in reply:
            raise RuntimeError(f"the robots could not {do}: {reply['error']}")
        return reply

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            reply = json.loads(line)
            waiting = self._waiting.pop(reply["id"], None)
            if waiting is not None and not waiting.done():
                waiting.set_result(reply)
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(RuntimeError("the robots are gone; what they said last is above"))

    async def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await asyncio.wait_for(self._process.wait(), REPLY_S)
        if self._reading is not None:
            await asyncio.gather(self._reading, return_exceptions=True)


@asynccontextmanager
async def robots(kind: str) -> AsyncIterator[RobotProcess]:
    """`kind`: "speak" or "probe"."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.load.robots", kind, cwd=ROOT, stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, limit=1 << 22,
    )  # fmt: skip
    found = RobotProcess(process)
    try:
        await found.begin()
        yield found
    finally:
        await found.end()
