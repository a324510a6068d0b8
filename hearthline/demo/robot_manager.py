"""A robot that works as a manager: answers hand-overs on the manager's page and talks with the contact for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hearthline.demo.headset import Headset
from hearthline.demo.session import RefusedError, Session

ANSWER_WITHIN_S = 5.0
COMPLETED_WITHIN_S = 60.0


class RobotManager:
    """`greeting` and `consent` belong to the briefing, `talk` to the contact."""

    def __init__(self, session: Session, headset: Headset, person: str, lines: Sequence[Path]) -> None:
        self._session = session
        self._headset = headset
        self._person = person
        self._greeting, self._consent, *self._talk = lines
        self.ready = asyncio.Event()  # the line is open: hand-overs can come
        self.taken = 0

    async def work(self) -> None:
        """Until cancelled."""
        await self._session.enter(self._person)
        state = await self._session.get_json("/manage/state/")
        await self._headset.open(self._session, "/manage/line/open/")
        self.ready.set()
        answering: asyncio.Task[None] | None = None
        completed = asyncio.Event()
        try:
            async for name, payload in self._session.events(after=state["last_event"]):
                if name == "handover.ringing" and (answering is None or answering.done()):
                    completed = asyncio.Event()
                    answering = asyncio.create_task(self._one(payload, completed))
                elif name == "handover.completed":
                    completed.set()
                elif name in {"handover.ended", "handover.cancelled", "handover.contact_gone"} and answering:
                    answering.cancel()
        finally:
            if answering:
                answering.cancel()
                await asyncio.gather(answering, return_exceptions=True)
            self._headset.close()

    async def _one(self, handover: dict[str, Any], completed: asyncio.Event) -> None:
        headset = self._headset
        try:
            await self._session.command("/manage/answer/", handover=handover["handover"], line=headset.line)
            await headset.say(self._greeting)
            await headset.hear_out(ANSWER_WITHIN_S * 2)
            await headset.say(self._consent)
            async with asyncio.timeout(COMPLETED_WITHIN_S):
                await completed.wait()
            self.taken += 1
            for line in self._talk:
                await headset.say(line)
                await headset.hear_out(ANSWER_WITHIN_S)
            await self._session.command("/manage/hang-up/", handover=handover["handover"])
        except RefusedError as error:
            if error.status not in (404, 409):  # the contact or the operator was faster
                raise
        finally:
            headset.hush()
