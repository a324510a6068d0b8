"""The bus: named events to browsers and processes, and queues with a reply. One interface; `local.py` serves one machine,
`redis_bus/` many. `configured.bus()` is the one of this installation.

Events are kept in order and replayed by id, so that a reload or a lost network loses nothing. `publish` is called by
domain services inside their transaction: the event leaves only if and when the transaction commits.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from hearthline.lib.errors import UnavailableError

if TYPE_CHECKING:
    from hearthline.realtime.readers import Reader

Audience = str  # who may see it: "user:<uuid>", "organisation:<uuid>", "campaign:<uuid>", "exchange" (staff), "guest:<handover uuid>"


@dataclass(frozen=True, slots=True)
class Event:
    """`payload` is JSON-serialisable and complies with the schema registered for `name` in `events.py`."""

    name: str  # "call.answered"
    payload: dict[str, Any]
    audiences: tuple[Audience, ...]
    id: int = 0  # given by the bus, growing
    at: float = 0.0


class Bus(Protocol):
    def publish(self, name: str, payload: dict[str, Any], *, audiences: Collection[Audience]) -> None:
        """Any thread, any process. Within a transaction it takes effect on commit. Raises ValueError for an unknown name or a
        payload that its schema refuses: a programmer's mistake, found by any test that publishes it."""
        ...

    def latest_id(self) -> int:
        """The id of the newest event. 0 when the bus cannot be reached: whoever goes on from there is told to read again."""
        ...

    def replay(self, audiences: Collection[Audience], *, after: int, limit: int = 1000) -> list[Event] | None:
        """Events after that id for these audiences; None when the bus no longer keeps that far back (the page must
        fetch its whole state again)."""
        ...

    def subscribe(self, audiences: Collection[Audience], *, after: int | None = None) -> AsyncIterator[Event]:
        """Events from after that id (None: from now) as they come. A reader that falls behind a bound is ended with
        `LaggedError`; it may come back with its last id."""
        ...

    async def open_reader(self, audiences: Collection[Audience]) -> Reader:
        """A reader from now on, in the running event loop; close it when done. `subscribe` without the generator. Raises
        `UnavailableError` when the bus cannot be reached."""
        ...

    async def keeps_after(self, event_id: int) -> bool:
        """Whether every event after that id is still to be had. No, for an id that the bus never gave, and where something
        was lost since. Raises `UnavailableError`."""
        ...

    async def missed(self, audiences: Collection[Audience], *, after: int, until: int, limit: int) -> list[Event]:
        """Kept events with `after` < id <= `until`, oldest first. Raises `UnavailableError`."""
        ...

    async def request(self, queue: str, message: dict[str, Any], *, timeout_s: float = 10.0) -> dict[str, Any]:
        """Put a message into a queue and wait for its reply. Raises `UnservedError` when nobody serves the queue (nobody gets the
        message), `UnavailableError` when no reply came in time: its fate is then unknown (repeat it with the same idempotency
        key)."""
        ...

    async def serve(self, queue: str, handler: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]) -> None:
        """Serve a queue until cancelled. Handlers run concurrently, at most 256 at once. Raises RuntimeError when another
        process serves the queue, also when one has taken it over meanwhile."""
        ...

    def reached(self, queue: str) -> bool:
        """Whether requests to this queue, which this process serves, are known to reach it. It is False here before others
        get `UnservedError`."""
        ...


class UnservedError(UnavailableError):
    """Nobody serves the queue: the message was not given to anybody."""


class LaggedError(Exception):
    """This reader fell too far behind and was let go, or the bus lost something that it should have got."""
