"""The control plane: many calls at once on the real web process, call control, database and bus; only audio is simulated."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from bench.figure import Figure
from bench.load.exchange import Exchange, Said, Size, exchange, wait_until

CALLS = 1_000
FULL = 0.95  # of the calls: the others are between two calls
RAMP_S = 150.0
SETTLE_S = 5.0
MEASURE_S = 20.0
P99_BAR_MS = 100.0  # a key that answers within a tenth of a second is felt as immediate; DESIGN §13 is for an idle exchange
MEDIAN_BAR_MS = 50.0
SIZE = Size(CALLS, 6 * CALLS)


@dataclass(frozen=True, slots=True)
class Measured:
    size: Size
    database: str
    bus: str
    seconds: float
    fewest: int  # calls at once
    begun: int
    switch_events: int
    bus_events: int
    keys_ms: list[float]  # from the key to the request at the switch, sorted
    cpu_s: dict[str, float]
    memory: dict[str, int]  # bytes for each call
    statements: int | None
    transactions: int | None
    refused: dict[str, int]
    busiest: list[str]

    def key_ms(self, share: float) -> float:
        return self.keys_ms[int(share * (len(self.keys_ms) - 1))]

    def cpu_ms(self, name: str) -> float:
        """For each call from beginning to end."""
        return 1000 * self.cpu_s.get(name, 0.0) / self.begun


def measure(size: Size, *, measure_s: float = MEASURE_S, settle_s: float = SETTLE_S) -> Measured:
    with exchange(size) as around, closing(_Ended(Said(["bench.load.operators"], around.environment))) as operators:
        operators.said.tell(json.dumps(around.world))
        operators.said.hear()
        idle = around.memory()
        operators.said.tell("go")
        wait_until(lambda: _look(around)["phones"] >= FULL * size.calls, f"{size.calls} calls", within_s=RAMP_S)
        around.node.tell("hang up")
        around.node.hear()
        time.sleep(settle_s)
        full = around.memory()
        return _window(around, size, operators.said, measure_s, {n: (full[n] - idle[n]) // size.calls for n in full})


class _Ended:
    def __init__(self, said: Said) -> None:
        self.said = said

    def close(self) -> None:
        self.said.end()


def _look(around: Exchange) -> dict[str, Any]:
    around.node.tell("look")
    return around.node.hear()


def _window(around: Exchange, size: Size, operators: Said, seconds: float, memory: dict[str, int]) -> Measured:
    first, began, used = _look(around), time.monotonic(), around.used()
    if around.counted:
        around.count_anew()
    fewest, rung = int(first["phones"]), {}
    while time.monotonic() < began + seconds:
        time.sleep(1.0)
        last = _look(around)
        fewest, rung = min(fewest, last["phones"]), rung | last["rung"]
    ended, now = time.monotonic(), around.used()
    counts = around.statements() if around.counted else (None, None)
    operators.tell("stop")
    result = operators.hear()
    if result["broken_count"]:
        raise RuntimeError(f"{result['broken_count']} operators failed: {result['broken']}")
    keys = sorted(
        1000 * (rung[leg] - pressed)
        for attempt, pressed, _ in result["dialled"]
        if began < pressed and (leg := uuid.UUID(attempt).hex) in rung
    )
    if not keys:
        raise RuntimeError("nobody dialled while it was measured")
    return Measured(
        size=size, database="PostgreSQL" if around.server else "SQLite", bus="Redis" if around.redis else "local bus",
        seconds=ended - began, fewest=fewest, begun=len(rung), switch_events=last["told"] - first["told"],
        bus_events=last["latest"] - first["latest"], keys_ms=keys, cpu_s={n: now[n] - used[n] for n in now}, memory=memory,
        statements=counts[0], transactions=counts[1], refused=result["refused"], busiest=around.busiest(15) if around.counted else [],
    )  # fmt: skip


def figures_of(found: Measured) -> Iterator[Figure]:
    of = f"{found.size.calls:,} calls at once"
    cpu = {name: spent / found.seconds for name, spent in found.cpu_s.items()}
    yield Figure(
        f"{of}, simulated audio ({found.database}, {found.bus}): fewest",
        f"{found.fewest:,}",
        f"at least {FULL:.0%}",
        found.fewest >= FULL * found.size.calls,
        f"{found.begun / found.seconds:.1f} calls begun a second; refused: {sum(found.refused.values())}",
    )
    yield Figure(
        f"{of}: events a second",
        f"{(found.switch_events + found.bus_events) / found.seconds:,.0f}",
        compared_with=f"{found.switch_events / found.seconds:,.0f} of the switch, {found.bus_events / found.seconds:,.0f} to pages",
    )
    for what, share, bar in (("median", 0.5, MEDIAN_BAR_MS), ("p99", 0.99, P99_BAR_MS)):
        value = found.key_ms(share)
        yield Figure(
            f"{of}: key pressed to the switch, {what}", f"{value:.1f} ms", f"at most {bar:.0f} ms", value <= bar,
            f"{len(found.keys_ms)} calls",
        )  # fmt: skip
    yield Figure(
        f"{of}: memory for each",
        f"{sum(found.memory.values()) / 1024:.0f} KiB",
        compared_with=", ".join(f"{name} {size / 1024:.0f} KiB" for name, size in found.memory.items()),
    )
    if found.statements is not None and found.transactions is not None:
        yield Figure(
            f"{of}: database statements for a whole call",
            f"{found.statements / found.begun:.0f}",
            compared_with=f"in {found.transactions / found.begun:.0f} transactions, housekeeping included",
        )
    yield Figure(
        f"{of}: CPU for a whole call",
        f"{1000 * sum(found.cpu_s.values()) / found.begun:.0f} ms",
        compared_with=", ".join(f"{name} {found.cpu_ms(name):.0f} ms ({share:.0%} of a core)" for name, share in cpu.items()),
    )
