"""Figures of a conversation from spans written by hand."""

from __future__ import annotations

from hearthline.quality.analysis import talk
from hearthline.quality.analysis.voice import Span, bridged, within


def test_turns_monologues_and_nods() -> None:
    operator = [Span(1000, 5000), Span(5600, 9000), Span(12_000, 13_000)]
    nod, answer = Span(5100, 5500), Span(9500, 11_000)
    assert talk.turns_of(operator, [nod, answer]) == [Span(1000, 9000), Span(12_000, 13_000)]
    assert talk.longest_monologue(operator, [nod, answer]) == Span(1000, 9000)
    assert talk.longest_monologue(operator, [Span(4900, 5900), answer]) == Span(1000, 5000)
    assert talk.longest_monologue([], operator) is None


def test_an_answer_waits_from_the_end_of_the_question_to_its_beginning() -> None:
    contact = [Span(0, 1000), Span(5000, 6000), Span(20_000, 21_000)]
    operator = [Span(1600, 4000), Span(6200, 7000), Span(10_000, 11_000)]
    assert talk.latencies_of(contact, operator) == [600, 200]  # what follows one's own words is no answer
    assert talk.latencies_of(operator, contact) == [1000, 9000]


def test_who_begins_within_the_others_words_interrupts_unless_it_is_a_nod_or_a_touch() -> None:
    contact = [Span(0, 5000)]
    assert talk.interruptions(contact, [Span(3000, 8000)]) == [Span(3000, 5000)]
    assert talk.interruptions(contact, [Span(3000, 3600)]) == []  # a nod
    assert talk.interruptions(contact, [Span(4800, 8000)]) == []  # a touch
    assert talk.interruptions(contact, [Span(200, 8000)]) == []  # both began at once
    assert talk.interruptions([Span(3000, 8000)], contact) == []  # the other way round


def test_silences_are_those_while_both_were_there() -> None:
    contact, operator = [Span(0, 1000)], [Span(1500, 3000), Span(10_000, 11_000)]
    assert talk.silences_of(contact, operator, [Span(0, 14_000)]) == [Span(3000, 10_000), Span(11_000, 14_000)]
    briefing_between = [Span(0, 4000), Span(9500, 12_000)]
    assert talk.silences_of(contact, operator, briefing_between) == []
    whole = talk.talk_of(contact, operator, [Span(0, 14_000)])
    assert (whole.longest_silence, whole.silence_share) == (Span(3000, 10_000), round(10 / 14, 4))
    assert whole.talk_ratio == round(2500 / 3500, 4)
    assert (whole.contact_first_word_ms, whole.operator_first_word_ms) == (0, 1500)


def test_nobody_spoke() -> None:
    nothing = talk.talk_of([], [], [Span(0, 5000)])
    assert (nothing.talk_ratio, nothing.operator_latency_ms, nothing.silence_share) == (None, None, 1.0)
    assert talk.talk_of([], [], []).silence_share == 0.0


def test_the_ninetieth_per_cent_is_the_nearest_rank() -> None:
    assert talk.percentile([5, 1, 4, 2, 3, 10, 9, 8, 7, 6], 90) == 9
    assert talk.percentile([7], 90) == 7
    assert talk.percentile([1, 2], 50) == 2  # 1.5 is rounded to the even one
    assert talk.percentile([], 50) is None


def test_spans_are_joined_and_cut() -> None:
    assert bridged([Span(0, 100), Span(200, 300), Span(900, 1000)], 150) == [Span(0, 300), Span(900, 1000)]
    assert within([Span(0, 100), Span(200, 400)], [Span(50, 250), Span(300, 500)]) == [
        Span(50, 100),
        Span(200, 250),
        Span(300, 400),
    ]
