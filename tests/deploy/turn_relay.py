"""A coturn of our own for tests: the configuration that is shipped, on free ports of loopback."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.exchange import ROOT, free_port, wait_for


@dataclass
class Relay:
    port: int
    secret_file: Path
    log: Path

    @property
    def url(self) -> str:
        return f"turn:127.0.0.1:{self.port}?transport=tcp"

    def said(self) -> str:
        return self.log.read_text(errors="replace")


@contextmanager
def relay(folder: Path, *, nodes: str) -> Iterator[Relay]:
    """Relays to `nodes` (an address or a range) only. Skips the test where there is no coturn."""
    program = os.environ.get("HEARTHLINE_TURNSERVER") or shutil.which("turnserver")
    if not program:
        pytest.skip("coturn is not here (Debian: coturn; or name its turnserver in HEARTHLINE_TURNSERVER)")
    folder.mkdir(parents=True, exist_ok=True)
    secret_file, log = folder / "turn_secret", folder / "coturn.log"
    secret_file.write_text("what-exchange-and-relay-share")
    port = free_port()
    command = [
        program, "-c", str(ROOT / "deploy" / "coturn" / "turnserver.conf"), "--realm=hearthline.test",
        f"--static-auth-secret={secret_file.read_text()}", f"--listening-port={port}", "--listening-ip=127.0.0.1",
        "--relay-ip=127.0.0.1", f"--allowed-peer-ip={nodes}", "--allow-loopback-peers", "--no-tls", "--no-dtls",
        "--verbose", f"--pidfile={folder / 'coturn.pid'}", f"--userdb={folder / 'turndb'}",
    ]  # fmt: skip
    with log.open("w") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_for(lambda: process.poll() is not None or _listens(port), "coturn to listen")
        assert process.poll() is None, log.read_text()
        yield Relay(port, secret_file, log)
    finally:
        process.terminate()
        process.wait(20)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
