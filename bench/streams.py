"""Event streams: 1,000 browsers on one web process; from publication in another process to the reader's socket.

`spread`: each event goes to one operator, a hundred events a second. `everybody`: one event that all thousand hear.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from bench.figure import Figure

ROOT = Path(__file__).resolve().parent.parent
READERS = 1_000
BAR_MS = 50.0
SPREAD_EVENTS = 1_000
EVERYBODY_EVENTS = 20

_SESSIONS = """
import json, sys, django
django.setup()
from django.contrib.auth import login
from django.contrib.sessions.backends.db import SessionStore
from django.db import transaction
from django.http import HttpRequest
from hearthline.people.models import User
found = []
with transaction.atomic():
    for n in range(int(sys.argv[1])):
        user = User(email=f"{n}@example.org", name=str(n), role="admin", password="!")
        user.save()
        request = HttpRequest()
        request.session = SessionStore()
        login(request, user, backend="django.contrib.auth.backends.ModelBackend")
        request.session.save()
        found.append([str(user.pk), request.session.session_key])
print(json.dumps(found))
"""
_PUBLISH = """
import json, sys, time, django
django.setup()
from hearthline.realtime.configured import bus
audiences, count, pause = json.loads(sys.stdin.readline()), int(sys.argv[1]), float(sys.argv[2])
for n in range(count):
    bus().publish("line.stalled", {"line": "x", "silent_ms": n}, audiences=[audiences[n * 7 % len(audiences)]])
    time.sleep(pause)
"""


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "HEARTHLINE_DATA": folder,
            "DJANGO_SETTINGS_MODULE": "hearthline.settings",
            "PYTHONPATH": str(ROOT),
        }
        subprocess.run([sys.executable, "-m", "django", "migrate", "-v0"], env=environment, check=True)
        made = subprocess.run(
            [sys.executable, "-c", _SESSIONS, str(READERS)], env=environment, check=True, capture_output=True
        )
        people: list[tuple[str, str]] = json.loads(made.stdout)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        web = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "hearthline.asgi:application", "--port", str(port),
             "--log-level", "warning", "--lifespan", "off", "--timeout-graceful-shutdown", "1"],
            env=environment,
        )  # fmt: skip
        try:
            spread, everybody = asyncio.run(_measure(port, people, environment))
        finally:
            web.terminate()
            web.wait(20)
    for what, delays in (("spread", spread), ("everybody", everybody)):
        delays.sort()
        p50, p99 = delays[len(delays) // 2] * 1e3, delays[int(len(delays) * 0.99)] * 1e3
        yield Figure(
            what=f"events to {READERS:,} streams, {what}, p99 delivery",
            value=f"{p99:.1f} ms",
            bar=f"at most {BAR_MS:.0f} ms",
            met=p99 <= BAR_MS,
            compared_with=f"median {p50:.1f} ms, {len(delays):,} deliveries",
        )


class _Browser(asyncio.Protocol):
    """One reader; notes when bytes came and parses them later, so that reading costs little beside what is measured."""

    def __init__(self, session: str) -> None:
        self.opened = asyncio.get_running_loop().create_future()
        self.came: list[tuple[float, bytes]] = []
        self._request = f"GET /events/ HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: sessionid={session}\r\n\r\n".encode()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.write(self._request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self.came.append((time.time(), data))
        if not self.opened.done() and b"retry:" in data:
            self.opened.set_result(None)

    def delays(self) -> list[float]:
        return [
            at - json.loads(line[5:])["at"]
            for at, data in self.came
            for line in data.splitlines()
            if line.startswith(b"data:")
        ]


async def _measure(
    port: int, people: list[tuple[str, str]], environment: dict[str, str]
) -> tuple[list[float], list[float]]:
    browsers = []
    for _, session in people:
        browser = _Browser(session)
        await _connect(browser, port)
        await asyncio.wait_for(browser.opened, 10)
        browsers.append(browser)
    found = []
    for audiences, count, pause, expected in (
        ([f"user:{pk}" for pk, _ in people], SPREAD_EVENTS, 0.01, SPREAD_EVENTS),
        (["exchange"], EVERYBODY_EVENTS, 0.5, EVERYBODY_EVENTS * len(people)),
    ):
        for browser in browsers:
            browser.came.clear()
        publisher = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _PUBLISH, str(count), str(pause), stdin=asyncio.subprocess.PIPE, env=environment
        )
        await publisher.communicate(json.dumps(audiences).encode() + b"\n")
        await asyncio.sleep(1)  # the last event has long been on its way
        delays = [delay for browser in browsers for delay in browser.delays()]
        if len(delays) != expected:
            raise RuntimeError(f"{expected} deliveries were due, {len(delays)} came")
        found.append(delays)
    return found[0], found[1]


async def _connect(browser: _Browser, port: int) -> None:
    loop = asyncio.get_running_loop()
    for _ in range(300):
        with suppress(ConnectionRefusedError):  # until the web process listens
            await loop.create_connection(lambda: browser, "127.0.0.1", port)
            return
        await asyncio.sleep(0.1)
    raise RuntimeError("the web process does not listen after 30 s")
