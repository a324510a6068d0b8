"""The bus of many machines: events on a Redis stream, queues with leases. See docs/adr/0012-bus-of-many-machines.md.

Redis being away never holds up a transaction for longer than `CONNECT_S + ANSWER_S`, and no second one within
`REST_S`. What could not be published meanwhile is not repeated (it may have arrived); when Redis is back it is said that
something was lost, and every page reads its state again.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from functools import partial
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from hearthline.lib.errors import UnavailableError
from hearthline.realtime.bus import Audience, Event
from hearthline.realtime.events import checked
from hearthline.realtime.readers import Reader, follow
from hearthline.realtime.redis_bus import log, queues
from hearthline.realtime.redis_bus.connections import Clients, LostError, client_for_threads
from hearthline.realtime.redis_bus.hub import Hub
from hearthline.realtime.store import KEPT_EVENTS

logger = logging.getLogger(__name__)

REST_S = 1.0  # after a failure nobody else of this process waits for Redis for so long
MEND_EVERY_S = 0.5


class RedisBus:
    """`Bus` for all processes that share one Redis database."""

    def __init__(self, url: str, run_folder: Path, *, kept: int = KEPT_EVENTS) -> None:
        self.log = log.Appender(client_for_threads(url), kept=kept)
        self._url = url
        self._run_folder = run_folder
        self._clients = Clients(url)
        self._hubs: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = weakref.WeakKeyDictionary()
        self._serving: dict[str, queues.Server] = {}
        self._lock = threading.Lock()
        self._away_until = 0.0
        self._mender: threading.Thread | None = None

    # --- events -------------------------------------------------------------------------------------------------------

    def publish(self, name: str, payload: dict[str, Any], *, audiences: Collection[Audience]) -> None:
        fit = checked(name, payload)
        connection = transaction.get_connection()
        if connection.in_atomic_block:
            transaction.on_commit(partial(self._publish_now, name, fit, tuple(audiences)), robust=True)
        else:
            self._publish_now(name, fit, tuple(audiences))

    def _publish_now(self, name: str, payload: dict[str, Any], audiences: tuple[Audience, ...]) -> None:
        if time.monotonic() < self._away_until:
            self._note_loss()
            return
        try:
            self.log.add(name, payload, audiences)
        except LostError as error:
            logger.warning("%s could not be told, Redis is away: %s", name, type(error).__name__)
            self._rest()
            self._note_loss()

    def _rest(self) -> None:
        self._away_until = time.monotonic() + REST_S

    def _note_loss(self) -> None:
        """A thread says so as soon as Redis can be reached: nothing else may be published here for a long time."""
        with self._lock:
            if self._mender is None:
                self._mender = threading.Thread(target=self._mend, name="realtime: say what was lost", daemon=True)
                self._mender.start()

    def _mend(self) -> None:
        while True:
            time.sleep(MEND_EVERY_S)
            with self._lock:
                mender, self._mender = self._mender, None  # a loss from here on is said by another one
            try:
                self.log.begin_era()
            except LostError:
                with self._lock:
                    if self._mender is None:
                        self._mender = mender
                        continue
            return

    def latest_id(self) -> int:
        if time.monotonic() < self._away_until:
            return 0
        try:
            return self.log.latest_id()
        except LostError as error:
            logger.warning("the newest event is not known, Redis is away: %s", type(error).__name__)
            self._rest()
            return 0

    def replay(self, audiences: Collection[Audience], *, after: int, limit: int = 1000) -> list[Event] | None:
        try:
            if not self.log.keeps_after(after):
                return None
            return self.log.heard_by(audiences, after=after, until=2**53, limit=limit)
        except LostError:
            return None

    def subscribe(self, audiences: Collection[Audience], *, after: int | None = None) -> AsyncIterator[Event]:
        return follow(self, audiences, after)

    async def open_reader(self, audiences: Collection[Audience]) -> Reader:
        loop = asyncio.get_running_loop()
        hub = self._hubs.get(loop)
        if hub is None or hub.closed:
            hub = self._hubs[loop] = Hub(self._url)
        try:
            return await hub.add(audiences)
        except LostError as error:
            raise _unavailable() from error

    async def keeps_after(self, event_id: int) -> bool:
        try:
            return await log.keeps_after(self._clients.here(), event_id)
        except LostError as error:
            raise _unavailable() from error

    async def missed(self, audiences: Collection[Audience], *, after: int, until: int, limit: int) -> list[Event]:
        try:
            return await log.heard_by(self._clients.here(), audiences, after=after, until=until, limit=limit)
        except LostError as error:
            raise _unavailable() from error

    # --- queues -------------------------------------------------------------------------------------------------------

    async def request(self, queue: str, message: dict[str, Any], *, timeout_s: float = 10.0) -> dict[str, Any]:
        return await queues.request(self._clients.here(), queue, message, timeout_s=timeout_s)

    async def serve(self, queue: str, handler: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]) -> None:
        await queues.serve(self._url, self._run_folder, queue, handler, self._serving)

    def reached(self, queue: str) -> bool:
        server = self._serving.get(queue)
        return server is not None and server.holds


def _unavailable() -> UnavailableError:
    return UnavailableError(_("The exchange's news cannot be read just now. Wait a few seconds and try again."))
