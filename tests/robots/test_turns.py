"""What scenarios add to a robot's manners: breaking in, fetching somebody, waiting for silence, and its log."""

from __future__ import annotations

from itertools import chain, repeat

from hearthline.switch.robots.characters import Character, Plan
from hearthline.switch.robots.contact import Contact
from hearthline.switch.robots.turns import Spoken, Turn, Wait
from hearthline.switch.robots.voice_activity import TICKS_PER_SECOND
from tests.robots.test_contact import LOUD, QUIET, a_turn, listen_out, run, seconds, sound


def plan(*turns: Turn, interruptible: bool = True, patience: float = 7.0) -> Plan:
    return Plan(
        character=Character.AGREES, voice="man", rings_after=0.1, answers_after=1.0, thinks=0.3, greeting="", replies=(),
        fillers=["Да."], nudges=["Алло?", "Не слышно."], farewell="До свидания.", leaves_after_replies=False,
        leaves_after=600.0, interruptible=interruptible, patience=patience, opening=Turn("Алло, слушаю", "greeting"),
        turns=turns,
    )  # fmt: skip


def robots(contact: Contact) -> list[Spoken]:
    return [one for one in contact.spoken if one.by == "robot"]


def test_it_breaks_into_a_monologue_and_is_not_silenced_by_it() -> None:
    contact = Contact(plan(Turn("Стойте, короче, пожалуйста", "breaks_in", Wait.MONOLOGUE, 4.0)), sound)
    listen_out(contact)
    run(contact, repeat(LOUD, seconds(7)))
    broke_in = robots(contact)[-1]
    assert (broke_in.turn, broke_in.broke_in, broke_in.cut) == ("breaks_in", True, False)
    greeting = robots(contact)[0]
    assert 3.5 <= (broke_in.begin - greeting.end) / TICKS_PER_SECOND <= 5.0


def test_who_is_short_gets_the_same_answer_without_being_interrupted() -> None:
    contact = Contact(plan(Turn("Стойте", "breaks_in", Wait.MONOLOGUE, 4.0)), sound)
    listen_out(contact)
    run(contact, a_turn(2.0))
    listen_out(contact)
    assert contact.said[-1] == "Стойте"
    assert not robots(contact)[-1].broke_in


def test_somebody_else_comes_to_the_phone_after_a_while_with_another_voice() -> None:
    voices: list[str] = []

    def heard(turn: Turn):  # type: ignore[no-untyped-def]  # the type of `sound`
        voices.append(turn.voice)
        return sound(turn)

    contact = Contact(
        plan(
            Turn("Я его позову", "fetches"), Turn("Да, слушаю", "chief", Wait.PAUSE, 5.0, voice="old_man"), Turn("Угу")
        ),
        heard,
    )
    listen_out(contact)
    run(contact, a_turn())
    run(contact, chain(repeat(QUIET, seconds(9)), a_turn(), repeat(QUIET, seconds(2))))
    assert voices == ["man", "man", "old_man", "old_man"]
    fetches, chief = robots(contact)[1:3]
    assert 5.0 <= (chief.begin - fetches.end) / TICKS_PER_SECOND <= 5.3


def test_it_waits_for_a_silence_when_it_is_to() -> None:
    contact = Contact(plan(Turn("Вы молчите?", "silence", Wait.SILENCE, 3.0)), sound)
    listen_out(contact)
    run(contact, a_turn())  # an answer is not what it waits for
    assert contact.said == ["Алло, слушаю"]
    run(contact, repeat(QUIET, seconds(3)))
    assert contact.said[-1] == "Вы молчите?"


def test_the_turn_that_hangs_up_ends_the_call_and_the_log_is_complete() -> None:
    contact = Contact(plan(Turn("До свидания", "ends", leaves=True)), sound)
    listen_out(contact)
    run(contact, chain(a_turn(2.0), repeat(QUIET, seconds(10))))
    assert contact.finished
    contact.end()
    assert [one.by for one in contact.spoken] == ["robot", "operator", "robot"]
    said = contact.spoken[1]
    assert abs((said.end - said.begin) / TICKS_PER_SECOND - 2.0) < 0.1
    assert all(a.end <= b.begin for a, b in zip(contact.spoken, contact.spoken[1:], strict=False))


def test_who_talks_over_it_is_in_the_log() -> None:
    contact = Contact(plan(Turn("Да")), sound)
    run(contact, chain(repeat(QUIET, seconds(0.4)), repeat(LOUD, seconds(4)), repeat(QUIET, seconds(2))))
    contact.end()
    greeting, said = contact.spoken[0], contact.spoken[1]
    assert greeting.cut or greeting.end > said.begin
    assert said.by == "operator"
    assert said.begin < greeting.end
