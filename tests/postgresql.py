"""A PostgreSQL of our own: started on a free port with its data in a temporary folder, ended with the tests."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hearthline.settings import _database
from tests.migrated import migrate, once

_QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")  # what is lost in a crash here is not missed
_SETTINGS = ("max_connections=120", "shared_buffers=64MB", "listen_addresses=127.0.0.1", "log_min_messages=fatal")


class PostgresMissingError(Exception):
    """No PostgreSQL on this machine: `apt install postgresql`."""


@dataclass(slots=True)
class Server:
    port: int
    programs: Path  # psql, pgbench, ...
    folder: Path
    command: list[str | Path]
    identity: dict[str, Any]
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> list[str]:
        """For PostgreSQL's own programs."""
        return ["-h", "127.0.0.1", "-p", str(self.port), "-U", "hearthline"]

    def start(self) -> None:
        self.process = subprocess.Popen(
            self.command, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self.identity
        )
        _wait_until_ready(self.programs, self.port, self.process)

    def kill(self) -> None:
        """kill -9; the processes of its connections end when they see it."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(2)  # SIGINT: "fast" shutdown
            self.process.wait(timeout=30)

    def database(self, name: str) -> dict[str, object]:
        """Django's settings for a database of it, as the exchange makes them."""
        return _database(f"postgresql://hearthline@127.0.0.1:{self.port}/{name}")


def programs() -> Path:
    """The folder of the newest PostgreSQL's programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: int(p.parent.parent.name))
    if found:
        return found[-1].parent
    if postgres := shutil.which("postgres"):
        return Path(postgres).resolve().parent
    raise PostgresMissingError("PostgreSQL is not installed (apt install postgresql)")


@contextmanager
def running(*, durable: bool = False, migrated: bool = False, more: Sequence[str] = ()) -> Iterator[Server]:
    """A server; `durable` for measurements, where a commit must cost what it costs. `migrated`: its database "empty" has the
    exchange's tables. `more`: settings, as "name=value"."""
    found = programs()
    identity = _somebody()
    folder = Path(tempfile.mkdtemp(prefix="hearthline-postgres-"))
    server: Server | None = None
    try:
        if identity:
            os.chown(folder, *identity)
        as_somebody: Any = {"user": identity[0], "group": identity[1], "extra_groups": []} if identity else {}
        data = folder / "data"
        if migrated:
            subprocess.run(["cp", "-a", migrated_data(), data], check=True)
        else:
            _init(found, data, as_somebody)
        port = _free_port()
        settings = [
            *_SETTINGS,
            f"port={port}",
            f"unix_socket_directories={folder}",
            *(() if durable else _QUICK),
            *more,
        ]
        command = [found / "postgres", "-D", data, *(part for s in settings for part in ("-c", s))]
        server = Server(port, found, folder, command, as_somebody)
        server.start()
        yield server
    finally:
        if server is not None:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _init(found: Path, data: Path, as_somebody: dict[str, Any]) -> None:
    words = ["-U", "hearthline", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]
    command = [found / "initdb", "-D", data, *words]
    subprocess.run(command, check=True, capture_output=True, cwd=data.parent, **as_somebody)


def migrated_data() -> Path:
    """A data folder with a migrated database "empty", to copy."""
    return once("postgresql", _make_migrated)


def _make_migrated(path: Path) -> None:
    with running() as server:
        subprocess.run([server.programs / "createdb", *server.address, "empty"], check=True, cwd=server.folder)
        with tempfile.TemporaryDirectory() as data:
            url = f"postgresql://hearthline@127.0.0.1:{server.port}/empty"
            migrate({"HEARTHLINE_DATA": data, "HEARTHLINE_DATABASE_URL": url})
        server.stop()
        shutil.rmtree(path, ignore_errors=True)
        subprocess.run(["cp", "-a", server.folder / "data", path], check=True)  # with its owner: not this process


def _somebody() -> tuple[int, int] | None:
    """PostgreSQL refuses to run as root; it then runs as the package's own user, or as nobody."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise PostgresMissingError("there is no user but root to run PostgreSQL as")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(found: Path, port: int, process: subprocess.Popen[bytes]) -> None:
    """psql waits for the server itself: it is asked again only while the port is still closed."""
    for _ in range(100):
        if process.poll() is not None:
            raise RuntimeError(f"PostgreSQL ended with {process.returncode} as it started")
        asked = subprocess.run(
            [found / "pg_isready", "-h", "127.0.0.1", "-p", str(port), "-t", "3"], check=False, capture_output=True
        )
        if asked.returncode == 0:
            return
        try:
            process.wait(timeout=0.1)
        except subprocess.TimeoutExpired:
            continue
    raise RuntimeError("PostgreSQL did not become ready")
