"""An exchange of real processes around a simulated switch: PostgreSQL (or SQLite), Redis (or the local bus), one web process,
one call control; and what each of them uses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.engine import cpu_s
from bench.latency import free_port, wait_for_port
from tests import postgresql, redis_server

ROOT = Path(__file__).resolve().parents[2]
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_COUNTED = "pg_stat_statements"

_SEED = """
import json, sys, django
django.setup()
from datetime import time
from django.contrib.auth import login
from django.contrib.sessions.backends.db import SessionStore
from django.db import transaction
from django.http import HttpRequest
from hearthline.calls import services as calls
from hearthline.calls.models import Trunk
from hearthline.campaigns import services
from hearthline.campaigns.contacts import add_contact
from hearthline.campaigns.models import Contact
from hearthline.ledger.models import Tariff, TariffRow
from hearthline.ledger.services import top_up
from hearthline.lib.ids import new_id
from hearthline.lib.money import Money
from hearthline.people.models import Organisation, User
count, contacts = int(sys.argv[1]), int(sys.argv[2])
TariffRow.objects.create(tariff=Tariff.objects.create(name="bench"), prefix="7", per_minute_micro=1_000_000)
Trunk.objects.create(name="bench", host="127.0.0.1", caller_id="+74951234567")
organisation = Organisation.objects.create(name="bench")
top_up(organisation=organisation.pk, amount=Money(10**10, "RUB"), id=new_id())
campaign = services.create_campaign(
    organisation=organisation, created_by=None, kind="find_need", name="bench", price_minor=1200, language="ru",
    window_start=time(0, 0), window_end=time(23, 59),
)
first = add_contact(campaign=campaign, phone="+79161000000", first=False)
rows = []
for n in range(1, contacts):
    row = Contact(**{f.attname: getattr(first, f.attname) for f in Contact._meta.concrete_fields if f.name != "id"})
    row.phone, row.row_number = f"+7916{1_000_000 + n}", n
    rows.append(row)
Contact.objects.bulk_create(rows, batch_size=2000)
campaign = services.start(campaign=campaign, actor=None)
sessions = []
with transaction.atomic():
    for n in range(count):
        operator = User.objects.create(email=f"operator{n}@example.org", name="Anna", spoken_languages=["ru"])
        calls.begin_shift(operator=operator, campaign=campaign)
        request = HttpRequest()
        request.session = SessionStore()
        login(request, operator, backend="django.contrib.auth.backends.ModelBackend")
        request.session.save()
        sessions.append(request.session.session_key)
fit = {"number": "3", "date": "2026-12-01", "yes_no": "yes", "text": "fine"}
print(json.dumps({
    "sessions": sessions,
    "success": campaign.dispositions.filter(kind="success")[0].pk,
    "refusal": campaign.dispositions.filter(payable=False, retry_after_min=None)[0].pk,
    "answers": {f.key: f.choices[0] if f.kind == "choice" else fit[f.kind] for f in campaign.fields.all()},
}))
"""


class Said:
    """A process that answers lines with lines of JSON."""

    def __init__(self, arguments: list[str], environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", *arguments], cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("a process of the measurement ended early; what it said is above")
        found: dict[str, Any] = json.loads(line)
        return found

    def end(self) -> None:
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)


@dataclass(slots=True)
class Exchange:
    environment: dict[str, str]
    port: int
    world: dict[str, Any]
    web: subprocess.Popen[bytes]
    node: Said
    server: postgresql.Server | None
    redis: redis_server.Server | None
    counted: bool  # PostgreSQL counts statements

    def pids(self) -> dict[str, list[int]]:
        found = {"web": [self.web.pid], "call control": [self.node.process.pid]}
        if self.server is not None and self.server.process is not None:
            found["database"] = _family(self.server.process.pid)
        if self.redis is not None and self.redis.process is not None:
            found["Redis"] = [self.redis.process.pid]
        return found

    def used(self) -> dict[str, float]:
        """Seconds of processor time so far."""
        return {name: sum(_cpu_if_alive(pid) for pid in pids) for name, pids in self.pids().items()}

    def memory(self) -> dict[str, int]:
        """Bytes that are resident."""
        return {
            name: sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids) * _PAGE_BYTES
            for name, pids in self.pids().items() if name in ("web", "call control")
        }  # fmt: skip

    def statements(self) -> tuple[int, int]:
        """Statements, and transactions that they were in, so far. Checks of foreign keys are the database's own."""
        text = self._ask_database(
            "SELECT coalesce(sum(calls) FILTER (WHERE query NOT IN ('BEGIN', 'COMMIT', 'ROLLBACK')"
            " AND query NOT LIKE '%FOR KEY SHARE OF x'), 0), coalesce(sum(calls) FILTER (WHERE query = 'COMMIT'), 0)"
            f" FROM {_COUNTED}"
        )
        statements, transactions = text.split("|")
        return int(statements), int(transactions)

    def _ask_database(self, query: str) -> str:
        assert self.server is not None
        return _psql(self.server, "bench", query)


def _psql(server: postgresql.Server, database: str, query: str) -> str:
    command = [server.programs / "psql", "-h", "127.0.0.1", "-p", str(server.port), "-U", "hearthline", "-qtA", "-c"]
    done = subprocess.run([*command, query, database], check=True, stdout=subprocess.PIPE, text=True, timeout=30)
    return done.stdout.strip()


def _family(pid: int) -> list[int]:
    return [pid, *(int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


def _cpu_if_alive(pid: int) -> float:
    try:
        return cpu_s(pid)
    except FileNotFoundError:  # a connection that ended just now
        return 0.0


@dataclass(frozen=True, slots=True)
class Size:
    calls: int
    contacts: int
    habits: dict[str, Any] = field(default_factory=dict)
    grown: bool = True  # on PostgreSQL and Redis, where they are


@contextmanager
def exchange(size: Size) -> Iterator[Exchange]:
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="hl-"))
        server, counted = _database(stack) if size.grown else (None, False)
        redis = _redis(stack) if size.grown else None
        environment = _environment(folder, size, server, redis)
        subprocess.run([sys.executable, "-m", "django", "migrate", "-v0"], cwd=ROOT, env=environment, check=True)
        seeded = subprocess.run(
            [sys.executable, "-c", _SEED, str(size.calls), str(size.contacts)], cwd=ROOT, env=environment, check=True,
            stdout=subprocess.PIPE,
        )  # fmt: skip
        if server is not None:
            _psql(server, "bench", "VACUUM ANALYZE")
        node = Said(["bench.load.simulated_node", json.dumps(size.habits)], environment)
        stack.callback(node.end)
        node.hear()
        port = free_port()
        web = subprocess.Popen(
            [sys.executable, "-m", "hearthline", "web", "--port", str(port)], cwd=ROOT, env=environment,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        stack.callback(_end, web)
        wait_for_port(port)
        world = {**json.loads(seeded.stdout), "port": port}
        yield Exchange(environment, port, world, web, node, server, redis, counted)


def _environment(
    folder: str, size: Size, server: postgresql.Server | None, redis: redis_server.Server | None
) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("HEARTHLINE_", "DJANGO_"))}
    return {
        **kept, "PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": "hearthline.settings", "HEARTHLINE_DATA": folder,
        "HEARTHLINE_LOG_LEVEL": "ERROR", "HEARTHLINE_NODE_MOST_LEGS": str(10 * size.calls),
        "HEARTHLINE_DATABASE_URL": f"postgresql://hearthline@127.0.0.1:{server.port}/bench" if server else "",
        "HEARTHLINE_REDIS_URL": redis.url if redis else "",
    }  # fmt: skip


def _database(stack: ExitStack) -> tuple[postgresql.Server | None, bool]:
    """A PostgreSQL that keeps its promises, counting statements where its contrib modules are."""
    try:
        counts = (postgresql.programs().parent / "lib" / f"{_COUNTED}.so").exists()
    except postgresql.PostgresMissingError:
        return None, False
    more = (f"shared_preload_libraries={_COUNTED}",) if counts else ()
    server = stack.enter_context(postgresql.running(durable=True, more=more))
    _psql(server, "postgres", "CREATE DATABASE bench")
    if counts:
        _psql(server, "bench", f"CREATE EXTENSION {_COUNTED}")
    return server, counts


def _redis(stack: ExitStack) -> redis_server.Server | None:
    try:
        return stack.enter_context(redis_server.running())
    except redis_server.RedisMissingError:
        return None


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)


def wait_until(look: Callable[[], bool], *, within_s: float) -> bool:
    """Whether it came to that in time."""
    deadline = time.monotonic() + within_s
    while not look():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.25)  # between two looks at other processes
    return True
