"""A whole exchange for the browser tests: the built-in provider with its robots, the engine, web, worker; real SIP, real WebRTC."""

from __future__ import annotations

import json
import math
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.migrated import data_folder

ROOT = Path(__file__).resolve().parents[2]
START_S = 120

CHARACTERS = {"agrees": 1, "busy": 2, "long_talker": 3, "hangs_up_early": 4}


def number(character: str, n: int) -> str:
    """The n-th contact of this character; `_provider` tells the robots so."""
    return f"+791600{CHARACTERS[character]}{n:04}"


ROBOTS = {number(character, n): character for character in CHARACTERS for n in range(20)}


@dataclass
class World:
    port: int
    folder: Path
    environment: dict[str, str]
    people: dict[str, str]  # session keys by name; "campaign:NAME" is an id

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def run(self, code: str, *arguments: str) -> Any:
        """What the code, run in another process of this installation, prints as JSON."""
        source = "import json, sys, django\ndjango.setup()\n" + code
        done = subprocess.run(
            [sys.executable, "-c", source, *arguments],
            env=self.environment, cwd=ROOT, capture_output=True, text=True, timeout=150, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None


def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def tone(path: Path, frequency: int, cycles: int = 6) -> Path:
    """A microphone: a 48 kHz tone for one second of three; robots wait for their turn, so there must be pauses."""
    rate = 48_000
    second = [int(9000 * math.sin(2 * math.pi * frequency * n / rate)) for n in range(rate)]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(struct.pack(f"<{3 * rate}h", *second, *([0] * (2 * rate))) * cycles)
    return path


@contextmanager
def running(campaigns: dict[str, list[str]]) -> Iterator[World]:
    """An exchange with these campaigns ({name: numbers}) in a folder of its own, ended after."""
    with tempfile.TemporaryDirectory(prefix="hl") as name:
        folder = data_folder(Path(name))
        port = free_port(socket.SOCK_STREAM)
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "hearthline.settings",
            "PYTHONPATH": str(ROOT),
            "HEARTHLINE_DATA": str(folder),
            "HEARTHLINE_LISTEN_PORT": str(port),
            "HEARTHLINE_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "HEARTHLINE_MEDIA_PORT": str(free_port(socket.SOCK_DGRAM)),
        }
        provider = _provider(folder)
        exchange: subprocess.Popen[bytes] | None = None
        log = (folder / "up.log").open("wb")
        try:
            assert provider.stdout is not None
            ready = json.loads(provider.stdout.readline())
            run = [sys.executable, "-m", "hearthline"]
            seeded = subprocess.run(
                [sys.executable, "-m", "tests.console.seed", str(ready["port"]), json.dumps(campaigns)],
                env=environment, cwd=ROOT, check=False, capture_output=True, text=True, timeout=150,
            )  # fmt: skip
            assert seeded.returncode == 0, seeded.stderr
            exchange = subprocess.Popen([*run, "up"], env=environment, cwd=ROOT, stdout=log, stderr=log)
            _wait(port, exchange, folder)
            yield World(port, folder, environment, json.loads(seeded.stdout))
        finally:
            for process in (exchange, provider):
                if process is not None:
                    process.terminate()
                    process.wait(30)
            log.close()
            if provider.stdout:
                provider.stdout.close()


def _provider(folder: Path) -> subprocess.Popen[bytes]:
    config = folder / "robots.json"
    config.write_text(
        json.dumps(
            {
                "accounts": {"hearthline": "secret"},
                "sounds": str(folder / "robots"),
                "contacts": ROBOTS,
                "language": "en",
            }
        )
    )
    command = [sys.executable, "-m", "hearthline.switch.robots", "--config", str(config)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)


def _wait(port: int, exchange: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        assert exchange.poll() is None, (folder / "up.log").read_text()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)  # between two looks at a process that gives no other sign
    raise AssertionError((folder / "up.log").read_text())
