"""What somebody with a relay's password cannot do."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from aioice import turn
from django.conf import settings as django_settings

from hearthline.web.relays import relays_for_line
from tests.deploy.turn_relay import relay
from tests.e2e.exchange import wait_for


async def test_the_relay_reaches_nothing_but_nodes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_udp: socket.socket
) -> None:
    with relay(tmp_path, nodes="192.0.2.1") as coturn:
        monkeypatch.setattr(django_settings.HEARTHLINE, "turn_urls", [coturn.url])
        monkeypatch.setattr(django_settings.HEARTHLINE, "turn_secret_file", coturn.secret_file)
        (server,) = relays_for_line()
        transport, _ = await turn.create_turn_endpoint(
            asyncio.DatagramProtocol, server_addr=("127.0.0.1", coturn.port), username=str(server["username"]),
            password=str(server["credential"]), transport="tcp",
        )  # fmt: skip
        inside = free_udp.getsockname()
        transport.sendto(b"to the data base", inside)
        await asyncio.to_thread(wait_for, lambda: "denied" in coturn.said(), "coturn to say that it refuses")
        with pytest.raises(BlockingIOError):
            free_udp.recv(100)
        transport.close()


@pytest.fixture
def free_udp() -> Iterator[socket.socket]:
    """Something on this machine that nobody outside should reach."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind(("127.0.0.1", 0))
        found.setblocking(False)
        yield found
