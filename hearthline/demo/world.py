"""What a demonstration adds to `hearthline up`: the world in the database, the robots' provider, their first shift."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
from pathlib import Path

from django.db import connections

from hearthline.configuration import ROOT, Configuration
from hearthline.demo.contacts import characters
from hearthline.demo.seed import ACCOUNT, CALLER_ID, seed
from hearthline.supervisor.child import Child
from hearthline.supervisor.exchange import free_port

LANGUAGES = {"1": "en"}  # by how a number begins; Russian otherwise
MAX_CALLS = 150
FIRST_SHIFT = "shift"


def prepare_demonstration(configuration: Configuration) -> tuple[list[Child], list[Child]]:
    """Children to start before the exchange, and after it."""
    port, password = free_port(), secrets.token_urlsafe(18)
    seed(provider_port=port, provider_password=password)
    connections.close_all()
    env = {"PYTHONPATH": str(ROOT), "HEARTHLINE_DATA": str(configuration.data)}

    async def provider_listens() -> bool:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        return True

    config = _write_provider(configuration, port, password)
    provider = [sys.executable, "-m", "hearthline.switch.robots", "--config", str(config)]
    base = f"http://{configuration.listen_host}:{configuration.listen_port}"
    shift = [sys.executable, "-m", "hearthline.demo", base]
    return (
        [Child("robots", provider, env, provider_listens, prefixed=True)],
        [Child(FIRST_SHIFT, shift, env, once=True, prefixed=False)],
    )


def _write_provider(configuration: Configuration, port: int, password: str) -> Path:
    path = configuration.run_folder / "robots.json"
    settings = {
        "bind": "127.0.0.1",
        "port": port,
        "accounts": {ACCOUNT: password},
        "caller_ids": [CALLER_ID],
        "languages": LANGUAGES,
        "sounds": str(configuration.data / "sounds" / "robots"),
        "contacts": characters(),
        "max_calls": MAX_CALLS,
    }
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(settings, file, indent=1)
    return path
