"""Server-Sent Events to browsers (HTML Living Standard §9.2): `GET /events/?after=ID&topic=KIND:ID`.

A message's data is {"name", "at", "payload"} and its `id:` the bus's. `Last-Event-ID` (or `after`, the id that the
page's state was read at) replays what was missed; `event: reset` says that the bus no longer keeps that far back and
the page must read its state again; `event: ended` says why the stream ends for good ("session", "replaced").

An ASGI application of its own in front of Django's: a Django view would hold a thread and a database connection for as
long as its page is open. Here a stream holds one reader of the bus.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from importlib import import_module
from typing import Any
from urllib.parse import parse_qs

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.signals import user_logged_out
from django.db import connections
from django.http import HttpRequest

from hearthline.lib import measures
from hearthline.lib.errors import UnavailableError
from hearthline.people.models import User
from hearthline.realtime.audiences import audiences_of, guest_audience, guest_scope, user_audience
from hearthline.realtime.bus import Audience, Bus, Event, LaggedError
from hearthline.realtime.configured import bus
from hearthline.realtime.readers import Reader

logger = logging.getLogger(__name__)

PATH = "/events/"
HEARTBEAT_S = 15.0
INSPECTION_S = 15
STREAMS_PER_PERSON = 8
STREAMS_PER_PROCESS = 5_000
MOST_TOPICS = 4
REPLAY_AT_ONCE = 1_000
RETRY_MS = 1_000

Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="events-gate")


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks, by their session."""

    person: str  # for the bound: the user's id, or the guest's session
    session: str  # SHA-256 of the session's key
    session_key: str = field(repr=False)
    audiences: frozenset[Audience]


@dataclass(eq=False, slots=True)
class _Stream:
    visitor: Visitor
    reader: Reader
    ended: asyncio.Future[str]
    wrote_at: float = field(default_factory=time.monotonic)

    def end(self, reason: str) -> None:
        if not self.ended.done():
            self.ended.set_result(reason)


class _Streams:
    """The open streams of this process."""

    def __init__(self) -> None:
        self._open: dict[_Stream, None] = {}  # in the order of their opening
        self._of_person: dict[str, list[_Stream]] = {}
        self._inspector: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._open)

    def add(self, stream: _Stream) -> None:
        """Note a stream; the oldest one of a person who has too many is ended."""
        theirs = self._of_person.setdefault(stream.visitor.person, [])
        if len(theirs) >= STREAMS_PER_PERSON:
            theirs[0].end("replaced")
        theirs.append(stream)
        self._open[stream] = None
        if self._inspector is None or self._inspector.done():
            self._inspector = asyncio.get_running_loop().create_task(self._inspect())

    def remove(self, stream: _Stream) -> None:
        self._open.pop(stream, None)
        theirs = self._of_person.get(stream.visitor.person, [])
        if stream in theirs:
            theirs.remove(stream)
        if not theirs:
            self._of_person.pop(stream.visitor.person, None)

    def end_session(self, session: str) -> None:
        for stream in list(self._open):
            if stream.visitor.session == session:
                stream.end("session")

    def end_all(self, reason: str) -> None:
        for stream in list(self._open):
            stream.end(reason)

    async def _inspect(self) -> None:
        """While streams are open: keep the quiet ones alive, and end those whose session has ended (a share of them each
        second, all of them in `INSPECTION_S`). One timer for all: a timer per stream costs more than its events."""
        waiting: list[str] = []
        while self._open:
            await asyncio.sleep(1)
            quiet_since = time.monotonic() - HEARTBEAT_S
            for stream in self._open:
                if stream.wrote_at < quiet_since:
                    stream.reader.nudge()
            waiting = waiting or list({stream.visitor.session_key for stream in self._open})
            share = -(-len(self._open) // INSPECTION_S)
            keys, waiting = set(waiting[:share]), waiting[share:]
            try:
                dead = await asyncio.get_running_loop().run_in_executor(_threads, _dead_sessions, keys)
            except Exception:
                logger.exception("could not look whether the sessions of open streams still live")
                continue
            for stream in list(self._open):
                if stream.visitor.session_key in dead:
                    stream.end("session")


streams = _Streams()


def with_streams(django: Application) -> Application:
    """The exchange's ASGI application: event streams here, everything else in Django."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == PATH:
            await serve_stream(scope, receive, send)
        else:
            await django(scope, receive, send)

    return application


async def serve_stream(scope: Scope, receive: Receive, send: Send) -> None:
    """One browser's stream, from its request to its end."""
    if scope["method"] != "GET":
        await _refuse(send, 405, "Event streams are read with GET.")
        return
    if len(streams) >= STREAMS_PER_PROCESS:
        await _refuse(send, 503, "Too many pages are open. Try again in a minute.")
        return
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    topics = query.get("topic", [])[:MOST_TOPICS]
    headers: dict[bytes, bytes] = dict(scope["headers"])
    visitor = await asyncio.get_running_loop().run_in_executor(_threads, _visitor, headers.get(b"cookie", b""), topics)
    if visitor is None:
        await _refuse(send, 401, "Sign in again to follow what happens.")
        return
    the_bus = bus()
    try:
        reader = await the_bus.open_reader(visitor.audiences)
    except UnavailableError as error:
        await _refuse(send, 503, str(error.sentence))
        return
    stream = _Stream(visitor, reader, asyncio.get_running_loop().create_future())
    streams.add(stream)
    pump = asyncio.ensure_future(_pump(stream, the_bus, _asked_after(headers, query), send))
    gone = asyncio.ensure_future(_gone(receive))
    try:
        watched: set[asyncio.Future[Any]] = {pump, gone, stream.ended}
        await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
        if stream.ended.done() and not gone.done():
            pump.cancel()
            await asyncio.gather(pump, return_exceptions=True)
            await _body(send, f"event: ended\ndata: {json.dumps({'reason': stream.ended.result()})}\n\n")
        if not gone.done():
            await send({"type": "http.response.body", "body": b""})
    except OSError:
        logger.debug("a reader of events went away while being written to")
    finally:
        streams.remove(stream)
        stream.reader.close()
        for task in (pump, gone):
            task.cancel()
        await asyncio.gather(pump, gone, return_exceptions=True)


async def _pump(stream: _Stream, the_bus: Bus, after: int | None, send: Send) -> None:
    """Write what was missed, then what comes. Returns when the reader lagged or the bus is away: the browser comes back with
    its last id."""
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [
                (b"content-type", b"text/event-stream; charset=utf-8"),
                (b"cache-control", b"no-store"),
                (b"x-accel-buffering", b"no"),
                (b"x-content-type-options", b"nosniff"),
            ],
        }
    )
    await _body(send, f"retry: {RETRY_MS}\n\n")
    try:
        await _catch_up(stream, the_bus, after, send)
    except UnavailableError:
        return
    while True:
        try:
            events = await stream.reader.some()
        except LaggedError:
            return
        if events:
            measures.BUS_LAG.observe(max(0.0, time.time() - events[0].at))
            await _write(stream, events, send)
        else:
            await _body(send, ": still here\n\n")
        stream.wrote_at = time.monotonic()


async def _catch_up(stream: _Stream, the_bus: Bus, after: int | None, send: Send) -> None:
    """What was missed, or the word that it can no longer be had. Raises UnavailableError."""
    until = stream.reader.start
    if after is None or after == until:
        return
    if not await the_bus.keeps_after(after):
        await _body(send, f"id: {until}\nevent: reset\ndata: {{}}\n\n")
        return
    while after < until:
        batch = await the_bus.missed(stream.visitor.audiences, after=after, until=until, limit=REPLAY_AT_ONCE)
        await _write(stream, batch, send)
        if len(batch) < REPLAY_AT_ONCE:
            return
        after = batch[-1].id


async def _write(stream: _Stream, events: list[Event], send: Send) -> None:
    text = []
    for event in events:
        if event.name != "session.ended":
            text.append(_rendered(event))
        elif event.payload["session"] == stream.visitor.session:
            stream.end("session")
    if text:
        await send({"type": "http.response.body", "body": b"".join(text), "more_body": True})


_last_rendered: tuple[Event | None, bytes] = (None, b"")


def _rendered(event: Event) -> bytes:
    """`as_text`, made once for all the streams that one event goes to."""
    global _last_rendered  # a cache of one, used by one thread
    if _last_rendered[0] is not event:
        _last_rendered = (event, as_text(event).encode())
    return _last_rendered[1]


def as_text(event: Event) -> str:
    """One event on the wire. JSON has no raw line breaks, so one data line is enough."""
    data = json.dumps({"name": event.name, "at": event.at, "payload": event.payload}, ensure_ascii=False)
    return f"id: {event.id}\ndata: {data}\n\n"


def _asked_after(headers: dict[bytes, bytes], query: dict[str, list[str]]) -> int | None:
    """The id the browser has seen: its Last-Event-ID on a reconnection, else the `after` of the page's state."""
    for text in (headers.get(b"last-event-id", b"").decode("latin-1"), *query.get("after", [])[:1]):
        if text.isascii() and text.isdigit() and len(text) < 19:
            return int(text)
    return None


def _visitor(cookie: bytes, topics: list[str]) -> Visitor | None:
    """Who this is by the session cookie, or None. Runs in a thread; leaves no database connection behind."""
    try:
        jar = SimpleCookie(cookie.decode("latin-1"))
    except CookieError:
        return None
    morsel = jar.get(settings.SESSION_COOKIE_NAME)
    if morsel is None:
        return None
    try:
        request = HttpRequest()
        request.session = import_module(settings.SESSION_ENGINE).SessionStore(morsel.value)
        user = get_user(request)
        digest = session_digest(morsel.value)
        audiences: set[Audience] = set()
        person = digest
        if isinstance(user, User) and user.is_active:
            audiences |= audiences_of(user, topics)
            person = str(user.pk)
        if scope := guest_scope(request.session):
            audiences.add(guest_audience(scope["handover"]))
        if not audiences:
            return None
        return Visitor(person=person, session=digest, session_key=morsel.value, audiences=frozenset(audiences))
    finally:
        connections.close_all()


def _dead_sessions(keys: set[str]) -> set[str]:
    """Those of the sessions that have ended, or whose person may no longer sign in."""
    store = import_module(settings.SESSION_ENGINE).SessionStore
    try:
        dead = set()
        for key in keys:
            request = HttpRequest()
            request.session = store(key)
            if not get_user(request).is_authenticated and guest_scope(request.session) is None:
                dead.add(key)
        return dead
    finally:
        connections.close_all()


def session_digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def tell_session_ended(sender: object, request: HttpRequest | None, user: User | None, **kwargs: object) -> None:
    """On sign-out: the person's open streams end at once, in every process."""
    key = getattr(request.session, "session_key", None) if request is not None else None
    if key and user is not None:
        bus().publish("session.ended", {"session": session_digest(key)}, audiences=[user_audience(user.pk)])


user_logged_out.connect(tell_session_ended, dispatch_uid="realtime.session_ended")


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _body(send: Send, text: str) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def _refuse(send: Send, status: int, sentence: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": sentence.encode()})
