"""Facts of the whole exchange, read from the database: the same whichever process is asked, so take the max over them.

Each is a count over an index or a short table; they are read at most every `KEPT_S`, however often they are scraped.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from django.db import connections
from django.db.models import Count, F, Min, Q, Sum
from django_tasks_db.models import DBTaskResult
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from hearthline.calls.models import HandOver, HandOverState, Line, LineState, Node, Shift, Trunk
from hearthline.ledger.models import Account
from hearthline.lib import clock

KEPT_S = 10.0
MOST_NODES = 100
MOST_TRUNKS = 100


class Facts(Collector):
    """Collects nothing when the database does not answer: `hearthline_exchange_read` is then 0."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read_at = 0.0
        self._kept: list[Metric] = []

    def collect(self) -> Iterator[Metric]:
        with self._lock:
            if time.monotonic() - self._read_at > KEPT_S or not self._read_at:
                self._kept = _read_all()
                self._read_at = time.monotonic()
            yield from self._kept


def _read_all() -> list[Metric]:
    try:
        found = [*_people(), *_nodes(), *_trunks(), *_tasks(), *_money()]
    except Exception:  # noqa: BLE001 (whatever a broken database raises is the finding: the next metric says it)
        found = []
    finally:
        connections.close_all()
    return [_gauge("read", "1 when the database gave the facts below", float(bool(found))), *found]


def _gauge(name: str, text: str, value: float | None = None, labels: tuple[str, ...] = ()) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"hearthline_exchange_{name}", text, value=value, labels=labels or None)


def _people() -> Iterator[Metric]:
    lines = _gauge("lines", "Open lines by their state and the person's role", labels=("state", "role"))
    # the condition is that of the unique index on open lines, so that closed ones are not looked at
    open_lines = Line.objects.filter(~Q(state=LineState.CLOSED), user__isnull=False)
    for state, role, count in open_lines.values_list("state", "user__role").annotate(n=Count("pk")).order_by():
        lines.add_metric([state, role], count)
    yield lines
    shifts = Shift.objects.filter(ended_at=None).aggregate(all=Count("pk"), away=Count("pk", filter=Q(on_break=True)))
    yield _gauge("shifts", "Operators on shift", shifts["all"])
    yield _gauge("shifts_on_break", "Operators on a break", shifts["away"])
    at_work = HandOver.objects.filter(ended_at=None, state__in=[HandOverState.RINGING, HandOverState.BRIEFING])
    yield _gauge("briefings", "Hand-overs that ring or are in briefing", at_work.count())


def _nodes() -> Iterator[Metric]:
    age = _gauge("node_heartbeat_age_seconds", "Since the node's last word", labels=("node",))
    draining = _gauge("node_draining", "1 while the node takes no new lines", labels=("node",))
    by_name = {
        "legs": _gauge("node_legs", "Legs at the node's switch", labels=("node",)),
        "cpu_percent": _gauge("node_cpu_percent", "Of one core, by the switch's process", labels=("node",)),
        "late_tick_percent": _gauge("node_late_tick_percent", "20 ms ticks that began late", labels=("node",)),
    }
    now = clock.now()
    for node in Node.objects.filter(heartbeat_at__isnull=False).order_by("name")[:MOST_NODES]:
        assert node.heartbeat_at is not None  # by the filter
        age.add_metric([node.name], max(0.0, (now - node.heartbeat_at).total_seconds()))
        draining.add_metric([node.name], int(node.draining))
        for key, family in by_name.items():
            value = node.load.get(key) if isinstance(node.load, dict) else None
            if isinstance(value, int | float):
                family.add_metric([node.name], value)
    yield from (age, draining, *by_name.values())


def _trunks() -> Iterator[Metric]:
    info = _gauge("trunk", "1 for a trunk in use; its number stands in other metrics", labels=("trunk", "name"))
    for number, name in Trunk.objects.filter(active=True).values_list("pk", "name")[:MOST_TRUNKS]:
        info.add_metric([str(number), name], 1)
    yield info


def _tasks() -> Iterator[Metric]:
    now = clock.now()
    # in the past: tasks that were put off are not late; those without a time have the year 9999
    due = Q(run_after__lte=now) | Q(run_after__year=9999)
    waiting = (
        DBTaskResult.objects.filter(due, status="READY").order_by().aggregate(n=Count("pk"), at=Min("enqueued_at"))
    )
    yield _gauge("tasks_waiting", "Background tasks that wait for a worker", waiting["n"])
    age = (now - waiting["at"]).total_seconds() if waiting["at"] else 0.0
    yield _gauge("tasks_oldest_seconds", "How long the oldest of them has waited", max(0.0, age))


def _money() -> Iterator[Metric]:
    held = _gauge("ledger_held_minor", "Held for conversations, in minor units", labels=("currency",))
    total = _gauge("ledger_sum_minor", "All balances together: 0, or the books are wrong", labels=("currency",))
    balances = _gauge("ledger_balance_minor", "Balances by kind of account", labels=("currency", "kind"))
    rows = Account.objects.values("currency", "kind").order_by("currency", "kind")
    sums: dict[str, list[int]] = {}
    for row in rows.annotate(total=Sum(F("credits_posted") - F("debits_posted")), pending=Sum("debits_pending")):
        balances.add_metric([row["currency"], row["kind"]], row["total"])
        both = sums.setdefault(row["currency"], [0, 0])
        both[0] += row["total"]
        both[1] += row["pending"]
    for currency, (balance, pending) in sums.items():
        total.add_metric([currency], balance)
        held.add_metric([currency], pending)
    yield from (held, total, balances)
