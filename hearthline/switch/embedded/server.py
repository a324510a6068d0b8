"""The engine behind a Unix socket: requests in, replies and events out (the protocol is in `wire.py`).

Calls outlive their controller: when nobody controls the switch everything goes on, bounded by each leg's maximum duration
and, when nobody has asked for anything for `orphan_limit_s`, by hanging up all legs. A controller that hangs has a
connection and asks for nothing; whoever only looks at the load controls nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import socket
import stat
from pathlib import Path
from typing import Any

from hearthline.switch.embedded import wire
from hearthline.switch.embedded.engine import EmbeddedSwitch
from hearthline.switch.port import SwitchError, SwitchErrorCode

log = logging.getLogger(__name__)

_MAX_CLIENTS = 32
_MAX_REQUESTS = 128  # of one client, at the same time
_MAX_UNSENT = 16 << 20  # bytes waiting for a client that does not read
_HELLO_S = 30.0  # a connection that says nothing for so long is closed
_NO_CONTROL = frozenset({"load"})  # what a probe of the engine's health asks


class _Client:
    """One connection."""

    def __init__(self, server: EngineServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._tasks: set[asyncio.Task[None]] = set()
        self._pushing: asyncio.Task[None] | None = None

    @property
    def greeted(self) -> bool:
        return self._pushing is not None

    async def serve(self) -> None:
        try:
            while True:
                wait = None if self.greeted else _HELLO_S
                message = await asyncio.wait_for(wire.read_frame(self._reader), wait)
                self._take(message)
        except (wire.WireError, asyncio.IncompleteReadError, OSError) as error:
            if isinstance(error, wire.WireError):
                log.warning("engine: a client is dropped: %s", error)
        finally:
            tasks = [*self._tasks, *([self._pushing] if self._pushing is not None else [])]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.close()

    def close(self) -> None:
        self._writer.transport.abort()

    def _take(self, message: dict[str, Any]) -> None:
        number = message.get("id")
        if type(number) is not int:
            raise wire.WireError("A request has no id.")
        if message.get("method") == "hello":
            self._hello(number, message.get("params"))
        elif len(self._tasks) >= _MAX_REQUESTS:
            self._refuse(number, SwitchErrorCode.OVERLOADED, "Too many requests wait for their answer.")
        else:
            task = asyncio.get_running_loop().create_task(self._answer(number, message))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _hello(self, number: int, params: Any) -> None:
        if self._pushing is not None or not isinstance(params, dict):
            raise wire.WireError("hello is said once, with parameters.")
        boot, after, events = self._server.boot, params.get("after"), self._server.engine.log
        if type(after) is not int or not isinstance(params.get("boot"), str):
            raise wire.WireError("hello names the boot and the last event that the client knows.")
        if params["boot"] == "":
            after = events.last
        elif params["boot"] != boot:
            after = 0
        elif events.after(after, 1) is None:
            after = events.last  # it was away for too long; legs() tells what is left
        self._send({"id": number, "result": {"boot": boot, "after": after}})
        self._pushing = asyncio.get_running_loop().create_task(self._push(after))

    async def _push(self, after: int) -> None:
        events = self._server.engine.log
        while True:
            await events.wait(after)
            batch = events.after(after)
            if (
                batch is None
            ):  # it has been away for longer than the log reaches: it must look at legs() as after a loss
                self.close()
                return
            for number, event in batch:
                self._send({"seq": number, "event": wire.dump_event(event)})
                after = number
            await self._writer.drain()

    async def _answer(self, number: int, message: dict[str, Any]) -> None:
        method = message.get("method")
        if method not in _NO_CONTROL:
            self._server.heard()
        if not isinstance(method, str) or method not in wire.METHODS:
            self._refuse(number, SwitchErrorCode.BAD_REQUEST, "The switch has no such method.")
            return
        try:
            params = wire.load_params(method, message.get("params"))
            result = await getattr(self._server.engine, method)(**params)
            self._send({"id": number, "result": wire.dump(result)})
        except wire.WireError as error:
            self._refuse(number, SwitchErrorCode.BAD_REQUEST, str(error))
        except SwitchError as error:
            self._refuse(number, error.code, error.message)

    def _refuse(self, number: int, code: SwitchErrorCode, message: str) -> None:
        self._send({"id": number, "error": {"code": str(code), "message": message}})

    def _send(self, message: dict[str, Any]) -> None:
        if self._writer.is_closing():
            return
        self._writer.write(wire.frame(message))
        if self._writer.transport.get_write_buffer_size() > _MAX_UNSENT:
            log.warning("engine: a client does not read; its connection is closed")
            self.close()


class EngineServer:
    """Serves one engine on one socket."""

    def __init__(self, engine: EmbeddedSwitch, path: Path) -> None:
        self.engine = engine
        self.boot = secrets.token_hex(8)  # of this process: tells a client whether its legs can still exist
        self._path = path
        self._server: asyncio.Server | None = None
        self._clients: set[_Client] = set()
        self._heard_at = 0.0  # when somebody last controlled the switch, by the loop's clock
        self._watch: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Listen, with mode 0600. OSError when the path cannot be had or another engine listens there."""
        await asyncio.to_thread(_clear_stale, self._path)
        former = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(self._connected, self._path, limit=wire.MAX_FRAME + 16)
        finally:
            os.umask(former)
        self.heard()
        self._look_for_control()

    def heard(self) -> None:
        self._heard_at = asyncio.get_running_loop().time()

    async def close(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
        if self._server is not None:
            self._server.close()
        for client in list(self._clients):
            client.close()
        if self._server is not None:
            await self._server.wait_closed()
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = _Client(self, reader, writer)
        if len(self._clients) >= _MAX_CLIENTS:
            log.warning("engine: more than %s connections; one is refused", _MAX_CLIENTS)
            client.close()
            return
        self._clients.add(client)
        try:
            await client.serve()
        except TimeoutError:
            log.info("engine: a connection that said nothing is closed")
        finally:
            self._clients.discard(client)

    def _look_for_control(self) -> None:
        loop, limit = asyncio.get_running_loop(), self.engine.config.orphan_limit_s
        self._watch = loop.call_later(min(limit, 1.0), self._look_for_control)
        if loop.time() - self._heard_at > limit:
            self.heard()  # said and done once, then again only after the same time
            if self.engine.hang_up_all():
                log.error("engine: nobody has controlled this switch for too long; all legs are hung up")


def _clear_stale(path: Path) -> None:
    """Remove a socket that a dead process left. OSError when somebody listens on it, or it is no socket."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise FileExistsError(17, "there is a file of this name that is no socket", str(path))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise OSError(98, "another engine listens on this socket", str(path))
