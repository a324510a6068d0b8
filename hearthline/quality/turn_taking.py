"""Manners, measured from a robot's log of who spoke when. Pure; milliseconds since the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hearthline.quality.scenarios.scenario import Manner, RubricItem, Scenario, Waits

GRACE_MS = 300  # beginnings and endings that meet are no talking over
OVER_MS = 500  # so long both at once is


@dataclass(frozen=True, slots=True)
class Stretch:
    by: str
    begin: int
    end: int
    turn: str = ""
    cut: bool = False
    broke_in: bool = False

    @property
    def length(self) -> int:
        return self.end - self.begin


@dataclass(frozen=True, slots=True)
class Talk:
    """What is known of one call. `left_by_operator`: it was the operator who hung up."""

    stretches: Sequence[Stretch]
    all_said: bool
    left_by_operator: bool

    def of(self, by: str) -> list[Stretch]:
        return [one for one in self.stretches if one.by == by]


@dataclass(frozen=True, slots=True)
class Measured:
    """`ok` None: it cannot be told by this log. `value` is in the unit of the item's limit."""

    ok: bool | None
    value: float | None = None


def talk_of(spoken: Sequence[Mapping[str, Any]], *, all_said: bool, left_by_operator: bool) -> Talk:
    stretches = [
        Stretch(one["by"], one["begin_ms"], one["end_ms"], one.get("turn", ""), one.get("cut", False), one.get("broke_in", False))
        for one in spoken
    ]  # fmt: skip
    return Talk(sorted(stretches, key=lambda one: one.begin), all_said, left_by_operator)


def measure(item: RubricItem, talk: Talk, scenario: Scenario) -> Measured:
    match item.manner:
        case Manner.SPEAKS_SOON:
            return _at_most(first_word_ms(talk), item.limit)
        case Manner.LETS_SPEAK:
            times = len(interruptions(talk))
            return Measured(times <= item.limit, times)
        case Manner.LONGEST_SILENCE:
            return _at_most(longest_silence_ms(talk, scenario), item.limit)
        case Manner.LONGEST_MONOLOGUE:
            return _at_most(max((one.length for one in talk.of("operator")), default=0), item.limit)
        case Manner.GIVES_WAY:
            return _gives_way(item, talk)
        case Manner.STAYS:
            return Measured(_came_after(item.turn, talk))
        case Manner.HEARS_OUT:
            cut_off = talk.left_by_operator and not talk.all_said
            return Measured(not cut_off)
        case Manner.MENTIONS:
            return Measured(None)


def first_word_ms(talk: Talk) -> int | None:
    """From the end of the greeting; None: the operator never said anything."""
    greeting = next(iter(talk.of("robot")), None)
    first = next(iter(talk.of("operator")), None)
    if greeting is None or first is None:
        return None
    return max(0, first.begin - greeting.end)


def interruptions(talk: Talk) -> list[Stretch]:
    """What the operator began to say while the robot was speaking, and went on with."""
    found = []
    for said in talk.of("operator"):
        for line in talk.of("robot"):
            over = min(said.end, line.end) - said.begin
            began_in_it = line.begin + GRACE_MS < said.begin < line.end - GRACE_MS
            if began_in_it and (over >= OVER_MS or line.cut):
                found.append(said)
                break
    return found


def longest_silence_ms(talk: Talk, scenario: Scenario) -> int:
    """While nobody speaks, from the greeting to the last word. That somebody is fetched is no silence of the operator's."""
    longest, spoken_until = 0, None
    for one in talk.stretches:
        if spoken_until is not None and not _was_announced(one, scenario):
            longest = max(longest, one.begin - spoken_until)
        spoken_until = max(spoken_until or 0, one.end)
    return longest


def _was_announced(stretch: Stretch, scenario: Scenario) -> bool:
    turn = scenario.turn(stretch.turn) if stretch.by == "robot" else None
    return turn is not None and turn.waits is Waits.PAUSE


def _gives_way(item: RubricItem, talk: Talk) -> Measured:
    line = next((one for one in talk.of("robot") if one.turn == item.turn), None)
    if line is None:
        return Measured(False)
    if not line.broke_in:
        return Measured(True, 0.0)  # the operator was short: there was nothing to break into
    said = next((one for one in talk.of("operator") if one.begin <= line.begin < one.end), None)
    took = max(0, said.end - line.begin) if said is not None else 0
    return Measured(took <= item.limit * 1000, round(took / 1000, 1))


def _came_after(turn: str, talk: Talk) -> bool:
    robot = talk.of("robot")
    at = next((n for n, one in enumerate(robot) if one.turn == turn), None)
    return at is not None and at + 1 < len(robot)


def _at_most(took_ms: int | None, limit_s: float) -> Measured:
    if took_ms is None:
        return Measured(False)
    return Measured(took_ms <= limit_s * 1000, round(took_ms / 1000, 1))
