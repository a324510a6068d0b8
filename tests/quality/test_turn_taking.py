"""Manners, from a log of who spoke when."""

from __future__ import annotations

import pytest

from hearthline.quality.scenarios.reading import read_scenario
from hearthline.quality.scenarios.scenario import Manner, RubricItem
from hearthline.quality.turn_taking import Measured, Stretch, Talk, interruptions, longest_silence_ms, measure

SCENARIO = read_scenario(
    "en/short",
    """
title: Short
uses: [training]
turns:
  - say: Hello?
    id: greets
  - say: I will get him.
    id: fetches
  - {say: "Yes?", id: chief, wait: pause, seconds: 7}
  - {say: "Shorter, please.", id: breaks_in, wait: monologue, seconds: 6}
means: {outcome: success}
""",
)


def robot(begin: int, end: int, turn: str = "", **fields: bool) -> Stretch:
    return Stretch("robot", begin, end, turn, **fields)


def operator(begin: int, end: int) -> Stretch:
    return Stretch("operator", begin, end)


def talk(*stretches: Stretch, all_said: bool = True, left: bool = False) -> Talk:
    return Talk(sorted(stretches, key=lambda one: one.begin), all_said, left)


def judged(manner: Manner, of: Talk, limit: float = 0.0, turn: str = "") -> Measured:
    return measure(RubricItem(manner, limit, turn), of, SCENARIO)


def test_the_first_word_counts_from_the_end_of_the_greeting() -> None:
    soon = talk(robot(300, 1300, "greets"), operator(2800, 4000))
    assert judged(Manner.SPEAKS_SOON, soon, 4) == Measured(True, 1.5)
    assert judged(Manner.SPEAKS_SOON, soon, 1) == Measured(False, 1.5)
    assert judged(Manner.SPEAKS_SOON, talk(robot(300, 1300)), 4) == Measured(False)


@pytest.mark.parametrize(
    ("said", "over"),
    [
        (operator(2000, 4000), True),  # in the middle of the line, and on
        (operator(900, 4000), False),  # began before it: the robot came in
        (operator(1200, 1500), False),  # a beginning that meets
        (operator(2700, 4000), False),  # at its very end
        (operator(2000, 2300), False),  # "mhm"
    ],
)
def test_talking_over_somebody_is_more_than_meeting(said: Stretch, over: bool) -> None:
    assert bool(interruptions(talk(robot(1000, 3000), said))) is over


def test_a_robot_that_fell_silent_was_talked_over() -> None:
    cut = talk(robot(1000, 2400, cut=True), operator(2000, 4000))
    assert judged(Manner.LETS_SPEAK, cut, 0) == Measured(False, 1)
    assert judged(Manner.LETS_SPEAK, cut, 1) == Measured(True, 1)


def test_silence_while_somebody_is_fetched_is_nobodys_fault() -> None:
    fetched = talk(
        robot(0, 1000, "greets"), operator(1500, 3000), robot(3500, 5000, "fetches"), robot(12_000, 13_000, "chief")
    )
    assert longest_silence_ms(fetched, SCENARIO) == 500
    later = talk(*fetched.stretches, operator(20_000, 21_000))
    assert judged(Manner.LONGEST_SILENCE, later, 6) == Measured(False, 7.0)


def test_giving_way_to_who_breaks_in() -> None:
    def broken_in(until: int) -> Talk:
        return talk(operator(0, until), robot(6000, 8000, "breaks_in", broke_in=True))

    assert judged(Manner.GIVES_WAY, broken_in(7200), 2, "breaks_in") == Measured(True, 1.2)
    assert judged(Manner.GIVES_WAY, broken_in(9500), 2, "breaks_in") == Measured(False, 3.5)
    short = talk(operator(0, 3000), robot(4000, 5000, "breaks_in"))
    assert judged(Manner.GIVES_WAY, short, 2, "breaks_in") == Measured(True, 0.0)
    assert judged(Manner.GIVES_WAY, talk(operator(0, 3000)), 2, "breaks_in") == Measured(False)


def test_staying_until_somebody_comes_and_hearing_out() -> None:
    stayed = talk(robot(0, 1000, "fetches"), robot(8000, 9000, "chief"))
    assert judged(Manner.STAYS, stayed, turn="fetches").ok
    left = talk(robot(0, 1000, "fetches"), all_said=False, left=True)
    assert judged(Manner.STAYS, left, turn="fetches").ok is False
    assert judged(Manner.HEARS_OUT, left).ok is False
    assert judged(Manner.HEARS_OUT, talk(all_said=True, left=True)).ok
    assert judged(Manner.LONGEST_MONOLOGUE, talk(operator(0, 13_000)), 12) == Measured(False, 13.0)


def test_what_was_said_nobody_can_tell_without_listening() -> None:
    assert judged(Manner.MENTIONS, talk()).ok is None
