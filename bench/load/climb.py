"""More and more calls at one node until its probe call is out of bounds; the node's processor time at each step."""

from __future__ import annotations

import asyncio
import contextlib
import os
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.engine import cpu_s
from bench.load.probe import Heard, Look
from bench.load.robot_process import RobotProcess, robots
from hearthline.switch.embedded.client import EmbeddedClient
from hearthline.switch.embedded.codecs import PCMU
from hearthline.switch.freeswitch.engine import FreeswitchSwitch
from hearthline.switch.port import Destination, LegAnswered, SwitchError

Client = EmbeddedClient | FreeswitchSwitch
ANSWER_S = 30.0
AT_ONCE = 4  # calls that are being set up


@dataclass(frozen=True, slots=True)
class Plan:
    """Calls of the first step, of each further one, and at most; a step that fails is halved once."""

    first: int = 40
    more: int = 30
    most: int = 190
    settle_s: float = 1.0
    measure_s: float = 4.0
    codec: str = PCMU  # of the browsers
    recorded: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    calls: int
    look: Look
    cpu_ms: float  # of the node, for each second of each call
    node_percent: float  # of one core
    machine_percent: float  # of all cores, by everybody


@dataclass(slots=True)
class Climb:
    steps: list[Step] = field(default_factory=list)  # that stayed in bounds
    ended_by: Step | None = None  # the lowest that did not
    refused: str = ""  # why no more calls could be set up

    @property
    def best(self) -> Step | None:
        return self.steps[-1] if self.steps else None


class Load:
    """Calls at a node, kept until the end."""

    def __init__(self, client: Client, operators: RobotProcess, contacts: RobotProcess, folder: Path) -> None:
        self._client = client
        self._operators = operators
        self._contacts = contacts
        self._folder = folder
        self._answered: dict[str, asyncio.Event] = {}
        self._calls: list[tuple[str, str]] = []
        self._listening = asyncio.get_running_loop().create_task(self._listen())

    def __len__(self) -> int:
        return len(self._calls)

    async def _listen(self) -> None:
        async for event in self._client.events():
            if isinstance(event, LegAnswered) and event.leg in self._answered:
                self._answered.pop(event.leg).set()

    async def add(self, count: int, plan: Plan) -> None:
        turn = asyncio.Semaphore(AT_ONCE)

        async def one() -> None:
            async with turn:
                self._calls.append(await self.call(self._operators, self._contacts, plan.codec, recorded=plan.recorded))

        await asyncio.gather(*(one() for _ in range(count)))

    async def call(
        self, operators: RobotProcess, contacts: RobotProcess, codec: str, *, recorded: bool
    ) -> tuple[str, str]:
        """The legs of a conversation that goes on."""
        browser, phone = uuid.uuid4().hex, uuid.uuid4().hex
        offered = await operators.ask("offer", codec=codec)
        answer = await self._client.open_browser_leg(browser, offered["offer"])
        await operators.ask("accept", browser=offered["browser"], answer=answer)
        answered = self._answered[phone] = asyncio.Event()
        destination = Destination(sip_uri=f"sip:phone@127.0.0.1:{contacts.sip_port}")
        await self._client.ring(phone, destination, caller_id="+74951234567", timeout_s=20, trunk=None)
        async with asyncio.timeout(ANSWER_S):
            await answered.wait()
        await self._client.connect([browser, phone])
        if recorded:
            await self._client.record(phone, str(self._folder / f"{phone}.wav"))
        return browser, phone

    async def drop(self, count: int) -> None:
        for _ in range(count):
            for leg in self._calls.pop():
                await self._client.hang_up(leg)

    async def end(self) -> None:
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)
        with contextlib.suppress(SwitchError):  # one that does not even do this any more is ended in a moment anyway
            for snapshot in await self._client.legs():
                await self._client.hang_up(snapshot.leg)


@contextlib.asynccontextmanager
async def _loaded(client: Client, folder: Path) -> AsyncIterator[tuple[Load, RobotProcess]]:
    """A node that is ready for calls, and its probe call."""
    client.start()
    await client.wait_connected()
    async with robots("speak") as operators, robots("speak") as contacts, robots("probe") as probe:
        load = Load(client, operators, contacts, folder)
        try:
            yield load, probe
        finally:
            await load.end()
            await client.close()


async def climb(client: Client, pid: int, folder: Path, plan: Plan) -> Climb:
    """`pid`: the process that carries the audio."""
    found = Climb()
    async with _loaded(client, folder) as (load, probe):
        await load.call(probe, probe, PCMU, recorded=plan.recorded)
        while len(load) < plan.most:
            try:
                await load.add(min(plan.most - len(load), plan.more if len(load) else plan.first), plan)
            except (SwitchError, TimeoutError) as error:
                found.refused = f"with {len(load)} calls no more could be set up ({type(error).__name__}: {error})"
                break
            if not await _stays(found, load, probe, pid, plan):
                await load.drop((plan.more if found.steps else plan.first) // 2)
                await _stays(found, load, probe, pid, plan)
                break
    return found


async def _stays(found: Climb, load: Load, probe: RobotProcess, pid: int, plan: Plan) -> bool:
    """Look, and look once more when it is out of bounds: others use this machine too."""
    await asyncio.sleep(plan.settle_s)
    step = await _step(len(load), probe, pid, plan.measure_s)
    if not step.look.in_bounds:
        step = await _step(len(load), probe, pid, plan.measure_s)
    if step.look.in_bounds:
        found.steps.append(step)
    else:
        found.ended_by = step
    return step.look.in_bounds


async def _step(calls: int, probe: RobotProcess, pid: int, seconds: float) -> Step:
    loop = asyncio.get_running_loop()
    began, used, (busy, total) = loop.time(), cpu_s(pid), _machine()
    reply = await probe.ask("measure", seconds=seconds)
    passed, spent, (busy_now, total_now) = loop.time() - began, cpu_s(pid) - used, _machine()
    ways = [Heard(frames, lost, gap_ms, tuple(delays)) for frames, lost, gap_ms, delays in reply["ways"]]
    return Step(
        calls, Look.of(ways), 1000 * spent / passed / (calls + 1), 100 * spent / passed,
        100 * (busy_now - busy) / max(1, total_now - total),
    )  # fmt: skip


def _machine() -> tuple[int, int]:
    """Busy and all ticks of all cores since the start (proc(5): the first line of stat)."""
    fields = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return sum(fields) - fields[3] - fields[4], sum(fields)


def cores() -> int:
    return len(os.sched_getaffinity(0))
