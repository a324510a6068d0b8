"""A Redis of our own: on a free port, with its data in a temporary folder, ended with the tests."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import redis


class RedisMissingError(Exception):
    """No Redis on this machine: `apt install redis-server`."""


class Server:
    """Start, kill and start again one Redis; it keeps its port and, with `durable`, its data."""

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self.folder = folder
        self.durable = durable
        self.port = _free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def emptied(self, number: int) -> str:
        """The address of another of its databases, with nothing in it; that of `url` is number 0."""
        url = f"redis://127.0.0.1:{self.port}/{number}"
        with redis.Redis.from_url(url) as client:
            client.flushdb()
        return url

    def start(self) -> None:
        program = shutil.which("redis-server")
        if program is None:
            raise RedisMissingError("Redis is not installed (apt install redis-server)")
        options = {
            "bind": "127.0.0.1", "port": str(self.port), "dir": str(self.folder), "save": "", "loglevel": "warning",
            "appendonly": "yes" if self.durable else "no", "appendfsync": "everysec",
        }  # fmt: skip
        self.process = subprocess.Popen(
            [program, *(part for name, value in options.items() for part in (f"--{name}", value))],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.folder,
        )  # fmt: skip
        deadline = time.monotonic() + 20
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("Redis did not become ready")
            time.sleep(0.02)  # between two looks at a process that gives no other sign

    def kill(self) -> None:
        """As a power cut does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self.process = None

    def forget(self) -> None:
        """Lose what is on disk, while it is not running."""
        for entry in self.folder.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()

    def _answers(self) -> bool:
        with closing(socket.socket()) as probe:
            probe.settimeout(1)
            try:
                probe.connect(("127.0.0.1", self.port))
                probe.sendall(b"PING\r\n")
                return probe.recv(64).startswith(b"+PONG")
            except OSError:
                return False


@contextmanager
def running(*, durable: bool = True) -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="hearthline-redis-"))
    server = Server(folder, durable=durable)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
