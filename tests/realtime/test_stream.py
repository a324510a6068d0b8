"""Event streams as a browser reads them: over HTTP from a real web process, events published by another."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from hearthline.realtime.stream import STREAMS_PER_PERSON
from tests.realtime.conftest import Exchange

SIGN_IN = """
from django.contrib.auth import login
from django.http import HttpRequest
from django.contrib.sessions.backends.db import SessionStore
from hearthline.people.models import User, Organisation, Membership
role = sys.argv[1]
user = User.objects.create_user(email=sys.argv[2], name="A", role=role.partition(":")[0])
organisation = ""
if ":" in role:
    organisation = Organisation.objects.create(name="Zarya")
    Membership.objects.create(organisation=organisation, user=user, level=role.partition(":")[2])
request = HttpRequest()
request.session = SessionStore()
login(request, user, backend="django.contrib.auth.backends.ModelBackend")
request.session.save()
print(json.dumps({"user": str(user.pk), "session": request.session.session_key,
    "organisation": str(organisation and organisation.pk)}))
"""
PUBLISH = """
from hearthline.realtime.configured import bus
for n in range(int(sys.argv[2])):
    bus().publish("line.stalled", {"line": "x", "silent_ms": n}, audiences=[sys.argv[1]])
print(json.dumps(bus().latest_id()))
"""


@dataclass
class Message:
    id: int | None
    event: str
    data: Any


@asynccontextmanager
async def stream(
    exchange: Exchange, session: str, query: str = "", last_id: int | None = None
) -> AsyncIterator[asyncio.StreamReader]:
    reader, writer = await asyncio.open_connection("127.0.0.1", exchange.port)
    extra = f"Last-Event-ID: {last_id}\r\n" if last_id is not None else ""
    writer.write(
        f"GET /events/{query} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: sessionid={session}\r\n{extra}\r\n".encode()
    )
    try:
        async with asyncio.timeout(20):
            assert b" 200 " in await reader.readline()
            while await reader.readline() != b"\r\n":
                pass
            assert (await next_message(reader)).event == "retry"
            yield reader
    finally:
        writer.close()


async def next_message(reader: asyncio.StreamReader) -> Message:
    """The next message of a chunked event stream (RFC 9112 §7.1 around the standard's lines)."""
    found: dict[str, str] = {}
    while True:
        line = (await reader.readline()).decode().strip()
        if line.startswith("retry:"):
            await reader.readline()
            return Message(None, "retry", None)
        name, separator, value = line.partition(": ")
        if separator and name in {"id", "event", "data"}:
            found[name] = value
        elif not line and "data" in found:
            return Message(
                int(found["id"]) if "id" in found else None, found.get("event", "message"), json.loads(found["data"])
            )
        elif reader.at_eof():
            raise EOFError


async def in_other_process(exchange: Exchange, code: str, *arguments: str) -> Any:
    return await asyncio.to_thread(exchange.run, code, *arguments)


async def test_an_operator_hears_what_another_process_says_to_them_and_only_that(exchange: Exchange) -> None:
    me = await in_other_process(exchange, SIGN_IN, "operator", "hears@example.org")
    async with stream(exchange, me["session"]) as reader:
        await in_other_process(exchange, PUBLISH, "user:somebody-else", "1")
        await in_other_process(exchange, PUBLISH, f"user:{me['user']}", "2")
        first, second = await next_message(reader), await next_message(reader)
    assert [m.data["payload"]["silent_ms"] for m in (first, second)] == [0, 1]
    assert first.data["name"] == "line.stalled"
    assert second.id == (first.id or 0) + 1


async def test_a_reconnection_gets_what_it_missed_and_a_page_what_came_after_its_state(exchange: Exchange) -> None:
    me = await in_other_process(exchange, SIGN_IN, "operator", "missed@example.org")
    latest = await in_other_process(exchange, PUBLISH, f"user:{me['user']}", "5")
    async with stream(exchange, me["session"], last_id=latest - 2, query="?after=0") as reader:
        assert [(await next_message(reader)).id for _ in range(2)] == [latest - 1, latest]
    async with stream(exchange, me["session"], query=f"?after={latest - 1}") as reader:
        assert (await next_message(reader)).id == latest


async def test_a_page_from_another_time_is_told_to_read_its_state_again(exchange: Exchange) -> None:
    me = await in_other_process(exchange, SIGN_IN, "operator", "reset@example.org")
    async with stream(exchange, me["session"], last_id=10**17) as reader:
        message = await next_message(reader)
    assert message.event == "reset"
    assert message.id is not None
    assert message.id < 10**17


async def test_an_owner_hears_the_organisation_a_manager_does_not(exchange: Exchange) -> None:
    owner = await in_other_process(exchange, SIGN_IN, "customer:owner", "owner@example.org")
    manager = await in_other_process(exchange, SIGN_IN, "customer:manager", "manager@example.org")
    async with stream(exchange, owner["session"]) as hears, stream(exchange, manager["session"]) as does_not:
        for person in (owner, manager):
            await in_other_process(exchange, PUBLISH, f"organisation:{person['organisation']}", "1")
        await in_other_process(exchange, PUBLISH, f"user:{manager['user']}", "7")
        assert (await next_message(hears)).data["payload"]["silent_ms"] == 0
        first = await next_message(does_not)
        assert first.data["payload"]["silent_ms"] == 0
        assert (await next_message(does_not)).data["payload"]["silent_ms"] == 1


def test_a_stranger_is_refused(exchange: Exchange) -> None:
    for cookie in ("", "sessionid=nonsense", "sessionid", 'sessionid="\\'):
        connection = http.client.HTTPConnection("127.0.0.1", exchange.port, timeout=10)
        connection.request("GET", "/events/", headers={"Cookie": cookie})
        assert connection.getresponse().status == 401
        connection.close()


async def test_the_stream_ends_when_the_person_signs_out(exchange: Exchange) -> None:
    me = await in_other_process(exchange, SIGN_IN, "operator", "leaves@example.org")
    code = """
from django.contrib.auth import logout, get_user
from django.http import HttpRequest
from django.contrib.sessions.backends.db import SessionStore
request = HttpRequest()
request.session = SessionStore(sys.argv[1])
request.user = get_user(request)
logout(request)
"""
    async with stream(exchange, me["session"]) as reader:
        await in_other_process(exchange, code, me["session"])
        message = await next_message(reader)
    assert (message.event, message.data) == ("ended", {"reason": "session"})


async def test_a_session_that_vanishes_ends_the_stream_within_the_inspection(exchange: Exchange) -> None:
    me = await in_other_process(exchange, SIGN_IN, "operator", "vanishes@example.org")
    code = "from django.contrib.sessions.models import Session; Session.objects.get(pk=sys.argv[1]).delete()"
    async with stream(exchange, me["session"]) as reader:
        await in_other_process(exchange, code, me["session"])
        message = await next_message(reader)
    assert message.data == {"reason": "session"}


async def test_one_person_too_many_pages_the_oldest_makes_room(exchange: Exchange) -> None:
    me = await in_other_process(exchange, SIGN_IN, "operator", "many@example.org")
    async with stream(exchange, me["session"]) as oldest, AsyncExitStack() as pile:
        for _ in range(STREAMS_PER_PERSON):
            await pile.enter_async_context(stream(exchange, me["session"]))
        message = await next_message(oldest)
    assert message.data == {"reason": "replaced"}


async def test_a_guest_hears_their_hand_over_while_the_link_lasts(exchange: Exchange) -> None:
    code = """
import time
from django.contrib.sessions.backends.db import SessionStore
from hearthline.realtime.audiences import GUEST_SESSION_KEY
keys = []
for until in (time.time() + 600, time.time() - 1):
    session = SessionStore()
    session[GUEST_SESSION_KEY] = {"handover": "abc", "until": until}
    session.save()
    keys.append(session.session_key)
print(json.dumps(keys))
"""
    living, expired = await in_other_process(exchange, code)
    async with stream(exchange, living) as reader:
        await in_other_process(exchange, PUBLISH, "guest:abc", "1")
        assert (await next_message(reader)).data["name"] == "line.stalled"
    connection = http.client.HTTPConnection("127.0.0.1", exchange.port, timeout=10)
    connection.request("GET", "/events/", headers={"Cookie": f"sessionid={expired}"})
    assert connection.getresponse().status == 401
    connection.close()
