"""The processes of an exchange on several make-believe hosts: each node has a data folder of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from psycopg.rows import dict_row

from tests import postgresql, redis_server
from tests.faults.relay import Cable

ROOT = Path(__file__).resolve().parents[2]
T = TypeVar("T")

# The documented bounds, small enough to wait for.
SETTINGS = {
    "reconcile_every_s": "1", "node_silent_s": "4", "node_lost_after_s": "9", "line_grace_s": "4",
    "ring_timeout_s": "15", "node_full_late_percent": "100", "node_full_cpu_percent": "1000", "secret_key": "the same on every host of this exchange",
}  # fmt: skip
LOST_S = 9.0


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    with closing(socket.socket(socket.AF_INET, kind)) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(look: Callable[[], T | None], what: str, *, timeout_s: float = 20.0) -> T:
    """What `look` finds, as soon as it finds something true."""
    end = time.monotonic() + timeout_s
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout_s:.0f} s for {what}")
        time.sleep(0.05)  # between two looks at other processes


class Part:
    """One process that can be killed, frozen and started again."""

    def __init__(self, name: str, arguments: list[str], environment: dict[str, str], log: list[str]) -> None:
        self.name = name
        self._arguments = arguments
        self._environment = environment
        self._log = log
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", *self._arguments], cwd=ROOT, env=self._environment, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        threading.Thread(target=self._keep, args=(self.process,), daemon=True).start()

    def _keep(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._log.append(f"{self.name}: {line.rstrip()}")

    def kill(self) -> None:
        """kill -9."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self.process = None

    def freeze(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def ends(self, within_s: float) -> int:
        """Wait for its end; the exit status."""
        assert self.process is not None
        status = self.process.wait(within_s)
        self.process = None
        return status

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(8)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)
            self.process = None


class Hosts:
    """Two nodes, a web process, a worker, a provider of robots; PostgreSQL and Redis are given."""

    def __init__(self, folder: Path, database: postgresql.Server, redis: redis_server.Server) -> None:
        self.folder = folder
        self.database_url = f"postgresql://hearthline@127.0.0.1:{database.port}/postgres"
        self.database = database
        self.redis = redis
        self.cable = Cable(redis.port)  # between the web process and Redis
        self.log: list[str] = []
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.parts: dict[str, Part] = {}
        for name in ("a", "b"):
            own = self.environment(name, node=name, media_port=str(free_port(socket.SOCK_DGRAM)))
            self._part(f"engine-{name}", ["hearthline", "engine"], own)
            self._part(f"callcontrol-{name}", ["hearthline", "callcontrol"], own)
        self._part(
            "web",
            ["hearthline", "web", "--port", str(self.port)],
            self.environment("web", redis_url=f"redis://127.0.0.1:{self.cable.port}/0"),
        )
        self._part("worker", ["hearthline", "worker"], self.environment("worker"))

    def environment(self, host: str, **settings: str) -> dict[str, str]:
        chosen = {
            **SETTINGS, "data": str(self.folder / host), "database_url": self.database_url, "redis_url": self.redis.url,
            "public_url": self.url, **settings,
        }  # fmt: skip
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("HEARTHLINE_", "DJANGO_"))}
        return {
            **kept, "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": "hearthline.settings",
            **{f"HEARTHLINE_{name.upper()}": value for name, value in chosen.items()},
        }  # fmt: skip

    def _part(self, name: str, arguments: list[str], environment: dict[str, str]) -> None:
        self.parts[name] = Part(name, arguments, environment, self.log)

    def __getitem__(self, name: str) -> Part:
        return self.parts[name]

    # --- start and stop -----------------------------------------------------------------------------------------------

    def start(self, sounds: Path) -> None:
        provider = self._start_provider(sounds)
        self.run("migrate")
        self._seed(provider)
        for part in self.parts.values():
            part.start()
        wait_for(self.web_answers, f"the web process\n{self.said()}", timeout_s=30)
        wait_for(lambda: self.ready("a") and self.ready("b"), "both nodes", timeout_s=30)

    def _start_provider(self, sounds: Path) -> int:
        config = self.folder / "robots.json"
        config.write_text(json.dumps({
            "accounts": {"line": "right"}, "caller_ids": ["+74951234567"], "others": "long_talker",
            "sounds": str(sounds), "seed": 2,
        }))  # fmt: skip
        arguments = ["hearthline.switch.robots", "--config", str(config), "--until-stdin-closes"]
        provider = Part("provider", arguments, dict(os.environ), self.log)
        provider.start()
        self.provider = provider
        ready = wait_for(
            lambda: next((x for x in self.log if x.startswith('provider: {"ready"')), None), "the robots", timeout_s=60
        )
        return int(json.loads(ready.partition(" ")[2])["port"])

    def _seed(self, port: int) -> None:
        wanted = {
            "provider": {"host": "127.0.0.1", "port": port, "username": "line", "password": "right", "caller_id": "+74951234567"},
            "contacts": [[f"+791612302{n:02}", f"Contact {n}"] for n in range(40)],
        }  # fmt: skip
        environment = self.environment("web")
        subprocess.run(
            [sys.executable, "-m", "tests.e2e.seed"], cwd=ROOT, env=environment, input=json.dumps(wanted), text=True,
            check=True, stdout=subprocess.DEVNULL, timeout=60,
        )  # fmt: skip
        self.manage(
            "from hearthline.people.models import User\n"
            "known = User.objects.get(email='operator@example.org')\n"  # one slow hash is enough
            "User.objects.bulk_create(User(email=f'operator{n}@example.org', name=f'Operator {n}', role='operator',"
            " language='en', spoken_languages=['ru', 'en'], password=known.password) for n in range(20))"
        )

    def stop(self) -> None:
        for part in [*self.parts.values(), self.provider]:
            part.stop()
        self.cable.close()

    def ensure_running(self) -> None:
        """What the former test left dead is started again."""
        for part in self.parts.values():
            if part.process is not None and part.process.poll() is not None:
                part.process = None
            if part.process is None:
                part.start()
        wait_for(self.web_answers, "the web process", timeout_s=30)
        wait_for(lambda: self.ready("a") and self.ready("b"), f"both nodes\n{self.said()}", timeout_s=30)

    # --- looking ------------------------------------------------------------------------------------------------------

    def web_answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.url + "/healthz", timeout=2) as reply:
                return bool(reply.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def ready(self, node: str) -> bool:
        """It is alive, takes lines, and serves its queue."""
        found = self.rows(
            "SELECT 1 FROM calls_node WHERE name = %s AND heartbeat_at > now() - interval '3 seconds'"
            " AND load->>'full' = ''",
            node,
        )
        return bool(found)

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        try:
            with psycopg.connect(self.database_url, autocommit=True, row_factory=dict_row, connect_timeout=5) as db:
                return db.execute(query, values).fetchall()
        except psycopg.OperationalError:
            return []

    def row(self, query: str, *values: object) -> dict[str, Any]:
        (row,) = self.rows(query, *values)
        return row

    def attempt(self, id: str) -> dict[str, Any]:
        return self.row("SELECT * FROM calls_attempt WHERE id = %s", id)

    def run(self, *arguments: str, status: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "hearthline", *arguments], cwd=ROOT, env=self.environment("web"),
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    def manage(self, code: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", f"import django\ndjango.setup()\n{code}"], cwd=ROOT, env=self.environment("web"),
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def said(self) -> str:
        return "\n".join(self.log[-40:])

    def is_sound(self) -> None:
        """No coin lost or moved twice; no number in two calls at once; nothing open that nobody drives."""
        assert ": sound" in self.run("ledger", "check")
        twice = self.rows(
            "SELECT 1 FROM calls_attempt x JOIN dialing_assignment xa ON xa.id = x.assignment_id"
            " JOIN dialing_assignment ya ON ya.phone = xa.phone JOIN calls_attempt y ON y.assignment_id = ya.id"
            " WHERE x.id < y.id AND x.dialled_at < coalesce(y.ended_at, now()) AND y.dialled_at < coalesce(x.ended_at, now())"
        )
        assert not twice, "a number was called twice at once"
        settled = self.rows(
            "SELECT reference FROM ledger_transfer WHERE code = 'conversation_pay' GROUP BY reference HAVING count(*) > 1"
        )
        assert not settled
