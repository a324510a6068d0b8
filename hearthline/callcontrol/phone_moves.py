"""Telephones that go from one node to another, because theirs is lost or is being emptied.

A browser's page opens its line anew elsewhere by itself; a telephone must be hung up and rung. Nodes do not talk to each other
about calls; this is one command through the bus to the node that a new line would get.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING
from uuid import uuid4

from hearthline.callcontrol import node_life
from hearthline.callcontrol.translation import leg_of
from hearthline.calls.commands import CallBack, queue_of, to_message
from hearthline.calls.models import Line
from hearthline.calls.nodes import node_for_new_line
from hearthline.lib.errors import ExchangeError
from hearthline.switch import port

if TYPE_CHECKING:
    from hearthline.callcontrol.conductor import Conductor

logger = logging.getLogger(__name__)

PUT_DOWN_S = 5.0  # so long a receiver may take to be put down, before the telephone is rung again
ASKED_WITHIN_S = 10.0


async def leave(conductor: Conductor) -> None:
    """This node is being emptied: ask pages to leave, hang idle telephones up and have them rung from elsewhere."""
    telephones = await conductor.database.run(node_life.ask_lines_to_leave, conductor.node)
    for line in telephones:
        try:
            await conductor.switch.hang_up(leg_of(line.pk))
        except port.SwitchError as error:  # it is an orphan now, and the reconciler hangs it up
            logger.warning("telephone %s could not be hung up: %s", line.pk, error.message)
    call_back_elsewhere(conductor, telephones, after_s=PUT_DOWN_S)


def call_back_elsewhere(conductor: Conductor, telephones: Iterable[Line], *, after_s: float = 0.0) -> None:
    for line in telephones:
        conductor.spawn(_ask(conductor, line, after_s), "have a telephone called back")


async def _ask(conductor: Conductor, line: Line, after_s: float) -> None:
    """Whoever waits is the other node: this one may be stopped as soon as it is empty."""
    command = CallBack(key=uuid4().hex, user=str(line.user_id), line=str(line.pk), after_s=after_s)
    try:
        node = await conductor.database.run(node_for_new_line)
        await conductor.bus.request(queue_of(node), to_message(command), timeout_s=ASKED_WITHIN_S)
    except ExchangeError as error:
        logger.warning("telephone %s is not called back: %s", line.pk, error.code)
