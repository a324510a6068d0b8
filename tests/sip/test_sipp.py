"""Many calls with SIPp as the far end, over a line that loses packets."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from hearthline.switch.embedded.sip.digest import DigestServer
from hearthline.switch.embedded.sip.events import Ended
from hearthline.switch.embedded.sip.incoming import IncomingCall
from hearthline.switch.embedded.sip.useragent import UserAgent, UserAgentConfig
from hearthline.switch.port import Destination, Party, Trunk
from tests.sip.listening import Listener
from tests.testbed.sipp import Sipp

pytestmark = pytest.mark.sip
SCENARIOS = Path(__file__).parent / "scenarios"
CALLS = 20


async def test_calls_survive_losses_and_the_callees_hold(tmp_path: Path) -> None:
    agent = await UserAgent.start(UserAgentConfig(bind="127.0.0.1"))
    callee = Sipp(tmp_path, SCENARIOS / "callee.xml", calls=CALLS)
    trunk = Trunk(name="sipp", host="127.0.0.1", port=callee.port)
    listeners = [Listener() for _ in range(CALLS)]
    for told in listeners:
        await agent.invite(Destination(number="+79160000001"), trunk=trunk, caller_id="", timeout_s=20, on_event=told)
    ends = await asyncio.gather(*(told.wait(Ended, seconds=30) for told in listeners))
    assert Counter(ends) == Counter({Ended(16, Party.REMOTE): CALLS})
    for told in listeners:
        assert told.kinds == ["EarlyMedia", "Answered", "Held", "Ended"]
    await asyncio.to_thread(callee.finished)
    await agent.close()


async def test_callers_with_digest_and_losses_are_all_served(tmp_path: Path) -> None:
    server = await UserAgent.start(UserAgentConfig(bind="127.0.0.1", admission=DigestServer("r", {"line": "right"})))
    listeners: list[Listener] = []

    def take(call: IncomingCall) -> None:
        listeners.append(Listener())
        call.on_event = listeners[-1]
        call.ring()
        call.answer()

    server.on_incoming(take)
    caller = Sipp(
        tmp_path,
        SCENARIOS / "caller.xml",
        f"127.0.0.1:{server.port}",
        "-r",
        "20",
        "-d",
        "1500",  # long enough for a lost ACK to be asked for again
        "-s",
        "79160000001",
        calls=CALLS,
    )
    await asyncio.to_thread(caller.finished)
    assert len(listeners) == CALLS
    for told in listeners:
        await told.wait(Ended)
        assert told.kinds in (["Answered", "Ended"], ["Ended"])  # a BYE may come when every ACK was lost
    assert sum("Answered" in told.kinds for told in listeners) >= CALLS - 5
    assert server.calls == []
    await server.close()
