"""The processes of an exchange on several make-believe hosts: each node has a data folder of its own."""

from __future__ import annotations

import itertools
import json
import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from psycopg.rows import dict_row

from hearthline.switch.robots.characters import Character, plan_for
from tests import postgresql, redis_server
from tests.clerk import Clerk
from tests.faults import islands
from tests.faults.relay import Cable

ROOT = Path(__file__).resolve().parents[2]
T = TypeVar("T")

# The documented bounds, small enough to wait for.
SETTINGS = {
    "reconcile_every_s": "1", "node_silent_s": "4", "node_lost_after_s": "9", "line_grace_s": "4",
    "ring_timeout_s": "15", "node_full_late_percent": "100", "node_full_cpu_percent": "1000", "secret_key": "the same on every host of this exchange",
}  # fmt: skip
SILENT_S, LOST_S = 4.0, 9.0
OPERATORS = 40
START_S = 120.0  # of processes, on a machine that has much else to do; no bound of the exchange
LEFT_ALONE_S = 4 + 8 + 3  # of a contact whose operator has gone: the grace time, a chime, the switch's own time
SEED = 2  # of the robots' habits


@dataclass(slots=True)
class WireCall:
    number: str
    began: float
    ended: float | None = field(default=None, compare=False)


def quick_numbers(count: int) -> list[str]:
    """Numbers at which somebody answers soon: nothing here depends on how long it rings."""
    plans = {
        number: plan_for(number, SEED, "ru", Character.LONG_TALKER)
        for number in (f"7916123{n:04}" for n in range(20 * count))
    }
    return sorted(plans, key=lambda number: plans[number].rings_after + plans[number].answers_after)[:count]


def _database_at(address: str) -> str:
    return f"postgresql://hearthline@{address}/empty"


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

    def __init__(
        self, name: str, arguments: list[str], environment: dict[str, str], log: list[str], entry: Sequence[str] = ()
    ) -> None:
        self.name = name
        self._entry = entry  # what leads to where it runs
        self._arguments = arguments
        self._environment = environment
        self._log = log
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [*self._entry, sys.executable, "-m", *self._arguments], cwd=ROOT, env=self._environment, stdin=subprocess.PIPE,
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

    def begin_to_stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()

    def stop(self) -> None:
        self.begin_to_stop()
        if self.process is not None:
            try:
                self.process.wait(8)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)
            self.process = None


class Hosts:
    """Two nodes, a web process, a worker, a provider of robots; PostgreSQL and Redis are given.

    Where the machine permits it, each node's call control is in a network namespace, with a cable to PostgreSQL and one to Redis.
    """

    def __init__(
        self, folder: Path, database: postgresql.Server, redis: redis_server.Server, resources: ExitStack
    ) -> None:
        self.folder = folder
        self.database_url = _database_at(f"127.0.0.1:{database.port}")
        self.database = database
        self.redis = redis
        self.cable = Cable(redis.port)  # between the web process and Redis
        self.log: list[str] = []
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.parts: dict[str, Part] = {}
        self.wires: dict[tuple[str, str], islands.Wire] = {}  # (node, "database" or "redis")
        self.resources = resources
        self._forsaken: list[WireCall] = []
        for name in ("a", "b"):
            own = self.environment(name, node=name, media_port=str(free_port(socket.SOCK_DGRAM)))
            self._part(f"engine-{name}", ["hearthline", "engine"], own)
            self._part_of_node(name, own)
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

    def _part(self, name: str, arguments: list[str], environment: dict[str, str], entry: Sequence[str] = ()) -> None:
        self.parts[name] = Part(name, arguments, environment, self.log, entry)

    def _part_of_node(self, name: str, environment: dict[str, str]) -> None:
        if not islands.permitted():
            self._part(f"callcontrol-{name}", ["hearthline", "callcontrol"], environment)
            return
        apart = self.resources.enter_context(islands.island(name))
        database = self.wires[name, "database"] = apart.join(self.database.port)
        redis = self.wires[name, "redis"] = apart.join(self.redis.port)
        addresses = {
            "HEARTHLINE_DATABASE_URL": self.database_at(database),
            "HEARTHLINE_REDIS_URL": f"redis://{redis.address}/0",
        }
        self._part(f"callcontrol-{name}", ["hearthline", "callcontrol"], {**environment, **addresses}, apart.entry)

    def database_at(self, wire: islands.Wire) -> str:
        return _database_at(wire.address)

    def __getitem__(self, name: str) -> Part:
        return self.parts[name]

    # --- start and stop -----------------------------------------------------------------------------------------------

    def start(self, sounds: Path) -> None:
        self._start_provider(sounds)
        self.clerk = Clerk(self.environment("web"))
        self._seed(self._provider_port())
        for part in self.parts.values():
            part.start()
        wait_for(self.web_answers, f"the web process\n{self.said()}", timeout_s=START_S)
        wait_for(lambda: self.ready("a") and self.ready("b"), "both nodes", timeout_s=START_S)

    def _start_provider(self, sounds: Path) -> None:
        config = self.folder / "robots.json"
        config.write_text(json.dumps({
            "accounts": {"line": "right"}, "caller_ids": ["+74951234567"], "others": Character.LONG_TALKER,
            "sounds": str(sounds), "seed": SEED,
        }))  # fmt: skip
        self.provider = Part("provider", ["tests.faults.contacts", str(config)], dict(os.environ), self.log)
        self.provider.start()

    def _provider_port(self) -> int:
        return int(wait_for(lambda: next((n["port"] for n in self._news() if "ready" in n), 0), "robots", timeout_s=60))

    def _seed(self, port: int) -> None:
        wanted = {
            "provider": {"host": "127.0.0.1", "port": port, "username": "line", "password": "right", "caller_id": "+74951234567"},
            "contacts": [[f"+{number}", f"Contact {n}"] for n, number in enumerate(quick_numbers(40))],
        }  # fmt: skip
        self.manage(
            f"from tests.e2e.seed import seed\nseed({wanted!r})\n"
            "from hearthline.people.models import User\n"
            "known = User.objects.get(email='operator@example.org')\n"  # one slow hash is enough
            "User.objects.bulk_create(User(email=f'operator{n}@example.org', name=f'Operator {n}', role='operator',"
            f" language='en', spoken_languages=['ru', 'en'], password=known.password) for n in range({OPERATORS}))"
        )

    def stop(self) -> None:
        for part in self.parts.values():
            part.begin_to_stop()
        for part in [*self.parts.values(), self.provider]:
            part.stop()
        self.clerk.stop()
        self.cable.close()

    def ensure_running(self) -> None:
        """What the former test left dead is started again, what it cut is mended."""
        for wire in self.wires.values():
            wire.mend()
        wait_for(self._all_run, f"web and both nodes\n{self.said()}", timeout_s=START_S)

    def _all_run(self) -> bool:
        for part in self.parts.values():  # a node that was taken over ends when it finds that out
            if part.process is None or part.process.poll() is not None:
                part.start()
        return self.web_answers() and self.ready("a") and self.ready("b")

    # --- looking ------------------------------------------------------------------------------------------------------

    def web_answers(self, url: str = "") -> bool:
        try:
            with urllib.request.urlopen((url or self.url) + "/healthz", timeout=2) as reply:
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

    def heard_within(self, node: str, seconds: float) -> bool:
        since = "SELECT 1 FROM calls_node WHERE name = %s AND heartbeat_at > now() - %s * interval '1 second'"
        return bool(self.rows(since, node, seconds))

    def full(self, node: str) -> str:
        """Why it takes no new lines."""
        return str(self.row("SELECT load->>'full' AS reason FROM calls_node WHERE name = %s", node)["reason"])

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
        """What `hearthline ...` says."""
        return self.clerk.ask(status, arguments=arguments)

    def manage(self, code: str) -> str:
        """What Python says inside the exchange."""
        return self.clerk.ask(code=code)

    def _news(self) -> list[dict[str, Any]]:
        lines = [line.partition(" ")[2] for line in self.log if line.startswith("provider: {")]
        return [json.loads(line) for line in lines]

    def calls_on_the_wire(self) -> list[WireCall]:
        """Every call that has reached a contact, in the order of their beginning."""
        calls: list[WireCall] = []
        for news in self._news():
            if "began" in news:
                calls.append(WireCall(news["began"], news["at"]))
            elif "ended" in news:
                next(c for c in calls if c.number == news["ended"] and c.ended is None).ended = news["at"]
        return calls

    def nobody_is_called(self) -> bool:
        return all(call.ended is not None or call in self._forsaken for call in self.calls_on_the_wire())

    def kill_engine(self, node: str) -> None:
        """kill -9. Nobody is left to say a word to its contacts: that a dead engine's calls end is up to their provider."""
        self[f"engine-{node}"].kill()
        self._forsaken += [call for call in self.calls_on_the_wire() if call.ended is None]

    def said(self) -> str:
        return "\n".join(self.log[-40:])

    def is_sound(self) -> None:
        """No coin lost or moved twice; no number in two calls at once, by the books and on the wire; nobody left on the line."""
        wait_for(self.nobody_is_called, "the contacts to be let go", timeout_s=LEFT_ALONE_S)
        assert ": sound" in self.run("ledger", "check")
        twice = self.rows(
            "SELECT 1 FROM calls_attempt x JOIN dialing_assignment xa ON xa.id = x.assignment_id"
            " JOIN dialing_assignment ya ON ya.phone = xa.phone JOIN calls_attempt y ON y.assignment_id = ya.id"
            " WHERE x.id < y.id AND x.dialled_at < coalesce(y.ended_at, now()) AND y.dialled_at < coalesce(x.ended_at, now())"
        )
        assert not twice, "a number was called twice at once"
        calls = [call for call in self.calls_on_the_wire() if call not in self._forsaken]
        twice_on_the_wire = [
            (one, other)
            for one, other in itertools.combinations(calls, 2)
            if one.number == other.number and other.began < (one.ended or math.inf)
        ]
        assert not twice_on_the_wire, "a contact was called while in a call"
        settled = self.rows(
            "SELECT reference FROM ledger_transfer WHERE code = 'conversation_pay' GROUP BY reference HAVING count(*) > 1"
        )
        assert not settled
