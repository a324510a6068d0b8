"""The robots that are called, watched: a line of JSON for each call that reaches one, and for its end.

{"began": "79161230201", "at": 12.3} and {"ended": ...}, in seconds of the machine's monotonic clock: what really happened on the
wire, whatever the exchange believes.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

from hearthline.switch.embedded.sip.incoming import IncomingCall
from hearthline.switch.embedded.sip.useragent import UserAgent
from hearthline.switch.robots.config import ProviderConfig, read_config
from hearthline.switch.robots.provider import Casting, Provider, RobotCall
from hearthline.switch.robots.speech import SpeechFolder


class WatchedProvider(Provider):
    def __init__(self, config: ProviderConfig, agent: UserAgent, speech: SpeechFolder, casting: Casting | None) -> None:
        super().__init__(config, agent, speech, casting)
        self._called: dict[RobotCall, str] = {}

    def _incoming(self, call: IncomingCall) -> None:
        before = set(self._calls)
        super()._incoming(call)
        for robot in self._calls - before:
            self._called[robot] = call.called
            tell(began=call.called, at=time.monotonic())

    def ended(self, call: RobotCall) -> None:
        super().ended(call)
        tell(ended=self._called.pop(call), at=time.monotonic())


def tell(**news: object) -> None:
    sys.stdout.write(json.dumps(news) + "\n")
    sys.stdout.flush()


async def serve(config: Path) -> None:
    provider = await WatchedProvider.start(read_config(config))
    tell(ready=True, port=provider.port)
    await asyncio.to_thread(sys.stdin.read)  # until whoever started us closes it
    await provider.close()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
