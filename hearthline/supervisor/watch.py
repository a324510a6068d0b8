"""Starting, watching, restarting and ending the children, in their order."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hearthline.supervisor.child import Child, end, start

HEALTH_EVERY_S = 5.0
UNHEALTHY_AFTER = 3  # failed checks in a row, then it is restarted
CHECK_WITHIN_S = 5.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
SETTLED_AFTER_S = 60.0  # having run that long, the next failure starts again with the first pause
LONGEST_LINE = 4000  # characters

Say = Callable[[str, str], None]  # (child's name, line)


class StartError(Exception):
    """A child did not come up the first time; the message is for the person at the terminal."""


@dataclass
class _Running:
    child: Child
    process: asyncio.subprocess.Process
    reader: asyncio.Task[None]
    since: float
    restarts: int = 0


class Supervisor:
    """Owns the children. `run()` returns when `stop` is set or, with a `once` child and `until_done`, when that has ended."""

    def __init__(self, children: Sequence[Child], *, say: Say, state_file: Path | None = None) -> None:
        self._children = children
        self._say = say
        self._state_file = state_file
        self._running: dict[str, _Running] = {}
        self._answers: dict[str, asyncio.Future[int]] = {}

    async def run(
        self, stop: asyncio.Event, *, until_done: str | None = None, on_started: Callable[[], None] | None = None
    ) -> int:
        """The exit status: 0, or that of the `once` child named by `until_done`. Raises StartError."""
        keepers: list[asyncio.Task[None]] = []
        stopped = asyncio.create_task(stop.wait())
        try:
            parts = [child for child in self._children if not child.once]
            coming = asyncio.create_task(self._begin_all(parts))
            await asyncio.wait({coming, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not coming.done():
                coming.cancel()
                await asyncio.gather(coming, return_exceptions=True)
                return 0
            coming.result()
            for child in self._children:
                if child.once:
                    await self._begin(child)
                keepers.append(asyncio.create_task(self._keep(child), name=child.name))
            if on_started:
                on_started()
            answer = self._answers[until_done] if until_done else None
            ends: list[asyncio.Future[Any]] = [
                stopped,
                *([answer] if answer else []),
                *(k for k in keepers if not self._is_once(k)),
            ]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for keeper in keepers:
                if keeper.done():
                    keeper.result()  # a keeper ends only by a mistake of ours: say it
            return answer.result() if answer and answer.done() else 0
        finally:
            stopped.cancel()
            for keeper in keepers:
                keeper.cancel()
            await asyncio.gather(*keepers, stopped, return_exceptions=True)
            await self._end_all()

    def _is_once(self, keeper: asyncio.Task[None]) -> bool:
        return keeper.get_name() in self._answers

    async def _begin_all(self, children: Sequence[Child]) -> None:
        """All at once: each is ready for the others to come later. The first that fails ends the attempt."""
        beginning = [asyncio.create_task(self._begin(child)) for child in children]
        try:
            await asyncio.gather(*beginning)
        finally:
            for one in beginning:
                one.cancel()
            await asyncio.gather(*beginning, return_exceptions=True)

    async def _begin(self, child: Child) -> None:
        """The first start: the child must become healthy within its time."""
        running = await self._spawn(child)
        if child.once:
            self._answers[child.name] = asyncio.get_running_loop().create_future()
        elif not await self._becomes_healthy(running):
            status = running.process.returncode
            how = (
                f"ended with status {status}"
                if status is not None
                else f"did not answer in {child.ready_within_s:.0f} s"
            )
            raise StartError(f"The {child.name} {how}. What it said is above.")
        elif child.healthy:
            self._say("up", f"{child.name} is ready after {time.monotonic() - running.since:.1f} s")

    async def _keep(self, child: Child) -> None:
        """Watch one child for ever and start it again when it ends or no longer answers."""
        pause = FIRST_PAUSE_S
        while True:
            running = self._running[child.name]
            await self._until_gone_or_sick(running)
            status = running.process.returncode
            if child.once:
                await running.reader
                self._answers[child.name].set_result(status if status is not None else 1)
                return
            if time.monotonic() - running.since > SETTLED_AFTER_S:
                pause = FIRST_PAUSE_S
            what = f"ended with status {status}" if status is not None else "no longer answers"
            self._say("up", f"{child.name} {what}; starting it again in {pause:g} s")
            await end(running.process, goodbye_s=child.goodbye_s)
            await running.reader
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)
            again = await self._spawn(child, restarts=running.restarts + 1)
            if await self._becomes_healthy(again):
                self._say("up", f"{child.name} is back")

    async def _until_gone_or_sick(self, running: _Running) -> None:
        gone = asyncio.create_task(running.process.wait())
        failures = 0
        try:
            while True:
                done, _ = await asyncio.wait({gone}, timeout=HEALTH_EVERY_S)
                if done:
                    return
                failures = 0 if await _answers(running.child) else failures + 1
                if failures >= UNHEALTHY_AFTER:
                    return
        finally:
            gone.cancel()

    async def _becomes_healthy(self, running: _Running) -> bool:
        deadline = time.monotonic() + running.child.ready_within_s
        while time.monotonic() < deadline:
            if running.process.returncode is not None:
                await running.reader
                return False
            if await _answers(running.child):
                return True
            await asyncio.sleep(0.1)
        return False

    async def _spawn(self, child: Child, *, restarts: int = 0) -> _Running:
        process = await start(child)
        reader = asyncio.create_task(self._relay(child, process))
        running = _Running(child, process, reader, time.monotonic(), restarts)
        self._running[child.name] = running
        self._write_state()
        return running

    async def _relay(self, child: Child, process: asyncio.subprocess.Process) -> None:
        """Pass on what the child prints, line by line; a line longer than the bound is cut into several."""
        assert process.stdout
        rest = ""
        name = child.name if child.prefixed else ""
        while data := await process.stdout.read(65_536):
            *lines, rest = (rest + data.decode(errors="replace")).split("\n")
            if len(rest) > LONGEST_LINE:
                lines, rest = [*lines, rest], ""
            for line in lines:
                self._say_bounded(name, line)
        if rest:
            self._say_bounded(name, rest)

    def _say_bounded(self, name: str, line: str) -> None:
        for begin in range(0, max(len(line), 1), LONGEST_LINE):
            self._say(name, line[begin : begin + LONGEST_LINE])

    async def _end_all(self) -> None:
        """In the reverse order of their start, each with its time for a goodbye."""
        started = [self._running[child.name] for child in self._children if child.name in self._running]
        for running in reversed(started):
            await end(running.process, goodbye_s=running.child.goodbye_s)
            await running.reader
        if self._state_file:
            self._state_file.unlink(missing_ok=True)

    def _write_state(self) -> None:
        """{"pid": of the parent, "children": {name: {"pid", "restarts"}}}, for `hearthline doctor`."""
        if not self._state_file:
            return
        state = {
            "pid": os.getpid(),
            "children": {n: {"pid": r.process.pid, "restarts": r.restarts} for n, r in self._running.items()},
        }
        new = self._state_file.with_suffix(".new")
        new.write_text(json.dumps(state))
        new.replace(self._state_file)


async def _answers(child: Child) -> bool:
    if child.healthy is None:
        return True
    try:
        return await asyncio.wait_for(child.healthy(), CHECK_WITHIN_S)
    except OSError:  # TimeoutError is one
        return False
