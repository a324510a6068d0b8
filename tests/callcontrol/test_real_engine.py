"""Call control on real engines, the embedded one and FreeSWITCH: SIP to the robots' provider, DTLS-SRTP for operator and
manager."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import sys
import uuid
import wave
from array import array
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from django.conf import settings

from hearthline.callcontrol.consent import consent_sound
from hearthline.callcontrol.database import Database
from hearthline.callcontrol.run import run_call_control
from hearthline.calls import commands as cmd
from hearthline.calls import services
from hearthline.calls.models import Attempt, Trunk
from hearthline.campaigns.models import Campaign
from hearthline.ledger import check
from hearthline.realtime.bus import Event
from hearthline.realtime.configured import bus
from hearthline.switch.robots.browser_peer import BrowserPeer, Ear, Loop, PeerClock
from tests.callcontrol.engines import ENGINES, Engine
from tests.callcontrol.exchange import Exchange, answers

PATIENCE_S = 30.0
OPERATOR_HZ, MANAGER_HZ, ANNOUNCED_HZ = 523, 659, 880


def second_of(frequency: int) -> bytes:
    return array("h", (int(9000 * math.sin(2 * math.pi * frequency * n / 8000)) for n in range(8000))).tobytes()


def tone(frequency: int) -> Loop:
    return Loop(second_of(frequency))


CLEAR = (
    0.4  # of a tone with gaps: on a busy machine the test's own talkers are late; somebody else's tone has below 0.1
)


def share_of(frequency: int, pcm: bytes) -> float:
    """How much of the audio's energy is near one frequency, 0 to 1 (Goertzel), tenth of a second by tenth: a packet that was
    late or dropped turns the tone's phase, and over the whole second what follows would cancel what was before."""
    samples = array("h", pcm)
    energy = sum(s * s for s in samples) or 1
    w = 2 * math.cos(2 * math.pi * frequency / 8000)
    near = 0.0
    for at in range(0, len(samples), 800):
        window = samples[at : at + 800]
        a = b = 0.0
        for s in window:
            a, b = s + w * a - b, a
        near += 2 * (a * a + b * b - w * a * b) / len(window)
    return near / energy


def loud(pcm: bytes) -> bool:
    return max(array("h", pcm)) > 1000


class Node:
    """The processes of one node, and people with robots' browsers."""

    def __init__(self, world: Exchange, folder: Path, sounds: Path, engine: Engine) -> None:
        self.world = world
        self.engine = engine
        self.folder = folder
        self.sounds = sounds
        self.database = Database()
        self.clock = PeerClock()
        self.heard: list[Event] = []
        self._news = asyncio.Condition()
        self._tasks: list[asyncio.Task[Any]] = []
        self._processes: list[asyncio.subprocess.Process] = []
        self._control: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self.clock.start()
        config = self.folder / "robots.json"
        number = self.world.assignment.phone
        config.write_text(
            json.dumps(
                {
                    "accounts": {"line": "right"}, "caller_ids": ["+74951234567"], "contacts": {number: "long_talker"},
                    "sounds": str(self.sounds), "seed": 2,
                }
            )
        )  # fmt: skip
        robots = await self._spawn("hearthline.switch.robots", "--config", str(config), "--until-stdin-closes")
        assert robots.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            port = json.loads(await robots.stdout.readline())["port"]
        await self.db(lambda: Trunk.objects.update(host="127.0.0.1", port=port, username="line", password="right"))
        await self.engine.start()
        self._tasks.append(asyncio.create_task(self._listen()))
        await self.start_control()

    async def start_control(self) -> None:
        ready = asyncio.Event()
        self._control = asyncio.create_task(self._drive(ready))
        async with asyncio.timeout(PATIENCE_S):
            await ready.wait()

    async def _drive(self, ready: asyncio.Event) -> None:
        """As a process of its own would: with a client that knows nothing of what was before."""
        client = self.engine.client()
        client.start()
        try:
            await run_call_control(client, bus(), "test", ready=ready)
        finally:
            await client.close()

    async def stop_control(self) -> None:
        assert self._control is not None
        self._control.cancel()
        await asyncio.gather(self._control, return_exceptions=True)

    async def stop(self) -> None:
        await self.stop_control()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.engine.stop()
        self.clock.stop()
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
        self.database.close()

    async def _spawn(self, module: str, *arguments: str) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, *arguments, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        self._processes.append(process)
        return process

    async def db(self, work: Any, *args: Any, **kwargs: Any) -> Any:
        return await self.database.run(work, *args, **kwargs)

    async def _listen(self) -> None:
        world = self.world
        audiences = {f"user:{world.operator.pk}", f"user:{world.manager_user.pk}", "exchange"}
        async for event in bus().subscribe(audiences):
            async with self._news:
                self.heard.append(event)
                self._news.notify_all()

    async def told(self, name: str, after: int = 0) -> Event:
        """The first event of this name since the `after`-th; waits for it."""

        def found() -> Event | None:
            return next((e for e in self.heard[after:] if e.name == name), None)

        try:
            async with asyncio.timeout(PATIENCE_S), self._news:
                await self._news.wait_for(lambda: found() is not None)
        except TimeoutError:
            raise AssertionError(f"no {name}; heard {[e.name for e in self.heard]}") from None
        event = found()
        assert event is not None
        return event

    async def command(self, command: cmd.Command) -> dict[str, Any]:
        reply = await bus().request(cmd.queue_of("test"), cmd.to_message(command), timeout_s=PATIENCE_S)
        assert "error" not in reply, reply
        return reply

    async def browser(self, user: Any, frequency: int, line: str = "") -> tuple[BrowserPeer, Ear, str]:
        ear = Ear()
        peer = BrowserPeer(self.clock, tone(frequency), ear.hear)
        reply = await self.command(cmd.OpenLine(key=uuid.uuid4().hex, user=str(user.pk), offer=peer.offer(), line=line))
        peer.accept(reply["answer"])
        await peer.up()
        return peer, ear, str(reply["line"])

    async def press(self, kind: type[cmd.CallCommand], **fields: Any) -> dict[str, Any]:
        world = self.world
        return await self.command(
            kind(key=uuid.uuid4().hex, user=str(world.operator.pk), attempt=world.attempt, **fields)
        )

    async def dial(self) -> None:
        world = self.world
        reply = await self.command(
            cmd.Dial(
                key=uuid.uuid4().hex, user=str(world.operator.pk), assignment=str(world.assignment.pk),
                fence=world.assignment.fence,
            )
        )  # fmt: skip
        world.attempt = reply["attempt"]


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sounds")


@pytest_asyncio.fixture(params=ENGINES)
async def node(
    request: pytest.FixtureRequest, prepared: Exchange, data_folder: Path, sounds: Path
) -> AsyncIterator[Node]:
    node = Node(prepared, data_folder, sounds, request.param(data_folder))
    await node.start()
    try:
        yield node
    finally:
        await node.stop()


async def test_dial_talk_brief_hand_over_and_settle(node: Node) -> None:
    world = node.world
    operator, operator_ear, world.line = await node.browser(world.operator, OPERATOR_HZ)
    manager, manager_ear, manager_line = await node.browser(world.manager_user, MANAGER_HZ)
    await node.told("line.opened")

    await node.dial()
    await node.told("call.answered")
    await operator_ear.listen(2)
    operator.source = lambda: None  # let the contact say something
    await operator_ear.listen(5)  # the shortest conversation of this campaign is six seconds
    operator.source = tone(OPERATOR_HZ)
    reply = await node.press(cmd.Transfer)
    await node.told("handover.ringing")
    handover = reply["handover"]
    await node.command(
        cmd.AnswerHandOver(key=uuid.uuid4().hex, user=str(world.manager_user.pk), handover=handover, line=manager_line)
    )
    await node.told("handover.answered")
    await manager_ear.listen(0.4)
    briefing, briefed = await asyncio.gather(manager_ear.listen(1), operator_ear.listen(1))
    assert share_of(OPERATOR_HZ, briefing) > CLEAR  # operator and manager alone
    assert share_of(MANAGER_HZ, briefed) > CLEAR
    await node.press(cmd.CompleteTransfer)
    await node.told("handover.completed")
    await operator_ear.listen(0.4)
    free = await operator_ear.listen(1)
    assert max(array("h", free)) < 100  # the operator's line is silent
    await manager_ear.listen(2)

    def wrap_up() -> Any:
        disposition = world.campaign.dispositions.filter(kind="success")[0]
        return services.wrap_up(
            attempt=world.attempt, operator=world.operator, fence=world.assignment.fence, disposition=disposition.pk,
            fields=answers(world.campaign), notes="",
        )  # fmt: skip

    outcome = await node.db(wrap_up)
    assert outcome.payable, outcome
    await node.command(cmd.HangUp(key="end", user=str(world.manager_user.pk), attempt=world.attempt))
    await node.told("call.ended")
    ready = await node.told("recording.ready")

    row = await node.db(Attempt.objects.get, pk=world.attempt)
    assert (row.phase, row.ended_by) == ("closed", "manager")
    assert row.talk_ms >= 6_500  # seven seconds by the clock of the ears, which is not that of the call
    assert row.contact_stats["voice_in_ms"] > 1000
    recording = await node.db(row.recordings.get)
    assert recording.duration_ms == ready.payload["duration_ms"] > 10_000
    hears = _right_channel(settings.HEARTHLINE.recordings_folder / recording.path)
    assert share_of(OPERATOR_HZ, hears[2 * 4000 : 2 * 12000]) > CLEAR
    assert share_of(MANAGER_HZ, hears[-2 * 8000 :]) > CLEAR
    before_hand_over = hears[2 * int(8000 * 7.6) : 2 * int(8000 * 8.4)]
    assert share_of(OPERATOR_HZ, before_hand_over) < 0.1  # the briefing is not on the customer's recording
    assert share_of(MANAGER_HZ, before_hand_over) < 0.1
    assert (await node.db(check.prove)).faults == []
    operator.vanish()
    manager.vanish()


async def test_an_announcement_is_heard_before_the_recording_and_a_pause_is_silent_in_it(node: Node) -> None:
    world = node.world
    rules = {"consent": "played", "consent_text": "This call is recorded.", "language": "en"}
    await node.db(Campaign.objects.filter(pk=world.campaign.pk).update, **rules)
    spoken = await node.db(lambda: consent_sound(Campaign.objects.get(pk=world.campaign.pk), _sounds_folder()))
    with wave.open(spoken, "rb") as file:
        assert file.getnframes() > 8000  # eSpeak NG has said it
    with wave.open(spoken, "wb") as file:  # a tone in its place tells more surely who hears it
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(2 * second_of(ANNOUNCED_HZ))
    operator, operator_ear, world.line = await node.browser(world.operator, OPERATOR_HZ)
    operator.source = lambda: None

    await node.dial()
    await node.told("call.answered")
    await operator_ear.listen(0.3)
    assert share_of(ANNOUNCED_HZ, await operator_ear.listen(1)) > CLEAR
    begun = await node.told("call.recording")
    assert (begun.payload["recording"], begun.payload["why"]) == ("on", "announced")
    operator.source = tone(OPERATOR_HZ)
    await operator_ear.listen(2)
    await node.press(cmd.PauseRecording, on=False)
    await operator_ear.listen(2)
    await node.press(cmd.PauseRecording, on=True)
    await operator_ear.listen(1.5)
    await node.press(cmd.HangUp)
    await node.told("recording.ready")

    row = await node.db(Attempt.objects.get, pk=world.attempt)
    recording = await node.db(row.recordings.get)
    assert row.announced_at is not None
    assert 5_000 < recording.duration_ms < 7_500  # without the announcement
    ((begin, end, why),) = recording.pauses
    assert why == "asked"
    hears = array("h", _right_channel(settings.HEARTHLINE.recordings_folder / recording.path))
    assert share_of(ANNOUNCED_HZ, hears.tobytes()) < 0.1
    assert share_of(OPERATOR_HZ, hears[8 * (begin - 1200) : 8 * (begin - 200)].tobytes()) > CLEAR
    assert max(hears[8 * (begin + 500) : 8 * (end - 500)]) < 10
    assert share_of(OPERATOR_HZ, hears[8 * (end + 300) : 8 * (end + 1100)].tobytes()) > CLEAR
    operator.vanish()


async def test_call_control_is_killed_and_the_call_goes_on(node: Node) -> None:
    world = node.world
    operator, operator_ear, world.line = await node.browser(world.operator, OPERATOR_HZ)
    await node.dial()
    await node.told("call.answered")

    await node.stop_control()
    await operator_ear.listen(1)
    await node.start_control()
    operator.source = lambda: None  # let the contact say something
    assert loud(await operator_ear.listen(5))

    talking = await node.db(Attempt.objects.get, pk=world.attempt)
    assert talking.phase == "talking"
    await node.press(cmd.HangUp)
    ended = await node.told("call.ended")
    assert (ended.payload["by"], ended.payload["answered"]) == ("operator", True)
    operator.vanish()


async def test_the_engine_is_killed_and_the_call_ends(node: Node) -> None:
    world = node.world
    operator, _ear, world.line = await node.browser(world.operator, OPERATOR_HZ)
    await node.dial()
    await node.told("call.answered")

    await node.engine.kill()
    await node.told("node.lost")
    await node.engine.start()

    ended = await node.told("call.ended")
    assert (ended.payload["by"], ended.payload["cause"]) == ("switch", 41)
    closed = await node.told("line.closed")
    assert closed.payload["reason"] == "node_lost"
    row = await node.db(Attempt.objects.get, pk=world.attempt)
    assert row.phase == "wrap_up"
    operator.vanish()


async def test_the_operators_tab_is_killed_and_the_contact_is_released(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = node.world
    monkeypatch.setattr(settings.HEARTHLINE, "line_grace_s", 2)
    operator, _ear, world.line = await node.browser(world.operator, OPERATOR_HZ)
    await node.dial()
    await node.told("call.answered")

    operator.vanish()

    ended = await node.told("call.ended")
    assert ended.payload["by"] == "exchange"
    assert (await node.told("line.closed")).payload["reason"] == "grace_expired"


def _sounds_folder() -> Path:
    return Path(settings.HEARTHLINE.run_folder) / "sounds"


def _right_channel(path: Path) -> bytes:
    with wave.open(str(path), "rb") as file:
        assert file.getnchannels() == 2
        return array("h", file.readframes(file.getnframes()))[1::2].tobytes()
