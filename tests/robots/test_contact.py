"""Robots' manners, tick by tick, without a clock or a network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, repeat
from pathlib import Path

import pytest

from hearthline.switch.robots.characters import WEIGHTS, Character, Plan, character_of, plan_for
from hearthline.switch.robots.contact import PATIENCE, Contact, Sound
from hearthline.switch.robots.phrases import every_line
from hearthline.switch.robots.speech import SpeechFolder, read_wav, tone_syllables
from hearthline.switch.robots.turns import Turn
from hearthline.switch.robots.voice_activity import TICKS_PER_SECOND, TurnDetector

LOUD, QUIET = 3000.0, 20.0


def sound(turn: Turn) -> Sound:
    return Sound(tone_syllables(turn.line, "ru", "man"))


def seconds(count: float) -> int:
    return int(count * TICKS_PER_SECOND)


def a_turn(length: float = 2.0) -> Iterator[float]:
    """Somebody speaks, then waits."""
    return chain(repeat(LOUD, seconds(length)), repeat(QUIET, seconds(1.5)))


def run(contact: Contact, levels: Iterable[float]) -> list[bool]:
    """Whether the robot spoke in each tick, until it wants to hang up."""
    spoke: list[bool] = []
    for level in levels:
        spoke.append(contact.tick(level) is not None)
        if contact.finished:
            break
    return spoke


def listen_out(contact: Contact) -> None:
    """Let it finish what it is saying."""
    while not contact.idle:
        contact.tick(QUIET)


def test_it_greets_soon_and_then_waits_for_us() -> None:
    plan = plan_for("+79160000001", 1, "ru", Character.AGREES)
    contact = Contact(plan, sound)
    spoke = run(contact, repeat(QUIET, PATIENCE))
    assert any(spoke[: seconds(0.5)])
    assert contact.said == [plan.greeting]


@pytest.mark.parametrize("who", [Character.REFUSES, Character.CALLS_BACK, Character.WRONG_NUMBER])
def test_who_refuses_answers_turn_by_turn_and_hangs_up(who: Character) -> None:
    plan = plan_for("+79160000002", 1, "ru", who)
    contact = Contact(plan, sound)
    for _ in range(10):
        listen_out(contact)
        run(contact, a_turn())
        if len(contact.said) == 1 + len(plan.replies):
            break
        assert not contact.finished
    run(contact, repeat(QUIET, seconds(30)))
    assert contact.finished
    assert contact.said == [plan.greeting, *plan.replies]


def test_silence_is_asked_about_and_then_given_up() -> None:
    plan = plan_for("+79160000003", 1, "en", Character.AGREES)
    contact = Contact(plan, sound)
    run(contact, repeat(QUIET, seconds(60)))
    assert contact.finished
    assert contact.said == [plan.greeting, *plan.nudges]


def test_music_is_waited_out_and_not_answered() -> None:
    plan = plan_for("+79160000004", 1, "ru", Character.AGREES)
    contact = Contact(plan, sound)
    listen_out(contact)
    run(contact, chain(repeat(LOUD, seconds(40)), repeat(QUIET, seconds(2))))
    assert contact.said == [plan.greeting]
    run(contact, a_turn())
    listen_out(contact)
    assert contact.said == [plan.greeting, plan.replies[0]]


def test_it_stops_when_we_talk_over_it_and_a_long_talker_does_not() -> None:
    for who, stops in ((Character.AGREES, True), (Character.LONG_TALKER, False)):
        contact = Contact(plan_for("+79160000005", 1, "ru", who), lambda _: Sound(b"\x00\x10" * 80_000))
        run(contact, repeat(QUIET, seconds(1)))
        spoke = run(contact, repeat(LOUD, seconds(4)))
        assert spoke[-1] is not stops


def test_an_early_leaver_leaves_early() -> None:
    contact = Contact(plan_for("+79160000006", 1, "ru", Character.HANGS_UP_EARLY), sound)
    assert len(run(contact, repeat(QUIET, seconds(60)))) <= seconds(6)
    assert contact.finished


def test_a_long_talker_talks_most_of_the_time() -> None:
    contact = Contact(plan_for("+79160000007", 1, "ru", Character.LONG_TALKER), sound)
    listen_out(contact)
    run(contact, a_turn())
    spoke = run(contact, repeat(QUIET, seconds(20)))
    assert len(contact.said) > 6
    assert sum(spoke) > 0.4 * len(spoke)


def test_a_machine_beeps_after_its_greeting_and_then_listens() -> None:
    greeting = sound(Turn("а" * 10))
    contact = Contact(plan_for("+79160000009", 1, "ru", Character.VOICEMAIL), lambda _: greeting)
    spoke = run(contact, repeat(QUIET, seconds(10)))
    assert sum(spoke) == greeting.frames + 20
    assert not any(run(contact, a_turn()))


def test_every_talk_ends() -> None:
    """However much we say, nobody is held on the line."""
    for who in Character:
        if who.answers:
            contact = Contact(plan_for("+79160000008", 3, "en", who), sound)
            for _ in range(400):
                run(contact, a_turn())
                if contact.finished:
                    break
            assert contact.finished, who


def test_turns_are_heard_over_noise_and_clicks_are_not_turns() -> None:
    detector = TurnDetector()
    ended = 0
    clicks = [LOUD, LOUD, *repeat(QUIET, 40)] * 10
    noise = repeat(200.0, seconds(5))
    turns = chain(*(chain(repeat(LOUD, seconds(1)), repeat(200.0, seconds(1))) for _ in range(3)))
    for level in clicks:
        detector.feed(level)
        ended += detector.ended
    assert ended == 0
    for level in chain(noise, turns):
        detector.feed(level)
        ended += detector.ended
    assert ended == 3


def test_a_number_keeps_its_character_and_its_talk() -> None:
    plans: list[Plan] = [plan_for("+79161112233", 5, "ru") for _ in range(2)]
    assert plans[0] == plans[1]
    assert plans[0].character is character_of("79161112233", 5)
    drawn = [character_of(f"7916{i:07}", 5) for i in range(2000)]
    assert set(drawn) == set(WEIGHTS)
    assert 0.19 < drawn.count(Character.AGREES) / 2000 < 0.29


@pytest.mark.parametrize("language", ["ru", "en"])
def test_lines_are_rendered_once_as_telephone_audio(language: str, tmp_path: Path) -> None:
    folder = SpeechFolder(tmp_path)
    assert folder.apology == ""
    text = every_line(language)[0]
    path = folder.line(text, language, "woman")
    before = path.stat().st_mtime_ns
    assert folder.line(text, language, "woman") == path
    assert path.stat().st_mtime_ns == before
    pcm = read_wav(path)
    assert 0.2 * 16000 < len(pcm) < 5 * 16000
    assert folder.line(text, language, "man") != path
