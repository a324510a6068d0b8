"""A client of FreeSWITCH's event socket (inbound mode) that connects by itself, and again when the connection is lost.

Nothing is sent twice. A command whose reply did not come has an unknown fate: it fails with UNREACHABLE, and whoever
asked looks at what exists. Replies to `api` come in the order of the commands; `bgapi` jobs carry an id of our making.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hearthline.switch.freeswitch.frames import (
    MAX_HEADER_BYTES,
    Event,
    Frame,
    FrameError,
    command,
    parse_event,
    read_frame,
)
from hearthline.switch.port import SwitchError, SwitchErrorCode

log = logging.getLogger(__name__)

_CONNECT_S = 5.0
_REPLY_S = 15.0
_WAIT_S = 2.0  # a command waits so long for a connection before it fails
_RETRY_S = (0.05, 0.1, 0.2, 0.5, 1.0)
_MAX_WAITING = 2_000  # replies that are outstanding; beyond it a command is refused at once
_PING_S = 5.0  # without any message for so long, one is asked for; then for _REPLY_S: the connection is dead


@dataclass(frozen=True, slots=True)
class Handlers:
    """What the owner is told. `event` runs in the reader: it must not block."""

    event: Callable[[Event], None]
    up: Callable[[], Awaitable[None]]  # connected and subscribed; events wait until it is done
    down: Callable[[str], None]


def unreachable(message: str) -> SwitchError:
    return SwitchError(SwitchErrorCode.UNREACHABLE, message)


class EventSocket:
    """Make it, `start()`, and `await close()` at the end."""

    def __init__(self, host: str, port: int, password: str, events: Sequence[str], handlers: Handlers) -> None:
        self._host, self._port, self._password = host, port, password
        self._events = tuple(events)
        self._handlers = handlers
        self._task: asyncio.Task[None] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._ready = asyncio.Event()
        self._greeted = False
        self._replies: deque[asyncio.Future[Frame]] = deque()
        self._jobs: dict[str, asyncio.Future[str]] = {}

    def start(self) -> None:
        """Begin to connect, on the running loop."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._stay_connected(), name="freeswitch: event socket")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    @property
    def connected(self) -> bool:
        return self._ready.is_set()

    async def wait_connected(self, timeout_s: float = 10.0) -> None:
        """Raises SwitchError(UNREACHABLE)."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._ready.wait()
        except TimeoutError:
            raise unreachable("FreeSWITCH does not answer on its event socket.") from None

    # --- the connection -----------------------------------------------------------------------------------------------

    async def _stay_connected(self) -> None:
        attempt = 0
        while True:
            try:
                await self._one_connection()
                reason = "FreeSWITCH closed the connection"
            except FrameError as error:
                reason = str(error)
                log.error("freeswitch: the event socket: %s", reason)
            except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
                reason = getattr(error, "strerror", None) or "the event socket cannot be reached"
            if self._greeted:
                attempt = 0
            self._greeted = False
            self._handlers.down(reason)
            await asyncio.sleep(_RETRY_S[min(attempt, len(_RETRY_S) - 1)])
            attempt += 1

    async def _one_connection(self) -> None:
        async with asyncio.timeout(_CONNECT_S):
            reader, writer = await asyncio.open_connection(self._host, self._port, limit=MAX_HEADER_BYTES)
        tasks: list[asyncio.Task[None]] = []
        try:
            await self._log_in(reader, writer)
            self._writer = writer
            waiting: deque[Event] | None = deque()

            def take(event: Event) -> None:
                if waiting is not None:
                    waiting.append(event)
                else:
                    self._handlers.event(event)

            reading = asyncio.ensure_future(self._read(reader, take))
            tasks = [reading, asyncio.ensure_future(self._keep_alive())]
            greeting = asyncio.ensure_future(self._greet())
            tasks.append(greeting)
            await asyncio.wait({reading, greeting}, return_when=asyncio.FIRST_COMPLETED)
            if greeting.done() and not reading.done():
                greeting.result()
                held, waiting = waiting, None
                for event in held or ():
                    self._handlers.event(event)
                self._greeted = True
                self._ready.set()
                await asyncio.wait(tasks[:2], return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()
        except SwitchError as error:
            raise FrameError(error.message) from None
        finally:
            self._ready.clear()
            self._writer = None
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            writer.close()
            self._fail_waiting()

    async def _log_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(_CONNECT_S):
            if (await read_frame(reader)).kind != "auth/request":
                raise FrameError("FreeSWITCH does not admit this machine to its event socket (its access list)")
            for line in (f"auth {self._password}", f"event plain {' '.join(self._events)}"):
                writer.write(command(line))
                reply = await read_frame(reader)
                if not reply.headers.get("Reply-Text", "").startswith("+OK"):
                    what = "password" if line.startswith("auth") else "subscription"
                    raise FrameError(f"FreeSWITCH refuses the event socket's {what}")

    async def _greet(self) -> None:
        await self._handlers.up()

    async def _read(self, reader: asyncio.StreamReader, take: Callable[[Event], None]) -> None:
        while True:
            frame = await read_frame(reader)
            if frame.kind == "text/event-plain":
                event = parse_event(frame.body)
                if event.get("Event-Name") == "BACKGROUND_JOB":
                    self._job_done(event)
                else:
                    take(event)
            elif frame.kind in ("command/reply", "api/response"):
                if not self._replies:
                    raise FrameError("a reply to nothing")
                future = self._replies.popleft()
                if not future.done():
                    future.set_result(frame)
            elif frame.kind in ("text/disconnect-notice", "text/rude-rejection"):
                return

    async def _keep_alive(self) -> None:
        """A connection that silently died (the host was cut off) shows by a question that nobody answers."""
        while True:
            await asyncio.sleep(_PING_S)
            await self._ask(command("api echo here"))

    def _fail_waiting(self) -> None:
        lost = unreachable("The connection to FreeSWITCH was lost; the fate of the request is unknown.")
        replies, self._replies = self._replies, deque()
        jobs, self._jobs = self._jobs, {}
        waiting: list[asyncio.Future[Any]] = [*replies, *jobs.values()]
        for future in waiting:
            if not future.done():
                future.set_exception(lost)
                future.exception()  # whoever waited may be gone

    def _job_done(self, event: Event) -> None:
        future = self._jobs.pop(event.get("Job-UUID", ""), None)
        if future is not None and not future.done():
            future.set_result(event.get("_body", "").strip())

    # --- commands -----------------------------------------------------------------------------------------------------

    async def _ask(self, data: bytes) -> Frame:
        writer = self._writer
        if writer is None:
            await self.wait_connected(_WAIT_S)
            writer = self._writer
            if writer is None:
                raise unreachable("FreeSWITCH does not answer on its event socket.")
        if len(self._replies) >= _MAX_WAITING:
            raise SwitchError(SwitchErrorCode.OVERLOADED, "FreeSWITCH does not keep up with its commands.")
        future: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._replies.append(future)
        writer.write(data)
        try:
            async with asyncio.timeout(_REPLY_S):
                await writer.drain()
                return await future
        except TimeoutError:
            writer.close()  # replies come in order: one that never comes makes all later ones doubtful
            raise unreachable("FreeSWITCH did not answer in time.") from None
        except OSError:
            raise unreachable("The connection to FreeSWITCH was lost; the fate of the request is unknown.") from None

    async def api(self, line: str) -> str:
        """Run a quick command and return what it printed ("+OK ...", "-ERR ..."). Raises SwitchError(UNREACHABLE)."""
        try:
            data = command(f"api {line}")
        except ValueError as error:
            raise SwitchError(SwitchErrorCode.BAD_REQUEST, f"{error}.") from None
        return (await self._ask(data)).body.decode("utf-8", "replace").strip()

    async def begin(self, line: str) -> asyncio.Future[str]:
        """Begin a command that may take long; the future becomes what it printed. Raises SwitchError(UNREACHABLE) when it
        is unknown whether it began; the future fails with it when the connection is lost meanwhile."""
        job = str(uuid.uuid4())
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._jobs[job] = future
        try:
            reply = await self._ask(command(f"bgapi {line}", f"Job-UUID: {job}"))
            if not reply.headers.get("Reply-Text", "").startswith("+OK"):
                raise SwitchError(SwitchErrorCode.FAILED, "FreeSWITCH did not take the command.")
        except BaseException:
            self._jobs.pop(job, None)
            raise
        return future

    async def run(self, line: str, timeout_s: float = _REPLY_S) -> str:
        """Run a command that may take long, in the background of FreeSWITCH, and wait for it."""
        future = await self.begin(line)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                return await future
        raise unreachable("FreeSWITCH did not finish the command in time.")
