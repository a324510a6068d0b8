"""Key pressed → INVITE on the wire: the console's POST to a real web process with call control in it, SQLite, the embedded
engine in a process of its own; the provider is a UDP socket here that answers 486, so that the next call can begin.

The clock starts before the request is written to its (kept) connection and stops when the INVITE is in the socket.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bench.figure import Figure

ROOT = Path(__file__).resolve().parent.parent
CALLS = 200
WARM_UP = 10
PATIENCE_S = 30.0
MEDIAN_BAR_MS, P99_BAR_MS = 15.0, 50.0

_SEED = """
import json, sys, django
django.setup()
from datetime import time
from django.contrib.auth import login
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest
from hearthline.calls import services as calls
from hearthline.calls.models import Trunk
from hearthline.campaigns import services
from hearthline.campaigns.contacts import add_contact
from hearthline.ledger.models import Tariff, TariffRow
from hearthline.ledger.services import top_up
from hearthline.lib.ids import new_id
from hearthline.lib.money import Money
from hearthline.people.models import Organisation, User
count, port = int(sys.argv[1]), int(sys.argv[2])
TariffRow.objects.create(tariff=Tariff.objects.create(name="bench"), prefix="7", per_minute_micro=1_000_000)
Trunk.objects.create(name="bench", host="127.0.0.1", port=port, caller_id="+74951234567")
organisation = Organisation.objects.create(name="bench")
top_up(organisation=organisation.pk, amount=Money(10_000_000, "RUB"), id=new_id())
campaign = services.create_campaign(
    organisation=organisation, created_by=None, kind="find_need", name="bench", price_minor=1200, language="ru",
    window_start=time(0, 0), window_end=time(23, 59),
)
for n in range(count):
    add_contact(campaign=campaign, phone=f"+7916{1_000_000 + n}", first=False)
campaign = services.start(campaign=campaign, actor=None)
operator = User.objects.create(email="operator@example.org", name="Anna", spoken_languages=["ru"])
calls.begin_shift(operator=operator, campaign=campaign)
request = HttpRequest()
request.session = SessionStore()
login(request, operator, backend="django.contrib.auth.backends.ModelBackend")
request.session.save()
print(json.dumps(request.session.session_key))
"""


class BusyProvider(asyncio.DatagramProtocol):
    """Everybody is busy. Notes when each INVITE came."""

    def __init__(self) -> None:
        self.came: asyncio.Queue[float] = asyncio.Queue()
        self._seen: set[str] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        now = time.perf_counter()
        text = data.decode()
        if not text.startswith("INVITE "):
            return
        call = re.search(r"^Call-ID:.*$", text, re.M | re.I)
        if call is not None and call[0] not in self._seen:
            self._seen.add(call[0])
            self.came.put_nowait(now)
        kept = re.findall(r"^(?:Via|From|Call-ID|CSeq):.*$", text, re.M | re.I)
        to = re.search(r"^To:.*$", text, re.M | re.I)
        assert to is not None
        lines = [
            "SIP/2.0 486 Busy Here",
            *(line.rstrip() for line in kept),
            to[0].rstrip() + ";tag=b",
            "Content-Length: 0",
        ]
        self._transport.sendto(("\r\n".join(lines) + "\r\n\r\n").encode(), address)  # type: ignore[attr-defined]


class Page:
    """The operator's page: one kept connection."""

    def __init__(self, port: int, session: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        token = "b" * 32
        self._headers = {
            "Cookie": f"sessionid={session}; csrftoken={token}", "X-CSRFToken": token, "Content-Type": "application/json",
        }  # fmt: skip

    def post(self, path: str, **body: Any) -> tuple[float, dict[str, Any]]:
        """When the request began to be written, and the reply."""
        text = json.dumps({"key": uuid.uuid4().hex, **body})
        begun = time.perf_counter()
        self._connection.request("POST", path, text, self._headers)
        response = self._connection.getresponse()
        reply = json.loads(response.read())
        if response.status != 200:
            raise RuntimeError(f"{path}: {response.status} {reply}")
        return begun, reply

    def state(self) -> dict[str, Any]:
        self._connection.request("GET", "/work/shift/state/", headers=self._headers)
        found: dict[str, Any] = json.loads(self._connection.getresponse().read())
        return found

    def wait_until_free(self) -> None:
        """Until "busy" has given the contact back."""
        while self.state()["assignment"] is not None:
            time.sleep(0.02)


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder, socket.socket(type=socket.SOCK_DGRAM) as wire:
        wire.bind(("127.0.0.1", 0))
        wire.setblocking(False)
        with _exchange(folder, wire.getsockname()[1]) as (port, session):
            delays = asyncio.run(_measure(port, session, wire))
    delays.sort()
    median, p99 = delays[len(delays) // 2] * 1e3, delays[int(len(delays) * 0.99)] * 1e3
    for what, value, bar in (("median", median, MEDIAN_BAR_MS), ("p99", p99, P99_BAR_MS)):
        yield Figure(
            what=f"key pressed to INVITE on the wire (HTTP, SQLite), {what}",
            value=f"{value:.1f} ms",
            bar=f"at most {bar:.0f} ms",
            met=value <= bar,
            compared_with=f"{len(delays)} calls",
        )


@contextmanager
def _exchange(folder: str, provider_port: int) -> Iterator[tuple[int, str]]:
    """A seeded exchange's processes; the port of its pages and the operator's session."""
    environment = {
        **os.environ, "HEARTHLINE_DATA": folder, "DJANGO_SETTINGS_MODULE": "hearthline.settings",
        "PYTHONPATH": str(ROOT), "HEARTHLINE_CALLCONTROL": "in_web",
    }  # fmt: skip
    run = [sys.executable, "-m"]
    subprocess.run([*run, "django", "migrate", "-v0"], env=environment, check=True)
    seed = [sys.executable, "-c", _SEED, str(CALLS + WARM_UP), str(provider_port)]
    seeded = subprocess.run(seed, env=environment, check=True, stdout=subprocess.PIPE)
    port = free_port()
    Path(folder, "run").mkdir(mode=0o700, exist_ok=True)
    commands = (
        [*run, "hearthline.switch.embedded", "--socket", f"{folder}/run/engine.sock"],
        [*run, "uvicorn", "hearthline.asgi:application", "--port", str(port), "--log-level", "warning",
         "--timeout-graceful-shutdown", "1"],
    )  # fmt: skip
    processes = [subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) for command in commands]
    try:
        wait_for_port(port)
        yield port, json.loads(seeded.stdout)
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait(20)


async def _measure(port: int, session: str, wire: socket.socket) -> list[float]:
    loop = asyncio.get_running_loop()
    transport, provider = await loop.create_datagram_endpoint(BusyProvider, sock=wire)
    try:
        return await _work(Page(port, session), provider)
    finally:
        transport.close()


async def _work(page: Page, provider: BusyProvider) -> list[float]:
    from hearthline.switch.robots.browser_peer import BrowserPeer, PeerClock

    clock = PeerClock()
    clock.start()
    peer = BrowserPeer(clock, lambda: None, lambda frame: None)
    peer.accept((await _patiently(page, "/work/line/open/", offer=peer.offer()))["answer"])
    await peer.up()
    delays = []
    for _ in range(CALLS + WARM_UP):
        _, state = await asyncio.to_thread(page.post, "/work/shift/next/")
        held = state["assignment"]
        pressed, _ = await asyncio.to_thread(page.post, "/work/call/dial/", assignment=held["id"], fence=held["fence"])
        async with asyncio.timeout(PATIENCE_S):
            delays.append(await provider.came.get() - pressed)
            await asyncio.to_thread(page.wait_until_free)
    peer.vanish()
    clock.stop()
    return delays[WARM_UP:]


async def _patiently(page: Page, path: str, **body: Any) -> dict[str, Any]:
    """Call control begins a moment after the pages."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return (await asyncio.to_thread(page.post, path, **body))[1]
        except RuntimeError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.2)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int) -> None:
    for _ in range(300):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.1)
    raise RuntimeError("the web process does not listen after 30 s")
