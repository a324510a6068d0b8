"""A scenario as Python: what `reading.py` makes of a YAML file. Times in seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

NUMBER = "{number}"


class Use(StrEnum):
    """Where a scenario may be played."""

    TRAINING = "training"
    TEST = "test"
    TUTORIAL = "tutorial"
    GOLDEN = "golden"  # in a real campaign: nothing in it may depend on what is offered
    DECOY = "decoy"  # the same, and it says a decoy's number where NUMBER stands


class Act(StrEnum):
    """What a turn is to the talk; feedback names it."""

    GREETS = "greets"
    ASKS = "asks"
    OBJECTS = "objects"
    TELLS = "tells"
    AGREES = "agrees"
    REFUSES = "refuses"
    CALL_BACK = "call_back"
    WRONG_PERSON = "wrong_person"
    FETCHES = "fetches"  # somebody else is called to the phone
    ENDS = "ends"
    MACHINE = "machine"


class Waits(StrEnum):
    """As `switch.robots.turns.Wait`, which this package does not know."""

    ANSWER = "answer"
    PAUSE = "pause"
    SILENCE = "silence"
    MONOLOGUE = "monologue"


class Manner(StrEnum):
    """What the rubric can ask for. All but MENTIONS are measured from the robot's log of who spoke when."""

    SPEAKS_SOON = "speaks_soon"  # the first word within so many seconds of the greeting's end
    LETS_SPEAK = "lets_speak"  # talks over the robot at most so many times
    LONGEST_SILENCE = (
        "longest_silence"  # nobody speaks for at most so many seconds; a robot that fetches somebody aside
    )
    GIVES_WAY = "gives_way"  # falls silent within so many seconds when the robot breaks in at `turn`
    STAYS = "stays"  # is still there after the pause that follows `turn`
    HEARS_OUT = "hears_out"  # does not hang up while the robot speaks, nor before its last turn
    LONGEST_MONOLOGUE = "longest_monologue"  # talks for at most so many seconds without a pause
    MENTIONS = "mentions"  # one of the words is said: by a transcript where there is one, else a person listens


@dataclass(frozen=True, slots=True)
class Persona:
    name: str = ""
    voice: str = "woman"
    patience_s: float = 7.0
    thinks_s: float = 0.5
    answers_after_s: float = 2.0
    interruptible: bool = True
    machine: bool = False  # an answering machine: it beeps and listens
    data: Mapping[str, str] = field(default_factory=dict)  # the campaign's columns


@dataclass(frozen=True, slots=True)
class ScenarioTurn:
    id: str
    says: str
    act: Act = Act.TELLS
    waits: Waits = Waits.ANSWER
    seconds: float = 0.0
    voice: str = ""
    recording: str = ""
    hangs_up: bool = False


@dataclass(frozen=True, slots=True)
class Means:
    """What a person who understood the call would write down."""

    outcome: Sequence[str]  # kinds of `campaigns.DispositionKind`; any of them is right
    fields: Mapping[str, Sequence[str]] = field(default_factory=dict)  # any of these values is right
    why: str = ""  # for the feedback


@dataclass(frozen=True, slots=True)
class RubricItem:
    manner: Manner
    limit: float = 0.0  # seconds, or times for LETS_SPEAK
    turn: str = ""
    words: Sequence[str] = ()
    weight: int = 1


@dataclass(frozen=True, slots=True)
class Scenario:
    slug: str  # "en/wrong_person"
    language: str
    title: str
    about: str
    uses: frozenset[Use]
    persona: Persona
    turns: Sequence[ScenarioTurn]
    means: Means
    rubric: Sequence[RubricItem]

    def turn(self, id: str) -> ScenarioTurn | None:
        return next((turn for turn in self.turns if turn.id == id), None)
