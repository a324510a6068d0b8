"""Call control of one node, for the lifespan of a process."""

from __future__ import annotations

import asyncio
import logging
import time

from django.conf import settings

from hearthline.callcontrol import ownership
from hearthline.callcontrol.conductor import Conductor
from hearthline.callcontrol.measured import measure
from hearthline.callcontrol.moments import Moments
from hearthline.callcontrol.node_life import announce
from hearthline.callcontrol.orders import Orders
from hearthline.callcontrol.reconciler import Reconciler
from hearthline.callcontrol.recovery import recover
from hearthline.callcontrol.switch_choice import configured_switch
from hearthline.calls.commands import queue_of
from hearthline.observe.server import serve_beside
from hearthline.realtime.bus import Bus
from hearthline.realtime.configured import bus as configured_bus
from hearthline.switch import port

logger = logging.getLogger(__name__)

START_AGAIN_S = 2.0  # a switch that does not answer at the start is asked again after this


async def run_call_control(
    switch: port.Switch | None = None,
    bus: Bus | None = None,
    node: str = "",
    *,
    moments: Moments | None = None,
    ready: asyncio.Event | None = None,
) -> None:
    """Drive a node's calls until cancelled; `ready` is set when commands are served. Without arguments: the configured
    engine, bus and node.

    Cancelling leaves calls as they are: the switch carries them on, and the next start takes them up.
    """
    if switch is None:
        if settings.HEARTHLINE.callcontrol == "apart":
            serve_beside()
        client = configured_switch(settings.HEARTHLINE)
        client.start()
        try:
            await run_call_control(client, bus, node, moments=moments, ready=ready)
        finally:
            await client.close()
        return
    bus = bus or configured_bus()
    conductor = Conductor(switch, bus, node or settings.HEARTHLINE.node, moments=moments)
    forget = measure(conductor)
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(conductor.line_desk.run(), name="callcontrol: lines")
            listening = asyncio.Event()
            tasks.create_task(conductor.listen(listening), name="callcontrol: the switch's events")
            await listening.wait()  # what happens from now on is heard; what happened before, recovery finds
            await _take_up(conductor)
            tasks.create_task(
                bus.serve(queue_of(conductor.node), Orders(conductor).handle), name="callcontrol: commands"
            )
            tasks.create_task(Reconciler(conductor).run(), name="callcontrol: reconciler")
            tasks.create_task(ownership.watch(conductor), name="callcontrol: ownership")
            if ready is not None:
                ready.set()
    finally:
        forget()
        await conductor.close()


async def _take_up(conductor: Conductor) -> None:
    while True:
        try:
            load = conductor.admission.judged(await conductor.switch.load())
            engine = settings.HEARTHLINE.switch
            conductor.term = await conductor.database.run(announce, conductor.node, engine, load)
            conductor.heard_at = time.monotonic()
            await conductor.trunk_desk.load()
            await recover(conductor, at=conductor.moments.now())
        except port.SwitchError as error:
            logger.warning("the switch does not answer yet: %s", error.message)
            await asyncio.sleep(START_AGAIN_S)
        else:
            return
