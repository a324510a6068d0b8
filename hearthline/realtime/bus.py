"""The bus: named events to browsers and processes, and queues with a reply. One interface; `local.py` serves one machine.

Events are kept in order and replayed by id, so that a reload or a lost network loses nothing. `publish` is called by
domain services inside their transaction: the event leaves only if and when the transaction commits.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Any, Protocol

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

    def latest_id(self) -> int: ...

    def replay(self, audiences: Collection[Audience], *, after: int, limit: int = 1000) -> list[Event] | None:
        """Events after that id for these audiences; None when the bus no longer keeps that far back (the page must
        fetch its whole state again)."""
        ...

    def subscribe(self, audiences: Collection[Audience], *, after: int | None = None) -> AsyncIterator[Event]:
        """Events from after that id (None: from now) as they come. A reader that falls behind a bound is ended with
        `LaggedError`; it may come back with its last id."""
        ...

    async def request(self, queue: str, message: dict[str, Any], *, timeout_s: float = 10.0) -> dict[str, Any]:
        """Put a message into a queue and wait for its reply. Raises `UnavailableError` when nobody serves the queue or no reply came in
        time: the fate of the message is then unknown (repeat it with the same idempotency key)."""
        ...

    async def serve(self, queue: str, handler: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]) -> None:
        """Serve a queue until cancelled. Handlers run concurrently, at most 256 at once."""
        ...


class LaggedError(Exception):
    """This reader fell too far behind and was let go."""
