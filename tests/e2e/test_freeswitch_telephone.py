"""The whole exchange on FreeSWITCH, as an administrator sets it up, and an operator with a SIP phone of their own."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Playwright

from tests.e2e.conftest import at_provider
from tests.e2e.exchange import Exchange, wait_for
from tests.e2e.test_telephone_line import work_with_a_sip_phone
from tests.switch.freeswitch_node import freeswitch_program
from tests.testbed.phone import Registrar
from tests.testbed.programs import free_port
from tests.testbed.provider import Provider

pytestmark = [
    pytest.mark.browser, pytest.mark.sip, pytest.mark.freeswitch, pytest.mark.slow, pytest.mark.timeout(240),
]  # fmt: skip

CONTACT = "79161230004"
PHONES_PORT = free_port()


@pytest.fixture(scope="module")
def exchange(folder: Path) -> Iterator[Exchange]:
    program = freeswitch_program()
    place = folder / "freeswitch"
    ports = {name: free_port() for name in ("event", "lines", "sip")}
    exchange = Exchange(
        folder / "data",
        switch="freeswitch",
        freeswitch_event_port=str(ports["event"]),
        freeswitch_lines_port=str(ports["lines"]),
        sip_port=str(ports["sip"]),
        rtp_ports="[36000, 36998]",
        phones_server=f"127.0.0.1:{PHONES_PORT}",
        freeswitch_phones_port=str(PHONES_PORT),
        freeswitch_phones=str(place / "phones"),
        freeswitch_gateways=str(place / "gateways"),
        ring_timeout_s="6",
        line_grace_s="12",
    )
    arguments = exchange.run("freeswitch-config", str(place)).split()[1:]
    with open(folder / "freeswitch.out", "wb") as output:
        switch = subprocess.Popen([program, *arguments], stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        wait_for(lambda: all(listens(port) for port in (ports["event"], ports["lines"])), "FreeSWITCH", timeout_s=30)
        exchange.start()
        try:
            yield exchange
        finally:
            exchange.stop()
    finally:
        switch.kill()
        switch.wait(10)


def listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def test_a_sip_phone_of_ones_own_is_the_line(
    play: Playwright, exchange: Exchange, provider: Provider, folder: Path
) -> None:
    trunk = at_provider(provider, max_channels=5, max_calls_per_s=5)
    exchange.seed(provider=trunk, contacts=[["+" + CONTACT, "Pavel"]])
    work_with_a_sip_phone(play, exchange, provider, folder, CONTACT, Registrar(PHONES_PORT))
