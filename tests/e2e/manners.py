"""Robot operators with manners of their own: one as they should be, one silent, one who interrupts, one whose results are false.

They work as people do: the pages' forms and commands, a WebRTC line with a voice (eSpeak) and the noise of a room.
"""

from __future__ import annotations

import asyncio
import threading
from array import array
from pathlib import Path
from random import Random
from typing import Any

from hearthline.demo.campaigns import ENGLISH
from hearthline.demo.headset import Headset
from hearthline.demo.robot_operator import HandOvers, RobotOperator, Work
from hearthline.demo.session import Session
from hearthline.switch.embedded.pcm import SAMPLES
from hearthline.switch.robots.browser_peer import PeerClock
from hearthline.switch.robots.characters import Character
from hearthline.switch.robots.operator_voice import OperatorLines, render
from hearthline.switch.robots.voice_activity import TICKS_PER_SECOND
from tests.e2e.seed_words import PASSWORD

SAID = OperatorLines(
    opening="Good afternoon, I am calling from Warm House.",
    lines=("We check how well a house keeps its warmth. Would that interest you?", "Yes, yes, but now listen to me."),
    on_hold="One moment, please.",
    briefing="A client is on the line.",
    closing="Thank you for your time! Goodbye.",
)
INTERRUPTIONS = 4
INTO_A_SENTENCE = int(0.6 * TICKS_PER_SECOND)


class SignedSession(Session):
    async def enter(self, person: str) -> None:
        await self.get("/accounts/login/")
        await self.post_form("/accounts/login/", {"login": person, "password": PASSWORD})


class HeadsetInARoom(Headset):
    """Its microphone hears the room when nobody speaks, as every microphone does."""

    def __init__(self, clock: PeerClock) -> None:
        dice = Random(5)
        self._room = [array("h", (dice.randint(-25, 25) for _ in range(SAMPLES))).tobytes() for _ in range(50)]
        self._tick = 0
        self._in_a_sentence = asyncio.Event()
        super().__init__(clock)

    async def hear_them_speak(self, within_s: float) -> None:
        """Until the other side is in the middle of a sentence; or so long."""
        try:
            async with asyncio.timeout(within_s):
                await self._in_a_sentence.wait()
        except TimeoutError:
            return

    def _mouth(self) -> bytes | None:
        self._tick += 1
        return super()._mouth() or self._room[self._tick % len(self._room)]

    def _ear(self, frame: bytes | None) -> None:
        super()._ear(frame)
        if self._turns.speaking and self._turns.speaking_ticks >= INTO_A_SENTENCE:
            self._in_a_sentence.set()
        else:
            self._in_a_sentence.clear()


class Good(RobotOperator):
    """Lets people finish, and says what a machine is."""

    _headset: HeadsetInARoom

    async def _talk(self, attempt: str, character: Character) -> None:
        headset, sounds = self._headset, self._work.sounds
        await headset.hear_out(3)
        if character is not Character.VOICEMAIL:
            await headset.say(sounds.opening)
            await headset.hear_out(5)
            await headset.say(sounds.lines[0])
            await headset.hear_out(5)
            await headset.say(sounds.closing)
        await self._hang_up(attempt)

    def result(self, character: Character) -> str:
        return "no_conversation" if character is Character.VOICEMAIL else "success"

    async def _wrap_up(self, attempt: str, fence: int, character: Character, campaign: dict[str, Any]) -> None:
        disposition = next(d for d in campaign["dispositions"] if d["kind"] == self.result(character))
        await self._session.command(
            "/work/shift/wrap-up/", attempt=attempt, fence=fence, disposition=disposition["id"],
            fields={"need": "a check"} if disposition["kind"] == "success" else {}, notes="", call_back_at="",
        )  # fmt: skip


class Silent(Good):
    """Says nothing, and that it was a success."""

    async def _talk(self, attempt: str, character: Character) -> None:
        await self._headset.hear_out(3)
        await self._headset.hear_out(10)  # "Are you there?"
        await self._headset.hear_out(2)
        await self._hang_up(attempt)


class Interrupting(Good):
    async def _talk(self, attempt: str, character: Character) -> None:
        headset, sounds = self._headset, self._work.sounds
        await headset.hear_out(3)
        await headset.say(sounds.opening)
        for _time in range(INTERRUPTIONS):
            await headset.hear_out(1.5)  # long enough for the next to be another turn
            await headset.hear_them_speak(4)
            await headset.say(sounds.lines[1])
        await self._hang_up(attempt)


class False_(Good):
    """Talks to a machine until it is paid for, hangs up on people, and calls all of it a success."""

    async def _talk(self, attempt: str, character: Character) -> None:
        if character is Character.VOICEMAIL:
            await self._headset.hear_out(8)
            await self._headset.hear_out(1.5)  # the beep
            await self._headset.say(self._work.sounds.opening)
            await self._headset.hear_out(6)
        await self._hang_up(attempt)

    def result(self, character: Character) -> str:
        return "success"


MANNERS: dict[str, type[Good]] = {
    "good@example.org": Good,
    "silent@example.org": Silent,
    "interrupting@example.org": Interrupting,
    "false@example.org": False_,
}


async def work(
    base: str, sounds: Path, campaigns: dict[str, str], meant: dict[str, Character], *, calls: int
) -> list[str]:
    """All of them work at once, each in their campaign, until their contacts are called. Returns the attempts' ids."""
    clock = PeerClock()
    clock.start()
    spoken = await asyncio.to_thread(render, sounds, "en", SAID)
    attempts: list[str] = []

    async def told(attempt: str) -> None:
        attempts.append(attempt)

    async def meaning(contact: str) -> Character:
        return meant[contact]

    async def one(email: str) -> None:
        job = Work(email, campaigns[email], ENGLISH, spoken, calls, HandOvers(0))
        operator = MANNERS[email](SignedSession(base), HeadsetInARoom(clock), job, meaning, told)
        await operator.shift(until=asyncio.get_running_loop().time() + 90)

    try:
        async with asyncio.timeout(110):
            await asyncio.gather(*(one(email) for email in MANNERS))
    finally:
        clock.stop()
    return attempts


async def on_the_line(base: str, person: str, campaign: str, open_: threading.Event) -> str:
    """A shift and an open line, and nothing else; why it was closed. `open_` is set when it is open."""
    clock = PeerClock()
    clock.start()
    session, headset = SignedSession(base), HeadsetInARoom(clock)
    try:
        async with asyncio.timeout(90):
            await session.enter(person)
            await session.post_form("/work/begin/", {"campaign": campaign})
            state = await session.get_json("/work/shift/state/")
            await headset.open(session, "/work/line/open/")
            open_.set()
            async for name, payload in session.events(after=state["last_event"]):
                if name == "line.closed":
                    return str(payload["reason"])
            raise AssertionError("the events ended")
    finally:
        headset.close()
        clock.stop()
