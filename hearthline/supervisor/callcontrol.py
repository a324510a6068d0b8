"""Call control as a process of its own: one beside each node's switch."""

from __future__ import annotations

import asyncio
import logging
import signal

from hearthline.callcontrol.run import run_call_control
from hearthline.lib import logs

logger = logging.getLogger(__name__)


def drive() -> int:
    """Until SIGTERM or SIGINT. Returns the exit status: 1 when call control ended by itself; it is to be started again."""
    logs.configure()
    return asyncio.run(_until_told())


async def _until_told() -> int:
    work = asyncio.create_task(run_call_control(), name="call control")
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, work.cancel)
    await asyncio.wait({work})
    if work.cancelled():
        return 0
    logger.critical("call control ended by itself", exc_info=work.exception())
    return 1
