"""The control plane: many calls at once on the real web process, call control, database and bus; only audio is simulated."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bench.figure import Figure
from bench.load.exchange import Exchange, Said, Size, exchange, wait_until

CALLS = 1_000
FULL = 0.95  # of the calls: the others are between two calls
RAMP_S = 100.0
SETTLE_S = 5.0
MEASURE_S = 20.0
P99_BAR_MS = (
    100.0  # a key that answers within a tenth of a second is felt as immediate; DESIGN §13 is for an idle exchange
)
MEDIAN_BAR_MS = 50.0
SIZE = Size(CALLS, 6 * CALLS)


@dataclass(frozen=True, slots=True)
class Used:
    """Over some seconds, by all processes of the exchange."""

    seconds: float
    cpu_s: dict[str, float]
    statements: int | None
    transactions: int | None

    def cpu(self, name: str) -> float:
        """Cores."""
        return self.cpu_s.get(name, 0.0) / self.seconds


@dataclass(frozen=True, slots=True)
class Measured:
    size: Size
    database: str
    bus: str
    idle: Used  # all lines open, no calls
    busy: Used
    fewest: int  # calls at once
    begun: int
    switch_events: int
    bus_events: int
    keys_ms: list[float]  # from the key to the request at the switch, sorted
    memory: dict[str, int]  # bytes for each call
    refused: dict[str, int]

    def key_ms(self, share: float) -> float:
        return self.keys_ms[int(share * (len(self.keys_ms) - 1))]

    def call_ms(self, name: str) -> float:
        """CPU for a call from beginning to end, beyond what open lines cost anyway."""
        return 1000 * max(0.0, self.busy.cpu(name) - self.idle.cpu(name)) * self.busy.seconds / self.begun

    def line_ms(self, name: str) -> float:
        """CPU for each second of an open line."""
        return 1000 * self.idle.cpu(name) / self.size.calls

    def of_call(self, idle: int | None, busy: int | None) -> float | None:
        """Of something counted: for each call, beyond what open lines cost anyway."""
        if idle is None or busy is None:
            return None
        return (busy - idle * self.busy.seconds / self.idle.seconds) / self.begun


class _Meter:
    def __init__(self, around: Exchange) -> None:
        self._around = around
        self._counts = self._count()
        self._used, self.began = around.used(), time.monotonic()

    def _count(self) -> tuple[int, int] | tuple[None, None]:
        return self._around.statements() if self._around.counted else (None, None)

    def read(self) -> Used:
        now, seconds = self._around.used(), time.monotonic() - self.began
        counts = [
            None if before is None or after is None else after - before
            for before, after in zip(self._counts, self._count(), strict=True)
        ]
        return Used(seconds, {name: now[name] - self._used.get(name, 0.0) for name in now}, *counts)


def measure(
    size: Size, *, measure_s: float = MEASURE_S, settle_s: float = SETTLE_S, ramp_s: float = RAMP_S
) -> Measured:
    """Where the machine cannot bring up all calls within `ramp_s`, those that are there are measured."""
    with exchange(size) as around, _operators(around) as operators:
        operators.tell(json.dumps(around.world))
        operators.hear()
        meter, memory = _Meter(around), around.memory()
        time.sleep(2 * settle_s)  # two looks of the reconciler
        idle = meter.read()
        operators.tell("go")
        wait_until(lambda: _look(around)["phones"] >= FULL * size.calls, within_s=ramp_s)
        around.node.tell("hang up")
        around.node.hear()
        time.sleep(settle_s)
        full = around.memory()
        calls = max(1, _look(around)["phones"])
        return _window(around, size, operators, measure_s, idle, {n: (full[n] - memory[n]) // calls for n in full})


@contextmanager
def _operators(around: Exchange) -> Iterator[Said]:
    said = Said(["bench.load.operators"], around.environment)
    try:
        yield said
    finally:
        said.end()


def _look(around: Exchange) -> dict[str, Any]:
    around.node.tell("look")
    return around.node.hear()


def _window(
    around: Exchange, size: Size, operators: Said, seconds: float, idle: Used, memory: dict[str, int]
) -> Measured:
    first, meter = _look(around), _Meter(around)
    fewest, rung = int(first["phones"]), {}
    while time.monotonic() < meter.began + seconds:
        time.sleep(1.0)
        last = _look(around)
        fewest, rung = min(fewest, last["phones"]), rung | last["rung"]
    busy = meter.read()
    operators.tell("stop")
    result = operators.hear()
    if result["broken_count"]:
        raise RuntimeError(f"{result['broken_count']} operators failed: {result['broken']}")
    keys = sorted(
        1000 * (rung[leg] - pressed)
        for attempt, pressed, _ in result["dialled"]
        if meter.began < pressed and (leg := uuid.UUID(attempt).hex) in rung
    )
    if not keys:
        raise RuntimeError("nobody dialled while it was measured")
    return Measured(
        size=size, database="PostgreSQL" if around.server else "SQLite", bus="Redis" if around.redis else "local bus",
        idle=idle, busy=busy, fewest=fewest, begun=len(rung), switch_events=last["told"] - first["told"],
        bus_events=last["latest"] - first["latest"], keys_ms=keys, memory=memory, refused=result["refused"],
    )  # fmt: skip


def figures_of(found: Measured) -> Iterator[Figure]:
    """Each beside its bar, where there is one."""
    of, busy = f"{found.size.calls:,} calls", found.busy
    yield Figure(
        f"{of} at once ({found.database}, {found.bus}), the fewest",
        f"{found.fewest:,}",
        f"at least {FULL:.0%}",
        found.fewest >= FULL * found.size.calls,
        f"{found.begun / busy.seconds:.1f} begun a second; refused: {sum(found.refused.values())}",
    )
    switch, bus = found.switch_events / busy.seconds, found.bus_events / busy.seconds
    yield Figure(
        f"{of}: events a second", f"{switch + bus:,.0f}",
        compared_with=f"{switch:,.0f} of the switch, {bus:,.0f} to pages",
    )  # fmt: skip
    for what, share, bar in (("median", 0.5, MEDIAN_BAR_MS), ("p99", 0.99, P99_BAR_MS)):
        value = found.key_ms(share)
        yield Figure(
            f"{of}: key pressed to the switch, {what}", f"{value:.1f} ms", f"at most {bar:.0f} ms", value <= bar,
            f"{len(found.keys_ms)} calls",
        )  # fmt: skip
    yield Figure(
        f"{of}: memory for each", f"{sum(found.memory.values()) / 1024:.0f} KiB",
        compared_with=", ".join(f"{name} {size / 1024:.0f} KiB" for name, size in found.memory.items()),
    )  # fmt: skip
    statements = found.of_call(found.idle.statements, busy.statements)
    transactions = found.of_call(found.idle.transactions, busy.transactions)
    if statements is not None and transactions is not None and busy.statements is not None:
        yield Figure(
            f"{of}: database statements for a whole call", f"{statements:.0f}",
            compared_with=f"in {transactions:.0f} transactions; {busy.statements / busy.seconds:.0f} a second in all",
        )  # fmt: skip
    for what, value in (("a whole call", found.call_ms), ("a second of an open line", found.line_ms)):
        parts = {name: value(name) for name in busy.cpu_s}
        yield Figure(
            f"{of}: CPU for {what}", f"{sum(parts.values()):.1f} ms",
            compared_with=", ".join(f"{name} {ms:.1f}" for name, ms in parts.items()),
        )  # fmt: skip
    yield Figure(
        f"{of}: cores used", f"{sum(busy.cpu(name) for name in busy.cpu_s):.2f}",
        compared_with=", ".join(f"{name} {busy.cpu(name):.2f}" for name in busy.cpu_s),
    )  # fmt: skip
