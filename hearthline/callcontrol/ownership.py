"""Whether a node may go on with its calls when it is cut off, and how it lets go of them.

A node has two witnesses. Its heartbeat in the database says to others that it lives; its lease at the bus says that
requests reach it. Cut off from one of them it goes on, for the other can still tell it what it must know: whoever takes over its
calls asks it first (`LetGo`). Cut off from both, it lets go of its calls itself, before anybody else may take them over: a
contact must not sit at a switch that nobody can command while somebody else calls the number again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import DatabaseError

from hearthline.callcontrol import node_life
from hearthline.callcontrol.node_life import NodeReplacedError
from hearthline.callcontrol.recovery import LOST_CAUSE
from hearthline.callcontrol.translation import id_of
from hearthline.calls.commands import LetGo, queue_of, to_message
from hearthline.lib.errors import UnavailableError
from hearthline.lib.ids import new_id
from hearthline.realtime.bus import UnservedError
from hearthline.switch import port

if TYPE_CHECKING:
    from hearthline.callcontrol.conductor import Conductor

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
HEARD_WITHIN_S = 2.0  # a node that is asked to let go tries once more, for so long, whether the database hears it
LET_GO_WITHIN_S = 8.0  # its answer: the try, and hanging up


async def watch(conductor: Conductor) -> None:
    """While the database does not hear the node, keep its calls or let go of them, until cancelled."""
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        if not conductor.owns_its_calls and not conductor.bus.reached(queue_of(conductor.node)):
            await let_go(conductor)
        elif time.monotonic() - conductor.heard_at > 2 * settings.HEARTHLINE.reconcile_every_s:
            await _keep_in_hand(conductor)


async def _keep_in_hand(conductor: Conductor) -> None:
    """The reconciler waits for the database and asks the switch for nothing: a switch would take that for having no call control,
    and end its calls."""
    try:
        await conductor.switch.legs()
    except port.SwitchError as error:
        logger.warning("node %s: the switch does not answer: %s", conductor.node, error.message)


async def let_go(conductor: Conductor) -> None:
    """Hang up every leg that call control has made. What the calls become is written by whoever the database listens to."""
    try:
        legs = [s.leg for s in await conductor.switch.legs() if id_of(s.leg) is not None]
        if legs:
            logger.error("node %s is cut off: its %s legs are hung up", conductor.node, len(legs))
        await asyncio.gather(*(conductor.switch.hang_up(leg, LOST_CAUSE) for leg in legs))
    except port.SwitchError as error:
        # a switch without call control ends its calls by itself (`orphan_limit_s`)
        logger.warning("node %s cannot let go of its calls: %s", conductor.node, error.message)


async def stopped_when_asked(conductor: Conductor) -> bool:
    """Somebody wants to take this node's calls over. False: the database hears it after all, and it keeps them."""
    try:
        async with asyncio.timeout(HEARD_WITHIN_S):
            await conductor.database.run(node_life.still_there, conductor.node, conductor.term)
    except (DatabaseError, TimeoutError, NodeReplacedError) as error:
        logger.warning("node %s is asked to let go and is not heard: %s", conductor.node, type(error).__name__)
    else:
        return False
    await let_go(conductor)
    return True


async def has_stopped(conductor: Conductor, lost: str) -> bool:
    """Ask a node that is thought lost. True when it has let go, or nobody is there: a process that serves no queue is dead,
    hangs, or has let go by itself. False when it goes on, or its fate is unknown."""
    message = to_message(LetGo(key=str(new_id()), user="", node=lost))
    try:
        reply = await conductor.bus.request(queue_of(lost), message, timeout_s=LET_GO_WITHIN_S)
    except UnservedError:
        return True
    except UnavailableError:
        return False
    return bool(reply.get("stopped"))
