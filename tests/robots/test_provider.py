"""The built-in provider as a process of its own, called over real SIP."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hearthline.switch.embedded.sip.events import Answered, EarlyMedia, Ended, Ringing
from hearthline.switch.embedded.sip.outgoing import OutgoingCall
from hearthline.switch.embedded.sip.useragent import UserAgent, UserAgentConfig
from hearthline.switch.port import Destination, Party, Trunk
from hearthline.switch.robots.config import ConfigError, config_of
from hearthline.switch.robots.operator_voice import render
from hearthline.switch.robots.speech import read_wav
from tests.sip.listening import Listener

CONTACTS = {
    "+79160000001": "agrees",
    "+79160000002": "busy",
    "+79160000003": "no_answer",
    "+79160000004": "unreachable",
    "+79160000005": "hangs_up_early",
    "+79160000006": "refuses",
}


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sounds")


@pytest.fixture
async def trunk(sounds: Path, tmp_path: Path) -> AsyncIterator[Trunk]:
    config = tmp_path / "robots.json"
    settings = {
        "accounts": {"line": "right"},
        "caller_ids": ["+74950000001"],
        "contacts": CONTACTS,
        "sounds": str(sounds),
        "seed": 2,
    }
    config.write_text(json.dumps(settings))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "hearthline.switch.robots", "--config", str(config), "--until-stdin-closes"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    async with asyncio.timeout(30):
        ready = json.loads(await process.stdout.readline())
    assert ready["apology"] == ""
    yield Trunk(name="robots", host="127.0.0.1", port=ready["port"], username="line", password="right")
    process.stdin.close()
    async with asyncio.timeout(10):
        assert await process.wait() == 0


@pytest.fixture
async def agent() -> AsyncIterator[UserAgent]:
    agent = await UserAgent.start(UserAgentConfig(bind="127.0.0.1"))
    yield agent
    await agent.close()


async def dial(
    agent: UserAgent, trunk: Trunk, number: str, caller_id: str = "+74950000001"
) -> tuple[Listener, OutgoingCall]:
    told = Listener()
    call = await agent.invite(Destination(number=number), trunk=trunk, caller_id=caller_id, timeout_s=20, on_event=told)
    return told, call


async def test_each_number_behaves_as_its_character(agent: UserAgent, trunk: Trunk) -> None:
    async def busy() -> None:
        told, _ = await dial(agent, trunk, "+79160000002")
        assert await told.wait(Ended) == Ended(17, Party.REMOTE, 486)

    async def absent() -> None:
        told, _ = await dial(agent, trunk, "+79169999999")
        assert await told.wait(Ended) == Ended(1, Party.REMOTE, 404)

    async def wrong_caller_id() -> None:
        told, _ = await dial(agent, trunk, "+79160000001", caller_id="+74959999999")
        assert await told.wait(Ended) == Ended(21, Party.REMOTE, 403)

    async def no_answer() -> None:
        told, call = await dial(agent, trunk, "+79160000003")
        await told.wait(Ringing)
        await asyncio.sleep(6)  # longer than anybody who answers
        assert told.kinds == ["Ringing"]
        call.hang_up()

    async def unreachable() -> None:
        told, call = await dial(agent, trunk, "+79160000004")
        await told.wait(EarlyMedia)
        heard = await hear(call, 1.5)
        assert heard > 500, "the announcement must be audible"
        assert await told.wait(Ended) == Ended(18, Party.REMOTE, 480)

    async def early() -> None:
        told, _ = await dial(agent, trunk, "+79160000005")
        await told.wait(Answered)
        assert await told.wait(Ended) == Ended(16, Party.REMOTE)

    await asyncio.gather(busy(), absent(), wrong_caller_id(), no_answer(), unreachable(), early())


async def hear(call: OutgoingCall, seconds: float) -> float:
    """The loudest tick."""
    audio = call.audio
    loudest = 0.0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        audio.pull(time.monotonic())
        audio.send(None, 0)
        loudest = max(loudest, audio.level)
        await asyncio.sleep(0.02)
    return loudest


async def test_a_talk_goes_turn_by_turn(agent: UserAgent, trunk: Trunk, sounds: Path) -> None:
    """We speak twice with the operator's voice; one who refuses says so twice and hangs up."""
    told, call = await dial(agent, trunk, "+79160000006")
    await told.wait(Answered)
    lines = [read_wav(render(sounds, "ru").opening)[-16_000:] for _ in range(2)]  # a second each
    audio = call.audio
    heard_turns, quiet, hearing = 0, 0, False
    pending = b""
    started = time.monotonic()
    tick = 0
    while not isinstance(told.events[-1], Ended) and tick < 50 * 40:
        tick += 1
        await asyncio.sleep(max(0.0, started + tick * 0.02 - time.monotonic()))
        audio.pull(time.monotonic())
        if audio.level > 300:
            hearing, quiet = True, 0
        elif hearing:
            quiet += 1
            if quiet == 30:
                hearing = False
                heard_turns += 1
                pending = lines.pop(0) if lines else b""
        audio.send(pending[:320] if len(pending) >= 320 else None, 3000 if pending else 0)
        pending = pending[320:]
    assert told.events[-1] == Ended(16, Party.REMOTE)
    assert heard_turns >= 2
    stats = audio.stats(time.monotonic())
    assert stats.voice_in_ms > 2000
    assert stats.lost_in == 0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"accounts": {}}, "lacks 'accounts'"),
        ({"contacts": {"+7": "sleepy"}}, "sleepy"),
        ({"language": "la"}, "ru and en"),
        ({"colour": "red"}, "colour"),
        ({"rtp_ports": 5}, "cannot be used"),
    ],
)
def test_a_bad_configuration_is_told_in_a_sentence(change: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        config_of({"accounts": {"a": "b"}, "sounds": "/nowhere", **change})
