"""The local bus's memory: events in a SQLite file of their own, kept for a bounded number of events.

Its own file, so that an event is never held back by a long transaction of the exchange's database and never makes one
wait. SQLite gives ids in commit order because one writer writes at a time: whoever sees event n has seen n - 1.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from hearthline.realtime.bus import Audience, Event

KEPT_EVENTS = 50_000
PRUNE_EVERY = 1_000
LARGEST_PAYLOAD = 64_000  # bytes of JSON
MOST_AUDIENCES = 32

_SCHEMA = """
CREATE TABLE IF NOT EXISTS event (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, name TEXT NOT NULL, payload TEXT NOT NULL, audiences TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS heard (
    audience TEXT NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (audience, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS heard_id ON heard (id);
"""


class EventStore:
    """One connection per thread and process; every method is usable from any thread."""

    def __init__(self, path: Path, *, kept: int = KEPT_EVENTS) -> None:
        self._path = path
        self._kept = kept
        self._local = threading.local()
        self._writes = 0

    def add(self, name: str, payload: dict[str, Any], audiences: Collection[Audience]) -> int:
        """Append an event and return its id. Raises ValueError when it is too large."""
        text, who = written(name, payload, audiences)
        connection = self._connection()
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            cursor = connection.execute(
                "INSERT INTO event (at, name, payload, audiences) VALUES (?, ?, ?, ?)",
                (time.time(), name, text, json.dumps(who)),
            )
            event_id = int(cursor.lastrowid or 0)
            connection.executemany("INSERT INTO heard VALUES (?, ?)", [(a, event_id) for a in who])
            if event_id % PRUNE_EVERY == 0:
                self._prune(connection, event_id)
        return event_id

    def latest_id(self) -> int:
        # AUTOINCREMENT remembers the highest id even when every event has been pruned
        row = self._connection().execute("SELECT seq FROM sqlite_sequence WHERE name = 'event'").fetchone()
        return int(row[0]) if row else 0

    def oldest_id(self) -> int:
        """The id of the oldest kept event; one more than the latest when none is kept."""
        row = self._connection().execute("SELECT min(id) FROM event").fetchone()
        return int(row[0]) if row and row[0] is not None else self.latest_id() + 1

    def after(self, event_id: int, *, limit: int) -> list[Event]:
        """Events of all audiences after that id, oldest first."""
        rows = self._connection().execute(
            "SELECT id, at, name, payload, audiences FROM event WHERE id > ? ORDER BY id LIMIT ?", (event_id, limit)
        )
        return [_event(row) for row in rows]

    def heard_by(self, audiences: Collection[Audience], *, after: int, until: int | None, limit: int) -> list[Event]:
        """Events for these audiences with `after` < id <= `until`, oldest first."""
        who = sorted(set(audiences))
        if not who:
            return []
        marks = ",".join("?" * len(who))
        rows = self._connection().execute(
            f"SELECT id, at, name, payload, audiences FROM event WHERE id IN ("  # noqa: S608 (question marks only)
            f"SELECT DISTINCT id FROM heard WHERE audience IN ({marks}) AND id > ? AND id <= ? ORDER BY id LIMIT ?"
            f") ORDER BY id",
            (*who, after, until if until is not None else 2**62, limit),
        )
        return [_event(row) for row in rows]

    def keeps_after(self, event_id: int) -> bool:
        """Whether every event after that id is still here. An id from the future means another file: no."""
        return self.oldest_id() - 1 <= event_id <= self.latest_id()

    def close(self) -> None:
        """Close this thread's connection."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None

    def _prune(self, connection: sqlite3.Connection, newest: int) -> None:
        horizon = newest - self._kept
        connection.execute("DELETE FROM heard WHERE id <= ?", (horizon,))
        connection.execute("DELETE FROM event WHERE id <= ?", (horizon,))

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is not None and self._local.pid == os.getpid():
            return connection
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, timeout=5.0, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA synchronous=NORMAL")  # a power cut may take the last events; pages then reset
        _prepare(connection)
        self._local.connection, self._local.pid = connection, os.getpid()
        return connection


def written(name: str, payload: dict[str, Any], audiences: Collection[Audience]) -> tuple[str, list[Audience]]:
    """An event's payload as text and its audiences in order, each once. Raises ValueError when it is too large."""
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    if len(text.encode()) > LARGEST_PAYLOAD:
        raise ValueError(f"{name}: an event carries at most {LARGEST_PAYLOAD} bytes; publish an id instead")
    who = sorted(set(audiences))
    if len(who) > MOST_AUDIENCES:
        raise ValueError(f"{name}: at most {MOST_AUDIENCES} audiences")
    return text, who


def _prepare(connection: sqlite3.Connection) -> None:
    """WAL and the tables. Two processes that make the file at the same moment collide without SQLite's busy wait."""
    for tries_left in reversed(range(50)):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.executescript(_SCHEMA)
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or not tries_left:
                raise
            time.sleep(0.01)
        else:
            return


def _event(row: Sequence[Any]) -> Event:
    return Event(id=row[0], at=row[1], name=row[2], payload=json.loads(row[3]), audiences=tuple(json.loads(row[4])))
