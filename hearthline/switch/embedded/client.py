"""The switch port over the engine's Unix socket: `Switch` for call control.

It connects by itself and again when the connection is lost. Nothing is sent twice: a request whose reply was lost fails
with UNREACHABLE, and its fate is seen in `legs()`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from hearthline.switch.embedded import wire
from hearthline.switch.port import (
    Destination,
    LegId,
    LegSnapshot,
    ListenMode,
    NodeBack,
    NodeLoad,
    NodeLost,
    ParkSound,
    PhoneAccount,
    SwitchError,
    SwitchErrorCode,
    SwitchEvent,
    Trunk,
    WatchedNumber,
)

log = logging.getLogger(__name__)

_CONNECT_WAIT_S = 2.0  # a request waits so long for a connection before it fails
_REPLY_S = 15.0
_RETRY_S = (0.05, 0.1, 0.2, 0.5, 1.0)
_MAX_EVENTS = 50_000  # that the reader has not taken yet


def _unreachable(message: str) -> SwitchError:
    return SwitchError(SwitchErrorCode.UNREACHABLE, message)


class EmbeddedClient:
    """Make it, `start()`, and `await close()` at the end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._task: asyncio.Task[None] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._connected = asyncio.Event()
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._number = 0
        self._boot = ""
        self._after = 0
        self._lost = False  # NodeLost was told and NodeBack was not
        self._events: deque[SwitchEvent] = deque()
        self._more = asyncio.Event()

    def start(self) -> None:
        """Begin to connect, on the running loop."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._stay_connected())

    async def close(self) -> None:
        """Leave. The engine's calls go on."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def wait_connected(self, timeout_s: float = 10.0) -> None:
        """Wait for the engine. SwitchError(UNREACHABLE) when it does not answer in time."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._connected.wait()
        except TimeoutError:
            raise _unreachable("The embedded engine does not answer on its socket.") from None

    # --- the connection -----------------------------------------------------------------------------------------------

    async def _stay_connected(self) -> None:
        attempt = 0
        while True:
            reason = "the engine closed the connection"
            try:
                reader, writer = await asyncio.open_unix_connection(self._path, limit=wire.MAX_FRAME + 16)
            except OSError as error:
                reason = error.strerror or "the engine's socket cannot be reached"
            else:
                try:
                    self._writer = writer
                    await self._greet(reader)
                    attempt = 0
                    while True:
                        self._take(await wire.read_frame(reader))
                except wire.WireError as error:
                    reason = str(error)
                    log.error("switch client: %s", reason)
                except (asyncio.IncompleteReadError, TimeoutError, OSError):
                    log.debug("switch client: the connection ended")
                finally:
                    self._disconnected(reason)
            self._tell_lost(reason)
            await asyncio.sleep(_RETRY_S[min(attempt, len(_RETRY_S) - 1)])
            attempt += 1

    async def _greet(self, reader: asyncio.StreamReader) -> None:
        """Say what we know; learn which process this is. Whatever happened meanwhile follows as events."""
        hello = {"id": 0, "method": "hello", "params": {"boot": self._boot, "after": self._after}}
        assert self._writer is not None
        self._writer.write(wire.frame(hello))
        async with asyncio.timeout(_REPLY_S):
            reply = await wire.read_frame(reader)
        result = reply.get("result")
        if not isinstance(result, dict) or type(result.get("after")) is not int:
            raise wire.WireError("The engine does not speak this protocol.")
        boot = str(result.get("boot"))
        same = not self._boot or boot == self._boot
        self._boot, self._after = boot, result["after"]
        if self._lost:
            self._lost = False
            self._put(NodeBack(time.time(), same_process=same))
        self._connected.set()

    def _take(self, message: dict[str, Any]) -> None:
        if "event" in message:
            number = message.get("seq")
            if type(number) is not int:
                raise wire.WireError("An event has no number.")
            self._after = number
            self._put(wire.load_event(message["event"]))
            return
        waiting = self._waiting.pop(message.get("id", -1), None)
        if waiting is None or waiting.done():
            return
        error = message.get("error")
        if isinstance(error, dict):
            try:
                code = SwitchErrorCode(str(error.get("code")))
            except ValueError:
                code = SwitchErrorCode.FAILED
            waiting.set_exception(SwitchError(code, str(error.get("message", ""))))
        else:
            waiting.set_result(message.get("result"))

    def _disconnected(self, reason: str) -> None:
        self._connected.clear()
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            if not future.done():
                future.set_exception(_unreachable(f"The connection to the engine was lost ({reason})."))

    def _tell_lost(self, reason: str) -> None:
        if not self._lost:
            self._lost = True
            self._put(NodeLost(time.time(), reason))

    def _put(self, event: SwitchEvent) -> None:
        if len(self._events) >= _MAX_EVENTS:
            # The reader is stuck: what it has not taken is dropped, and it is told to look at legs().
            self._events.clear()
            now = time.time()
            self._events.extend((NodeLost(now, "events were not read in time"), NodeBack(now, same_process=True)))
        self._events.append(event)
        self._more.set()

    async def _ask(self, method: str, /, *, reply_s: float = _REPLY_S, **params: Any) -> Any:
        if not self._connected.is_set():
            await self.wait_connected(_CONNECT_WAIT_S)
        writer = self._writer
        if writer is None:
            raise _unreachable("The embedded engine does not answer on its socket.")
        self._number += 1
        number = self._number
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            writer.write(wire.frame({"id": number, "method": method, "params": wire.dump(params)}))
            async with asyncio.timeout(reply_s):
                result = await future
            return wire.load_result(method, result)
        except TimeoutError:
            raise _unreachable("The engine did not answer in time.") from None
        except wire.WireError as error:
            raise SwitchError(SwitchErrorCode.BAD_REQUEST, str(error)) from None
        finally:
            self._waiting.pop(number, None)

    # --- the port -----------------------------------------------------------------------------------------------------

    async def open_browser_leg(self, leg: LegId, offer: str, *, tags: dict[str, str] | None = None) -> str:
        answer: str = await self._ask("open_browser_leg", leg=leg, offer=offer, tags=tags)
        return answer

    async def ring(
        self,
        leg: LegId,
        destination: Destination,
        *,
        caller_id: str,
        timeout_s: int,
        trunk: Trunk | None,
        max_duration_s: int = 0,
        tags: dict[str, str] | None = None,
    ) -> None:
        await self._ask(
            "ring",
            leg=leg,
            destination=destination,
            caller_id=caller_id,
            timeout_s=timeout_s,
            trunk=trunk,
            max_duration_s=max_duration_s,
            tags=tags,
        )

    async def hang_up(self, leg: LegId, cause: int = 16) -> None:
        await self._ask("hang_up", leg=leg, cause=cause)

    async def connect(self, legs: Sequence[LegId], *, park: ParkSound = ParkSound.SILENCE) -> None:
        await self._ask("connect", legs=list(legs), park=park)

    async def park(self, leg: LegId, sound: ParkSound = ParkSound.SILENCE) -> None:
        await self._ask("park", leg=leg, sound=sound)

    async def listen(self, leg: LegId, target: LegId, mode: ListenMode) -> None:
        await self._ask("listen", leg=leg, target=target, mode=mode)

    async def play(self, leg: LegId, sound: str, *, loop: bool = False) -> None:
        await self._ask("play", leg=leg, sound=sound, loop=loop)

    async def stop_playing(self, leg: LegId) -> None:
        await self._ask("stop_playing", leg=leg)

    async def mute(self, leg: LegId, on: bool) -> None:
        await self._ask("mute", leg=leg, on=on)

    async def send_digits(self, leg: LegId, digits: str) -> None:
        await self._ask("send_digits", leg=leg, digits=digits)

    async def record(self, leg: LegId, path: str) -> None:
        await self._ask("record", leg=leg, path=path)

    async def stop_recording(self, leg: LegId) -> None:
        await self._ask("stop_recording", leg=leg)

    async def pause_recording(self, leg: LegId, on: bool) -> None:
        await self._ask("pause_recording", leg=leg, on=on)

    async def legs(self) -> list[LegSnapshot]:
        legs: list[LegSnapshot] = await self._ask("legs")
        return legs

    async def load(self) -> NodeLoad:
        load: NodeLoad = await self._ask("load")
        return load

    async def test_trunk(self, trunk: Trunk, *, timeout_s: int = 8) -> str:
        sentence: str = await self._ask("test_trunk", reply_s=timeout_s + 5.0, trunk=trunk, timeout_s=timeout_s)
        return sentence

    async def keep_registered(self, trunks: Sequence[Trunk]) -> None:
        await self._ask("keep_registered", trunks=list(trunks))

    async def accept_phones(self, accounts: Sequence[PhoneAccount]) -> None:
        await self._ask("accept_phones", accounts=list(accounts))

    async def registered_phones(self) -> list[str]:
        names: list[str] = await self._ask("registered_phones")
        return names

    async def watch_numbers(self, numbers: Sequence[WatchedNumber]) -> None:
        await self._ask("watch_numbers", numbers=list(numbers))

    async def _read_events(self) -> AsyncIterator[SwitchEvent]:
        while True:
            while self._events:
                yield self._events.popleft()
            self._more.clear()
            await self._more.wait()

    def events(self) -> AsyncIterator[SwitchEvent]:
        self._events.clear()
        with contextlib.suppress(RuntimeError):  # no loop is running yet: `start` comes later
            self.start()
        return self._read_events()
