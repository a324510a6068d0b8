"""The bus of one machine: honest between all its processes, with nothing but SQLite and Unix sockets.

Events lie in `bus.sqlite3`; after each, every reading process is woken by one byte to its datagram socket in the run
folder and reads what is new. A lost wake-up costs at most `LOOK_ANYWAY_S`: readers also look by themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import secrets
import socket
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from functools import partial
from pathlib import Path
from typing import Any

from django.db import transaction

from hearthline.realtime import queues
from hearthline.realtime.bus import Audience, Event
from hearthline.realtime.events import checked
from hearthline.realtime.readers import READ_AT_ONCE, Reader, ReadingRoom, follow
from hearthline.realtime.sockets import address, private_folder
from hearthline.realtime.store import EventStore

logger = logging.getLogger(__name__)

LOOK_ANYWAY_S = 2.0


class LocalBus:
    """`Bus` for the processes that share one data folder and one run folder."""

    def __init__(self, data: Path, run_folder: Path) -> None:
        self.store = EventStore(data / "bus.sqlite3")
        self._run_folder = run_folder
        self._hubs: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Hub] = weakref.WeakKeyDictionary()

    def publish(self, name: str, payload: dict[str, Any], *, audiences: Collection[Audience]) -> None:
        fit = checked(name, payload)
        connection = transaction.get_connection()
        if connection.in_atomic_block:
            transaction.on_commit(partial(self._publish_now, name, fit, tuple(audiences)), robust=True)
        else:
            self._publish_now(name, fit, tuple(audiences))

    def latest_id(self) -> int:
        return self.store.latest_id()

    def replay(self, audiences: Collection[Audience], *, after: int, limit: int = 1000) -> list[Event] | None:
        if not self.store.keeps_after(after):
            return None
        return self.store.heard_by(audiences, after=after, until=None, limit=limit)

    def subscribe(self, audiences: Collection[Audience], *, after: int | None = None) -> AsyncIterator[Event]:
        return follow(self, audiences, after)

    async def open_reader(self, audiences: Collection[Audience]) -> Reader:
        loop = asyncio.get_running_loop()
        hub = self._hubs.get(loop)
        if hub is None or hub.closed:
            hub = self._hubs[loop] = _Hub(self.store, private_folder(self._run_folder), loop)
        return hub.add(audiences)

    async def keeps_after(self, event_id: int) -> bool:
        return self.store.keeps_after(event_id)

    async def missed(self, audiences: Collection[Audience], *, after: int, until: int, limit: int) -> list[Event]:
        return self.store.heard_by(audiences, after=after, until=until, limit=limit)

    async def request(self, queue: str, message: dict[str, Any], *, timeout_s: float = 10.0) -> dict[str, Any]:
        return await queues.request(self._run_folder, queue, message, timeout_s=timeout_s)

    async def serve(self, queue: str, handler: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]) -> None:
        await queues.serve(private_folder(self._run_folder), queue, handler)

    def reached(self, queue: str) -> bool:
        return True  # nothing lies between processes of one machine; whoever serves holds the lock until it ends

    def _publish_now(self, name: str, payload: dict[str, Any], audiences: tuple[Audience, ...]) -> None:
        self.store.add(name, payload, audiences)
        _wake_all(self._run_folder)


class _Hub:
    """What one event loop hears: one socket, one place in the store, and who wants what."""

    def __init__(self, store: EventStore, run_folder: Path, loop: asyncio.AbstractEventLoop) -> None:
        self.closed = False
        self._store = store
        self._loop = loop
        self._position = store.latest_id()
        self._room = ReadingRoom(self._close)
        self._path = address(run_folder, f"wake-{os.getpid()}-{secrets.token_hex(4)}.sock")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(self._path)
        loop.add_reader(self._socket, self._woken)
        self._timer = loop.call_later(LOOK_ANYWAY_S, self._look_anyway)

    def add(self, audiences: Collection[Audience]) -> Reader:
        self._read()  # so that the reader starts at the present, not at the last wake-up
        return self._room.add(audiences, self._position)

    def _woken(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                self._socket.recv(16)
        self._read()

    def _read(self) -> None:
        while events := self._store.after(self._position, limit=READ_AT_ONCE):
            for event in events:
                self._room.give(event)
            self._position = events[-1].id

    def _look_anyway(self) -> None:
        self._timer = self._loop.call_later(LOOK_ANYWAY_S, self._look_anyway)
        self._read()

    def _close(self) -> None:
        self.closed = True
        self._timer.cancel()
        if not self._loop.is_closed():
            self._loop.remove_reader(self._socket)
        self._socket.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)


def _wake_all(run_folder: Path) -> None:
    """One byte to each reading process; the sockets of dead ones are removed."""
    folder = Path(address(run_folder, "wake")).parent
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:  # kept, it would outlive its thread unclosed
        sender.setblocking(False)
        for name in names:
            if name.startswith("wake-"):
                _wake(sender, str(folder / name))


def _wake(sender: socket.socket, path: str) -> None:
    try:
        sender.sendto(b"!", path)
    except BlockingIOError:
        return  # its socket is full of wake-ups: it is awake
    except OSError as error:
        if error.errno == errno.ECONNREFUSED:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        elif error.errno not in (errno.ENOENT, errno.ENOBUFS):
            logger.warning("cannot wake a reader of events: %s", error)
