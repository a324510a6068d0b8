"""Who is behind a number: a character and the particulars of one talk, the same for the same number and seed."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from hearthline.switch.robots.phrases import lines
from hearthline.switch.robots.turns import Turn


class Character(StrEnum):
    AGREES = "agrees"
    REFUSES = "refuses"
    CALLS_BACK = "calls_back"
    WRONG_NUMBER = "wrong_number"
    LONG_TALKER = "long_talker"
    HANGS_UP_EARLY = "hangs_up_early"
    VOICEMAIL = "voicemail"
    MANAGER = "manager"  # somebody of the customer's, reached by telephone
    BUSY = "busy"  # 486
    NO_ANSWER = "no_answer"  # rings until the caller gives up
    UNREACHABLE = "unreachable"  # an announcement in early media, then 480
    ABSENT = "absent"  # 404

    @property
    def answers(self) -> bool:
        return self not in {Character.BUSY, Character.NO_ANSWER, Character.UNREACHABLE, Character.ABSENT}


# how a list of ordinary people turns out
WEIGHTS: dict[Character, int] = {
    Character.AGREES: 24,
    Character.REFUSES: 20,
    Character.CALLS_BACK: 12,
    Character.WRONG_NUMBER: 6,
    Character.LONG_TALKER: 5,
    Character.HANGS_UP_EARLY: 6,
    Character.VOICEMAIL: 4,
    Character.BUSY: 7,
    Character.NO_ANSWER: 9,
    Character.UNREACHABLE: 3,
    Character.ABSENT: 4,
}

VOICES = ("woman", "man", "young_woman", "old_man")


@dataclass(frozen=True, slots=True)
class Plan:
    """One robot's way through a call. Times in seconds."""

    character: Character
    voice: str  # one of VOICES
    rings_after: float
    answers_after: float  # from the beginning of ringing
    thinks: float  # pause before an answer
    greeting: str
    replies: Sequence[str]  # turn by turn
    fillers: Sequence[str]  # when the replies are used up and the talk goes on
    nudges: Sequence[str]  # when the other side says nothing; after the last one it hangs up
    farewell: str
    leaves_after_replies: bool  # hangs up after the last reply
    leaves_after: float  # hangs up so long after the answer whatever happens
    interruptible: bool
    patience: float = 7.0  # of silence before a nudge
    opening: Turn | None = None  # of a scenario, instead of the greeting
    turns: Sequence[Turn] = ()  # of a scenario, instead of the replies


def draw(number: str, seed: int, purpose: str) -> random.Random:
    """A generator that depends on nothing but its arguments (`hash()` differs from process to process)."""
    digest = hashlib.sha256(f"{seed}:{purpose}:{number.lstrip('+')}".encode()).digest()
    return random.Random(int.from_bytes(digest[:8], "big"))  # noqa: S311 - make-believe, not secrecy


def character_of(number: str, seed: int) -> Character:
    """The character of a number that was given none."""
    return draw(number, seed, "character").choices(list(WEIGHTS), list(WEIGHTS.values()))[0]


def plan_for(number: str, seed: int, language: str, character: Character | None = None) -> Plan:
    """Everything about the robot at this number."""
    who = character or character_of(number, seed)
    dice = draw(number, seed, "plan")
    said = lines(language)

    def pick(part: str) -> list[str]:
        return [dice.choice(list(ways)) for ways in said[part]]

    voice = dice.choice(VOICES)
    rings_after = dice.uniform(0.1, 0.6)
    answers_after = dice.uniform(1.0, 5.0)
    thinks = dice.uniform(0.25, 0.8)
    fillers = list(said["filler"][0])
    dice.shuffle(fillers)
    farewell = pick("farewell")[0]
    nudges = pick("nudge")
    part = str(who)
    replies = pick(part) if part in said else []
    greeting = pick("greeting")[0]
    if who in {Character.MANAGER, Character.VOICEMAIL, Character.UNREACHABLE}:
        greeting, replies = replies[0], replies[1:]
    return Plan(
        character=who,
        voice=voice,
        rings_after=rings_after,
        answers_after=answers_after,
        thinks=thinks,
        greeting=greeting,
        replies=replies,
        fillers=fillers,
        nudges=nudges,
        farewell=farewell,
        leaves_after_replies=who in {Character.REFUSES, Character.CALLS_BACK, Character.WRONG_NUMBER},
        leaves_after=_leaves_after(who, dice),
        interruptible=who is not Character.LONG_TALKER,
    )


def _leaves_after(who: Character, dice: random.Random) -> float:
    if who is Character.HANGS_UP_EARLY:
        return dice.uniform(2.0, 6.0)
    if who is Character.VOICEMAIL:
        return dice.uniform(20.0, 30.0)
    return 900.0  # nobody is held on the line for ever
