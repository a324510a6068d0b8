"""A robot on the telephone: greets, listens, answers turn by turn, loses patience, says goodbye.

Pure: fed the level it hears once per 20 ms tick, it returns the frame it says. No clock, no network.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

from hearthline.switch.embedded.pcm import FRAME_BYTES, RATE, SAMPLES, lin2alaw, lin2ulaw, rms
from hearthline.switch.robots.characters import Character, Plan
from hearthline.switch.robots.turns import Spoken, Turn, Wait
from hearthline.switch.robots.voice_activity import BEGINS_AFTER, ENDS_AFTER, TICKS_PER_SECOND, TurnDetector

PATIENCE = 7 * TICKS_PER_SECOND  # silence before "are you there?", where the plan says nothing else
LEAVES_IN = int(1.2 * TICKS_PER_SECOND)  # between the farewell and hanging up
MUSIC = 15 * TICKS_PER_SECOND  # nobody talks so long without a pause: hold music, to be waited out
INTERRUPTED = int(1.2 * TICKS_PER_SECOND)
FILLERS_BEFORE_FAREWELL = 6
MOST_SPOKEN = 400  # stretches of speech that are kept of one call


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
    """One robot in one call, from the answer on. `spoken` is its own log of who spoke when."""

    def __init__(self, plan: Plan, sound: Callable[[Turn], Sound]) -> None:
        """`sound` gives a turn in its voice."""
        self._plan = plan
        self._sound = sound
        self._turns = TurnDetector()
        self._voice = plan.voice
        self._to_come = list(plan.turns) or [Turn(line) for line in plan.replies]
        self._nudges = list(plan.nudges)
        self._fillers = 0
        self._saying: Sound | None = None
        self._at = 0
        self._began = 0
        self._insists = False  # it has broken in, and is not silenced by who was talking anyway
        self._next: Turn | None = plan.opening or Turn(plan.greeting)
        self._next_in = int(0.3 * TICKS_PER_SECOND)  # from ear to mouth
        self._last = self._next
        self._silence = 0
        self._patience = int(plan.patience * TICKS_PER_SECOND)
        self._life = int(plan.leaves_after * TICKS_PER_SECOND)
        self._leaving: int | None = None
        self._beeped = False
        self._heard_from: int | None = None  # the tick at which the other side began to speak
        self.ticks = 0  # since the answer
        self.finished = False  # it wants to hang up
        self.said: list[str] = []
        self.spoken: list[Spoken] = []

    @property
    def idle(self) -> bool:
        """It has said what it had to say and says nothing now."""
        return bool(self.said) and self._saying is None and self._next is None

    @property
    def done(self) -> bool:
        """All its turns have been said."""
        return self.idle and not self._to_come

    def tick(self, level: float) -> Frame | None:
        """What it says during this tick (None: silence), having heard `level` in the last one."""
        self.ticks += 1
        self._life -= 1
        if self._life <= 0:
            self.finished = True
        self._turns.feed(level)
        self._note_other_side()
        if self._saying is not None:
            return self._speak()
        if self._leaving is not None:
            self._leaving -= 1
            self.finished = self.finished or self._leaving <= 0
            return None
        if self._next is not None:
            self._next_in -= 1
            if self._next_in <= 0 and (not self._turns.speaking or self._insists):
                return self._begin(self._next)
            return None
        self._listen()
        return None

    def end(self) -> None:
        """The call is over: complete the log."""
        if self._saying is not None:
            self._note_line(cut=True)
        if self._heard_from is not None:
            self._note(Spoken("operator", self._heard_from, self.ticks))
        self._saying = self._heard_from = None

    def _note(self, spoken: Spoken) -> None:
        if len(self.spoken) < MOST_SPOKEN:
            self.spoken.append(spoken)

    def _note_other_side(self) -> None:
        """The detector is sure of a beginning and of an end only some time later."""
        turns = self._turns
        if turns.speaking and self._heard_from is None:
            self._heard_from = max(0, self.ticks - BEGINS_AFTER)
        elif turns.ended and self._heard_from is not None:
            self._note(Spoken("operator", self._heard_from, self.ticks - ENDS_AFTER))
            self._heard_from = None

    def _note_line(self, *, cut: bool) -> None:
        turn = self._last
        self._note(Spoken("robot", self._began, self.ticks, turn.id, turn.line, cut, self._insists))

    def _begin(self, turn: Turn) -> Frame | None:
        self._voice = turn.voice or self._voice
        self.said.append(turn.line)
        self._last, self._began = turn, self.ticks
        self._saying, self._at, self._next = self._sound(replace(turn, voice=self._voice)), 0, None
        return self._speak()

    def _speak(self) -> Frame | None:
        saying = self._saying
        assert saying is not None
        talked_over = self._turns.speaking and self._turns.speaking_ticks > INTERRUPTED and self._plan.interruptible
        interrupted = talked_over and not self._insists and self._plan.character is not Character.VOICEMAIL
        if self._at >= saying.frames or interrupted:
            self._note_line(cut=self._at < saying.frames)
            self._saying, self._insists = None, False
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
                self._last = Turn("")
                self._saying, self._at, self._began = _beep(), 0, self.ticks
            return
        line, plan = self._last.line, self._plan
        last_word = self._last.leaves or line == plan.farewell or (plan.nudges and line == plan.nudges[-1])
        if last_word or (plan.leaves_after_replies and not self._to_come and line == plan.replies[-1]):
            self._leaving = LEAVES_IN
        elif plan.character is Character.LONG_TALKER and self._to_come and len(self._to_come) not in {3, 1}:
            self._say_next(self._to_come.pop(0), 0.5)
        elif self._to_come and self._to_come[0].wait is Wait.PAUSE:
            coming = self._to_come.pop(0)
            self._say_next(coming, coming.seconds)

    def _listen(self) -> None:
        if self._plan.character is Character.VOICEMAIL:
            return
        turns = self._turns
        coming = self._to_come[0] if self._to_come else None
        if turns.ended:
            self._silence = 0
            if turns.speaking_ticks < MUSIC and (coming is None or coming.wait is not Wait.SILENCE):
                self._say_next(self._reply(), self._plan.thinks)
        elif turns.speaking:
            self._silence = 0
            if coming is not None and coming.wait is Wait.MONOLOGUE and self._monologue(coming):
                self._insists = True
                self._say_next(self._to_come.pop(0), 0.0)
        else:
            self._silence += 1
            if coming is not None and coming.wait is Wait.SILENCE:
                if self._silence >= int(coming.seconds * TICKS_PER_SECOND):
                    self._silence = 0
                    self._say_next(self._to_come.pop(0), 0.0)
            elif self._silence >= self._patience:
                self._silence = 0
                self._say_next(Turn(self._nudges.pop(0) if self._nudges else self._plan.farewell), 0.0)

    def _monologue(self, coming: Turn) -> bool:
        return self._turns.speaking_ticks >= int(coming.seconds * TICKS_PER_SECOND)

    def _reply(self) -> Turn:
        if self._to_come:
            return self._to_come.pop(0)
        self._fillers += 1
        if self._fillers > FILLERS_BEFORE_FAREWELL:
            return Turn(self._plan.farewell)
        return Turn(self._plan.fillers[(self._fillers - 1) % len(self._plan.fillers)])

    def _say_next(self, turn: Turn, after: float) -> None:
        self._next = turn
        self._next_in = int(after * TICKS_PER_SECOND)
