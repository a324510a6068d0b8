"""A robot that works as an operator: the same pages, commands, events and audio as a person's console."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from hearthline.demo.campaigns import MEANS, DemoCampaign
from hearthline.demo.headset import Headset
from hearthline.demo.session import RefusedError, Session
from hearthline.switch.robots.characters import Character
from hearthline.switch.robots.operator_voice import OperatorSounds

GREETING_WITHIN_S = 3.0
ANSWER_WITHIN_S = 5.0
RINGS_LONG_ENOUGH_S = 9.0
LONGEST_CALL_S = 75.0
MANAGER_WITHIN_S = 15.0
HANDOVER_ANSWERS = frozenset(
    {"handover.answered", "handover.unanswered", "handover.failed", "handover.declined", "handover.contact_gone"}
)

Ended = Callable[[str], Awaitable[None]]  # told the attempt's id when it is wrapped up
Director = Callable[[str], Awaitable[Character]]  # contact id → what this robot contact means


@dataclass
class HandOvers:
    """How many contacts who agree shall still be handed over to a manager."""

    left: int


@dataclass
class Work:
    """What one robot operator is asked to do, and what came of it."""

    person: str
    campaign_id: str
    campaign: DemoCampaign
    sounds: OperatorSounds
    calls: int
    handovers: HandOvers  # shared by all
    attempts: list[str] = field(default_factory=list)
    ran_out: bool = False


class Heard:
    """The events of one call at a time, kept so that nothing is missed by whoever begins to wait for it later."""

    def __init__(self) -> None:
        self._of: dict[str, list[tuple[str, dict[str, Any]]]] = {}
        self._more = asyncio.Event()

    def add(self, name: str, payload: dict[str, Any]) -> None:
        self._of.setdefault(str(payload.get("attempt", "")), []).append((name, payload))
        self._more.set()
        self._more = asyncio.Event()

    def forget(self, attempt: str) -> None:
        self._of.pop(attempt, None)

    async def first(self, attempt: str, names: Collection[str], *, within_s: float) -> tuple[str, dict[str, Any]]:
        """The first event of this attempt with one of these names. Raises TimeoutError; RefusedError for `call.failed`."""
        async with asyncio.timeout(within_s):
            while True:
                more = self._more
                for name, payload in self._of.get(attempt, ()):
                    if name in names:
                        return name, payload
                    if name == "call.failed":
                        raise RefusedError(payload.get("code", ""), payload.get("message", ""), 0)
                await more.wait()


class RobotOperator:
    def __init__(self, session: Session, headset: Headset, work: Work, director: Director, ended: Ended) -> None:
        self._session = session
        self._headset = headset
        self._work = work
        self._director = director
        self._told = ended
        self._heard = Heard()

    async def shift(self, *, until: float) -> None:
        """Work until there is nobody left, the calls are made, or the loop's clock passes `until`."""
        await self._session.enter(self._work.person)
        await self._session.post_form("/work/begin/", {"campaign": self._work.campaign_id})
        state = await self._session.get_json("/work/shift/state/")
        listening = asyncio.create_task(self._listen(self._session.events(after=state["last_event"])))
        try:
            await self._headset.open(self._session, "/work/line/open/")
            loop = asyncio.get_running_loop()
            while len(self._work.attempts) < self._work.calls and loop.time() < until:
                state = await self._session.command("/work/shift/next/")
                if state.get("offer") and not state.get("none"):
                    continue  # another campaign pays better: robots stay, and ask again
                if state.get("assignment") is None:
                    self._work.ran_out = True
                    break
                await self._one(state)
            await self._session.command("/work/shift/end/")
        finally:
            listening.cancel()
            self._headset.close()
            await asyncio.gather(listening, return_exceptions=True)

    async def _listen(self, events: AsyncIterator[tuple[str, dict[str, Any]]]) -> None:
        async for name, payload in events:
            if name.startswith(("call.", "handover.")):
                self._heard.add(name, payload)

    async def _one(self, state: dict[str, Any]) -> None:
        """One contact from the reading of the script to the saved result."""
        assignment = state["assignment"]
        character = await self._director(assignment["contact"]["id"])
        reply = await self._session.command("/work/call/dial/", assignment=assignment["id"], fence=assignment["fence"])
        attempt = str(reply["attempt"])
        self._work.attempts.append(attempt)
        ended = await self._until_over(attempt, character)
        if ended.get("answered"):
            await self._wrap_up(attempt, assignment["fence"], character, state["campaign"])
        else:
            await self._heard.first(attempt, {"call.wrapped_up", "call.closed"}, within_s=10)
        self._heard.forget(attempt)
        await self._told(attempt)

    async def _until_over(self, attempt: str, character: Character) -> dict[str, Any]:
        """Talk when it is answered; returns what `call.ended` carried, or {"answered": True} after a hand-over."""
        try:
            name, payload = await self._heard.first(
                attempt, {"call.answered", "call.ended"}, within_s=RINGS_LONG_ENOUGH_S
            )
        except TimeoutError:
            await self._hang_up(attempt)
            return (await self._heard.first(attempt, {"call.ended"}, within_s=10))[1]
        if name == "call.ended":
            return payload
        talking = asyncio.create_task(self._talk(attempt, character))
        over = asyncio.create_task(
            self._heard.first(attempt, {"call.ended", "handover.completed"}, within_s=LONGEST_CALL_S)
        )
        try:
            await asyncio.wait({talking, over}, return_when=asyncio.FIRST_COMPLETED)
            if talking.done():
                talking.result()
            name, payload = await over
            return payload if name == "call.ended" else {"answered": True}
        finally:
            self._headset.hush()
            for task in (talking, over):
                task.cancel()
            await asyncio.gather(talking, over, return_exceptions=True)

    async def _talk(self, attempt: str, character: Character) -> None:
        """The script, line by line, with the answers heard out; then the hand-over or a goodbye."""
        headset, sounds = self._headset, self._work.sounds
        await headset.hear_out(GREETING_WITHIN_S)
        if character is Character.VOICEMAIL:
            await headset.hear_out(ANSWER_WITHIN_S)
            await self._hang_up(attempt)
            return
        await headset.say(sounds.opening)
        for number, line in enumerate(sounds.lines):
            await headset.hear_out(ANSWER_WITHIN_S)
            if number == 1 and character is Character.AGREES and self._work.handovers.left:
                await self._transfer(attempt)
                return
            await headset.say(line)
        await headset.hear_out(ANSWER_WITHIN_S)
        await headset.say(sounds.closing)
        await self._hang_up(attempt)

    async def _transfer(self, attempt: str) -> None:
        """The contact hears music, the manager a briefing; then they talk and this robot is free."""
        headset, sounds = self._headset, self._work.sounds
        self._work.handovers.left -= 1
        await headset.say(sounds.on_hold)
        await self._session.command("/work/call/transfer/", attempt=attempt)
        name, _ = await self._heard.first(attempt, HANDOVER_ANSWERS, within_s=MANAGER_WITHIN_S)
        if name != "handover.answered":
            raise RefusedError("handover", f"the hand-over ended as {name}", 0)
        await headset.hear_out(ANSWER_WITHIN_S)
        await headset.say(sounds.briefing)
        await headset.hear_out(ANSWER_WITHIN_S)
        await self._session.command("/work/call/transfer/complete/", attempt=attempt)

    async def _hang_up(self, attempt: str) -> None:
        """The contact may have been faster."""
        try:
            await self._session.command("/work/call/hang-up/", attempt=attempt)
        except RefusedError as error:
            if error.status not in (404, 409):
                raise

    async def _wrap_up(self, attempt: str, fence: int, character: Character, campaign: dict[str, Any]) -> None:
        key = MEANS[character]
        disposition = next(d for d in campaign["dispositions"] if d["key"] == key)
        agreed = key == 1
        await self._session.command(
            "/work/shift/wrap-up/",
            attempt=attempt,
            fence=fence,
            disposition=disposition["id"],
            fields={"day": self._work.campaign.days[len(self._work.attempts) % 6]} if agreed else {},
            notes=self._work.campaign.notes.get(character, ""),
            call_back_at="",
        )
