"""`python -m bench.load.simulated_node HABITS`: a node's real call control in a process of its own, on the simulated switch.

A line in asks for a line out: {"phones" (contacts that are rung or talk), "told" (events of the switch so far), "latest" (the
bus's newest event), "rung" ({leg: monotonic time} since the last asking)}. From the line "hang up" on contacts end their calls.
It ends with its input.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hearthline.settings")
django.setup()

from bench.load.simulated import Habits, SimulatedSwitch  # noqa: E402 (Django must be set up first)
from hearthline.callcontrol.run import run_call_control  # noqa: E402
from hearthline.lib import logs  # noqa: E402
from hearthline.realtime.configured import bus  # noqa: E402


async def serve(habits: Habits) -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    switch, ready = SimulatedSwitch(habits), asyncio.Event()
    driving = loop.create_task(run_call_control(switch, ready=ready))
    await ready.wait()
    print(json.dumps({"ready": True}), flush=True)
    while line := await reader.readline():
        if line == b"hang up\n":
            switch.begin_to_hang_up()
        rung, switch.rung = switch.rung, {}
        latest = await asyncio.to_thread(bus().latest_id)
        snapshot = {"phones": switch.phones, "told": switch.told, "latest": latest, "rung": rung}
        print(json.dumps(snapshot), flush=True)
    driving.cancel()
    await asyncio.gather(driving, return_exceptions=True)


if __name__ == "__main__":
    logs.configure(level="ERROR")
    asyncio.run(serve(Habits(**json.loads(sys.argv[1]))))
