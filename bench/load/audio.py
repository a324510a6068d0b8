"""The audio of one node under load: figures of each engine, with and without recording."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from bench.engine import engine
from bench.figure import Figure
from bench.freeswitch import client_of, freeswitch
from bench.load.climb import Climb, Plan, climb
from hearthline.switch.embedded.client import EmbeddedClient
from hearthline.switch.embedded.codecs import OPUS
from hearthline.switch.freeswitch.rendering import find_program

FIELD_MANUAL = 50  # operators a server, as the field publishes for dialling by hand; 25 for predictive dialling
PLAN = Plan()
OPUS_CALLS = 30
FULL_PERCENT = 90.0  # of a core, or of the machine


@dataclass(frozen=True, slots=True)
class Carried:
    """One engine at one kind of work."""

    engine: str
    work: str  # "", "recorded", "recorded, Opus"
    most: int  # calls that were tried
    climb: Climb

    @property
    def here(self) -> int:
        """Calls at which the probe stayed in bounds on this machine, which robots shared."""
        return self.climb.best.calls if self.climb.best else 0

    @property
    def a_core(self) -> int:
        """Calls that a core carries by processor time."""
        step = self.climb.best or self.climb.ended_by
        return int(1000 / step.cpu_ms) if step else 0

    @property
    def limited_by_machine(self) -> bool:
        """More was not to be had here, and the node was not what was used up: the probe says nothing of it then."""
        over = self.climb.ended_by
        return over is None or (over.machine_percent > FULL_PERCENT and over.node_percent < FULL_PERCENT)


def engines() -> list[str]:
    return ["embedded engine", *(["FreeSWITCH"] if find_program() else [])]


def carried(name: str) -> Iterator[Carried]:
    """Without and with recording; then with some browsers on Opus, recorded."""
    yield one(name, "", PLAN)
    yield one(name, "recorded", replace(PLAN, recorded=True))
    yield one(name, "recorded, Opus", replace(PLAN, recorded=True, codec=OPUS, first=OPUS_CALLS, most=OPUS_CALLS))


def one(name: str, work: str, plan: Plan) -> Carried:
    return Carried(name, work, plan.most, asyncio.run(_measure(name, plan)))


async def _measure(name: str, plan: Plan) -> Climb:
    with tempfile.TemporaryDirectory(prefix="hl-") as folder:
        place = Path(folder)
        if name == "FreeSWITCH":
            program = find_program()
            assert program is not None
            with freeswitch(program, place) as pid:
                return await climb(client_of(place), pid, place, plan)
        with engine(place) as (pid, socket):
            return await climb(EmbeddedClient(socket), pid, place, plan)


def figures_of(found: Carried) -> Iterator[Figure]:
    name = f"{found.engine}{f', {found.work}' if found.work else ''}"
    best, ended_by = found.climb.best, found.climb.ended_by
    if found.most >= FIELD_MANUAL:
        yield Figure(
            f"{name}: calls, probe in bounds", f"{found.here}", f"at least {FIELD_MANUAL} a server",
            _verdict(found), f"{best.look.line() if best else 'none'}{_why_no_more(found.climb)}",
        )  # fmt: skip
    step = best or ended_by
    if step is not None:
        yield Figure(
            f"{name}: calls a core, by CPU time", f"{found.a_core}", f"at least {FIELD_MANUAL} a server",
            found.a_core >= FIELD_MANUAL, f"{step.cpu_ms:.2f} ms of CPU per call-second at {step.calls} calls",
        )  # fmt: skip


def _verdict(found: Carried) -> bool | None:
    """None where fewer calls than the bar say something of this machine only: it was full, and its node was not."""
    if found.here >= FIELD_MANUAL:
        return True
    return None if found.climb.ended_by and found.limited_by_machine else False


def _why_no_more(climb: Climb) -> str:
    over = climb.ended_by
    if over is None:
        return f"; {climb.refused or 'more were not tried'}"
    return (
        f"; at {over.calls}: {over.look.line()}, the node at {over.node_percent:.0f} % of a core, the whole machine at"
        f" {over.machine_percent:.0f} %"
    )
