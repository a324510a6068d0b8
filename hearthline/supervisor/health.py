"""How a part is asked whether it answers."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hearthline.switch.embedded.client import EmbeddedClient
from hearthline.switch.port import SwitchError


async def answers_http(host: str, port: int, path: str = "/healthz") -> bool:
    """True when GET `path` gives 200. Raises OSError when nobody listens."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        status = await reader.readline()
        return status.split()[1:2] == [b"200"]
    finally:
        writer.close()


async def engine_answers(socket: Path) -> bool:
    """True when the embedded engine replies to a request on its socket."""
    client = EmbeddedClient(socket)
    client.start()
    try:
        await client.wait_connected(timeout_s=2.0)
        await client.load()
    except SwitchError:
        return False
    finally:
        await client.close()
    return True


async def listens(socket: Path) -> bool:
    """True when the Unix socket takes a connection. Raises OSError when it does not."""
    _, writer = await asyncio.open_unix_connection(socket)
    writer.close()
    return True
