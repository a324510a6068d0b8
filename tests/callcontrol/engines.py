"""The engines that call control is tried on, each as processes that can be killed and started again."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Protocol

import pytest

from hearthline.switch.embedded.client import EmbeddedClient
from hearthline.switch.freeswitch.engine import FreeswitchSwitch
from tests.switch.freeswitch_node import FreeswitchNode, freeswitch_program

PATIENCE_S = 30.0


class Engine(Protocol):
    async def start(self) -> None: ...

    async def kill(self) -> None: ...

    async def stop(self) -> None: ...

    def client(self) -> EmbeddedClient | FreeswitchSwitch:
        """A new client, not started."""
        ...


class EmbeddedEngine:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        config, socket = self._folder / "engine.json", self._folder / "engine.sock"
        config.write_text(json.dumps({"consent_timeout_s": 3}))
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "hearthline.switch.embedded", "--socket", str(socket), "--config", str(config)
        )
        client = self.client()
        client.start()
        await client.wait_connected(PATIENCE_S)
        await client.close()

    async def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        await self._process.wait()
        self._process = None

    async def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            await self._process.wait()

    def client(self) -> EmbeddedClient:
        return EmbeddedClient(self._folder / "engine.sock")


class FreeswitchEngine:
    def __init__(self, folder: Path) -> None:
        self._node = FreeswitchNode(freeswitch_program(), folder / "freeswitch")

    async def start(self) -> None:
        await asyncio.to_thread(self._node.start)

    async def kill(self) -> None:
        await asyncio.to_thread(self._node.stop, kill=True)

    async def stop(self) -> None:
        await asyncio.to_thread(self._node.stop, kill=True)

    def client(self) -> FreeswitchSwitch:
        return FreeswitchSwitch(self._node.client_config())


ENGINES = (
    pytest.param(EmbeddedEngine, id="embedded"),
    pytest.param(FreeswitchEngine, id="freeswitch", marks=pytest.mark.freeswitch),
)
