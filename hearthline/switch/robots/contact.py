"""A robot on the telephone: greets, listens, answers turn by turn, loses patience, says goodbye.

Pure: fed the level it hears once per 20 ms tick, it returns the frame it says. No clock, no network.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from hearthline.switch.embedded.pcm import FRAME_BYTES, RATE, SAMPLES, lin2alaw, lin2ulaw, rms
from hearthline.switch.robots.characters import Character, Plan
from hearthline.switch.robots.voice_activity import TICKS_PER_SECOND, TurnDetector

PATIENCE = 7 * TICKS_PER_SECOND  # silence before "are you there?"
LEAVES_IN = int(1.2 * TICKS_PER_SECOND)  # between the farewell and hanging up
MUSIC = 15 * TICKS_PER_SECOND  # nobody talks so long without a pause: hold music, to be waited out
INTERRUPTED = int(1.2 * TICKS_PER_SECOND)
FILLERS_BEFORE_FAREWELL = 6


@dataclass(frozen=True, slots=True)
class Frame:
    """20 ms of a sound in every form a call may want."""

    pcm: bytes
    level: int
    pcmu: bytes
    pcma: bytes


class Sound:
    """A line cut into frames, encoded once for all the calls that will say it."""

    __slots__ = ("_pcm", "_pcma", "_pcmu", "frames")

    def __init__(self, pcm: bytes) -> None:
        pcm += bytes(-len(pcm) % FRAME_BYTES)
        self._pcm = pcm
        self._pcmu = lin2ulaw(pcm, 2)
        self._pcma = lin2alaw(pcm, 2)
        self.frames = len(pcm) // FRAME_BYTES

    def frame(self, number: int) -> Frame:
        pcm = self._pcm[number * FRAME_BYTES : (number + 1) * FRAME_BYTES]
        part = slice(number * SAMPLES, (number + 1) * SAMPLES)
        return Frame(pcm, rms(pcm, 2), self._pcmu[part], self._pcma[part])


@lru_cache(maxsize=1)
def _beep() -> Sound:
    """What an answering machine plays before it records: 1 kHz for 400 ms."""
    length = RATE * 2 // 5
    return Sound(array("h", (int(7000 * math.sin(2 * math.pi * 1000 * i / RATE)) for i in range(length))).tobytes())


class Contact:
    """One robot in one call, from the answer on."""

    def __init__(self, plan: Plan, sound: Callable[[str], Sound]) -> None:
        """`sound` gives a line in this robot's voice."""
        self._plan = plan
        self._sound = sound
        self._turns = TurnDetector()
        self._replies = list(plan.replies)
        self._nudges = list(plan.nudges)
        self._fillers = 0
        self._saying: Sound | None = None
        self._at = 0
        self._next: str | None = plan.greeting
        self._next_in = int(0.3 * TICKS_PER_SECOND)  # from ear to mouth
        self._silence = 0
        self._life = int(plan.leaves_after * TICKS_PER_SECOND)
        self._leaving: int | None = None
        self._beeped = False
        self.finished = False  # it wants to hang up
        self.said: list[str] = []

    @property
    def idle(self) -> bool:
        """It has said what it had to say and says nothing now."""
        return bool(self.said) and self._saying is None and self._next is None

    def tick(self, level: float) -> Frame | None:
        """What it says during this tick (None: silence), having heard `level` in the last one."""
        self._life -= 1
        if self._life <= 0:
            self.finished = True
        self._turns.feed(level)
        if self._saying is not None:
            return self._speak()
        if self._leaving is not None:
            self._leaving -= 1
            self.finished = self.finished or self._leaving <= 0
            return None
        if self._next is not None:
            self._next_in -= 1
            if self._next_in <= 0 and not self._turns.speaking:
                self.said.append(self._next)
                self._saying, self._at, self._next = self._sound(self._next), 0, None
                return self._speak()
            return None
        self._listen()
        return None

    def _speak(self) -> Frame | None:
        saying = self._saying
        assert saying is not None
        interrupted = self._turns.speaking and self._turns.speaking_ticks > INTERRUPTED and self._plan.interruptible
        if self._at >= saying.frames or (interrupted and self._plan.character is not Character.VOICEMAIL):
            self._saying = None
            self._silence = 0
            self._after_line()
            return None
        self._at += 1
        return saying.frame(self._at - 1)

    def _after_line(self) -> None:
        """A talker goes on by itself; one who has said goodbye leaves; a machine beeps."""
        if self._plan.character is Character.VOICEMAIL:
            if not self._beeped:
                self._beeped = True
                self._saying, self._at = _beep(), 0
            return
        line = self.said[-1]
        plan = self._plan
        last_word = line == plan.farewell or (plan.nudges and line == plan.nudges[-1])
        if last_word or (plan.leaves_after_replies and not self._replies and line == plan.replies[-1]):
            self._leaving = LEAVES_IN
        elif plan.character is Character.LONG_TALKER and self._replies and len(self._replies) not in {3, 1}:
            self._say_next(self._replies.pop(0), 0.5)

    def _listen(self) -> None:
        if self._plan.character is Character.VOICEMAIL:
            return
        turns = self._turns
        if turns.ended:
            self._silence = 0
            if turns.speaking_ticks < MUSIC:
                self._say_next(self._reply(), self._plan.thinks)
        elif turns.speaking:
            self._silence = 0
        else:
            self._silence += 1
            if self._silence >= PATIENCE:
                self._silence = 0
                self._say_next(self._nudges.pop(0) if self._nudges else self._plan.farewell, 0.0)

    def _reply(self) -> str:
        if self._replies:
            return self._replies.pop(0)
        self._fillers += 1
        if self._fillers > FILLERS_BEFORE_FAREWELL:
            return self._plan.farewell
        return self._plan.fillers[(self._fillers - 1) % len(self._plan.fillers)]

    def _say_next(self, line: str, after: float) -> None:
        self._next = line
        self._next_in = int(after * TICKS_PER_SECOND)
