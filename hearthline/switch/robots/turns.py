"""One thing that a robot says, and what it waits for before it does. By voice activity alone: nothing is understood."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Wait(StrEnum):
    ANSWER = "answer"  # the other side has finished a turn of speech
    PAUSE = "pause"  # it goes on by itself, so many seconds after what it said last; somebody may be fetched meanwhile
    SILENCE = "silence"  # nobody has said anything for so many seconds
    MONOLOGUE = (
        "monologue"  # the other side has talked for so many seconds: it breaks in. Or has finished its turn before
    )


@dataclass(frozen=True, slots=True)
class Turn:
    line: str
    id: str = ""  # by which a scenario's rubric names it
    wait: Wait = Wait.ANSWER
    seconds: float = 0.0  # of PAUSE, SILENCE and MONOLOGUE
    voice: str = ""  # whose from here on; empty: of who spoke before
    recording: str = ""  # a WAV file that is played instead of the line
    leaves: bool = False  # hangs up when it is said


@dataclass(frozen=True, slots=True)
class Spoken:
    """A stretch of speech as the robot heard it. Ticks (20 ms) since it answered; `by`: "robot" or "operator"."""

    by: str
    begin: int
    end: int
    turn: str = ""  # the robot's turn, when it has an id
    line: str = ""
    cut: bool = False  # it stopped because the other side talked over it
    broke_in: bool = False  # it began while the other side was talking
