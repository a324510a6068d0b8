"""The same command twice gives the first reply again: a page repeats what it got no reply to."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any

Reply = dict[str, Any]
REMEMBERED = 10_000  # the latest keys; what is older, the database knows (an attempt per assignment, a line per person)


class Replies:
    def __init__(self, bound: int = REMEMBERED) -> None:
        self._bound = bound
        self._known: OrderedDict[tuple[str, str], asyncio.Future[Reply]] = OrderedDict()

    async def once(self, user: str, key: str, work: Callable[[], Awaitable[Reply]]) -> Reply:
        """Do the work, or wait for the same work that is being done. A refusal is a reply too; a breakdown is not kept."""
        if not key:
            return await work()
        known = self._known.get((user, key))
        if known is not None:
            return await asyncio.shield(known)
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._known[user, key] = future
        while len(self._known) > self._bound:
            self._known.popitem(last=False)
        try:
            reply = await work()
        except BaseException as error:
            self._known.pop((user, key), None)
            if not future.done():
                future.set_exception(error)
                future.exception()  # whoever waits gets it; nobody waiting is no fault
            raise
        future.set_result(reply)
        return reply
