"""A browser whose network changes in mid-call, for real: the cable that carries everything is taken away and another one, with
another address, is there. The same line goes on over it by an ICE restart (RFC 8445 §9)."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Playwright, sync_playwright

from tests.e2e.exchange import Exchange, running, wait_for
from tests.e2e.people import ARGUMENTS, CHROMIUM, Person, open_shift
from tests.e2e.tones import write_tone
from tests.faults import islands
from tests.testbed.phone import Phone
from tests.testbed.provider import Account, Provider

pytestmark = [
    pytest.mark.browser,
    pytest.mark.sip,
    pytest.mark.slow,
    pytest.mark.timeout(150),
    pytest.mark.skipif(not islands.permitted(), reason="no network namespaces here"),
]

OPERATOR_HZ, CONTACT_HZ = 1040, 659
NUMBER, CALLER_ID = "79161230103", "74957770001"


class TwoRoads:
    """From a namespace to us: two cables, of which the first is there and the second comes when `change` takes the first away."""

    def __init__(self, island: islands.Island) -> None:
        self._island = island
        # away from the cables of `islands`, which counts from the start of each process's range
        first = int(islands.RANGE.network_address) + (os.getpid() % 512) * 256 + 240
        self.address, *ends = (str(ipaddress.ip_address(first + n)) for n in (0, 5, 6, 9, 10))
        self._near, self._far = ends[::2], ends[1::2]
        self._names = [(f"hlr{os.getpid()}{n}n", f"hlr{os.getpid()}{n}f") for n in (0, 1)]
        for (near, far), address in zip(self._names, self._near, strict=True):
            islands.ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", island.namespace)
            islands.ip("address", "add", f"{address}/30", "dev", near)
            islands.ip("link", "set", near, "up")
        islands.ip("address", "add", f"{self.address}/32", "dev", self._names[1][0])  # reached over either cable
        self._there(0)

    def change(self) -> None:
        self._in("link", "delete", self._names[0][1])
        self._there(1)

    def _there(self, n: int) -> None:
        device = self._names[n][1]
        self._in("address", "add", f"{self._far[n]}/30", "dev", device)
        self._in("link", "set", device, "up")
        self._in("route", "add", "default", "via", self._near[n], "dev", device)

    def _in(self, *words: str) -> None:
        islands.ip("-n", self._island.namespace, *words)


@pytest.fixture
def roads() -> Iterator[tuple[islands.Island, TwoRoads]]:
    with islands.island("browser") as apart:
        yield apart, TwoRoads(apart)


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Provider]:
    with Provider(tmp_path, {"hearth": Account("Sec-100", caller_ids={CALLER_ID})}, {}) as found:
        yield found


@pytest.fixture
def exchange(tmp_path: Path, provider: Provider, roads: tuple[islands.Island, TwoRoads]) -> Iterator[Exchange]:
    host = roads[1].address
    with running(tmp_path / "data", listen_host="0.0.0.0", media_bind=f'["{host}"]',
                 allowed_hosts=f'["{host}", "127.0.0.1"]') as found:  # fmt: skip
        trunk = {"host": provider.host, "port": provider.port, "username": "hearth", "password": "Sec-100"}
        found.seed(provider=trunk | {"caller_id": "+" + CALLER_ID}, contacts=[["+" + NUMBER, "Irina"]])
        yield found


@contextmanager
def browser_at(
    play: Playwright, island: islands.Island, exchange: Exchange, url: str, folder: Path
) -> Iterator[Person]:
    """Chromium within the namespace; `url` counts as secure there, since browsers give microphones to secure pages only."""
    start = folder / "chromium"
    start.write_text(f'#!/bin/sh\nexec {" ".join(island.entry)} {CHROMIUM} "$@"\n')
    start.chmod(0o755)
    voice = write_tone(folder / "operator.wav", OPERATOR_HZ, rate=48000)
    flags = [f"--use-file-for-fake-audio-capture={voice}", f"--unsafely-treat-insecure-origin-as-secure={url}"]
    browser = play.chromium.launch(executable_path=str(start), args=[*ARGUMENTS, *flags])
    try:
        yield Person(At(url, exchange.log), browser)
    finally:
        browser.close()


class At:
    """The exchange by another address."""

    def __init__(self, url: str, log: list[str]) -> None:
        self.url, self.log = url, log


def offered(operator: Person, offers: list[str]) -> bool:
    operator.page.wait_for_timeout(100)  # its events come while it waits
    return len(offers) > 1


def test_a_call_goes_on_over_another_network(
    exchange: Exchange, provider: Provider, roads: tuple[islands.Island, TwoRoads], tmp_path: Path
) -> None:
    island, two = roads
    offers: list[str] = []
    url = f"http://{two.address}:{exchange.port}"
    with (
        sync_playwright() as play,
        Phone(tmp_path, NUMBER, provider, tone_hz=CONTACT_HZ) as phone,
        browser_at(play, island, exchange, url, tmp_path) as operator,
    ):
        operator.page.on("response", lambda reply: offers.append(reply.url) if "line/open" in reply.url else None)
        open_shift(operator)
        operator.press("Enter")
        operator.sees("#strip-mode", "Reserved")
        operator.press("d")
        phone.wait_answered()
        operator.wait_hears(CONTACT_HZ)
        line = exchange.row("SELECT id FROM calls_line WHERE state <> 'closed'")["id"]
        assert len(offers) == 1
        two.change()
        wait_for(lambda: offered(operator, offers), "an ICE restart", timeout_s=25)
        operator.sees("#line-state", "Line open", timeout_s=25)
        operator.wait_hears(CONTACT_HZ, timeout_s=20)
        operator.sees("#strip-mode", "Talking")
        assert exchange.row("SELECT id FROM calls_line WHERE state <> 'closed'")["id"] == line
        operator.press("h")
        phone.wait_closed()
        operator.sees("#strip-mode", "Wrap-up")
    wait_for(lambda: exchange.rows("SELECT 1 FROM calls_attempt WHERE ended_by = 'operator'"), "the end of the call")
