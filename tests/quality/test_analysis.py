"""The analysis against calls whose truth is known. What it errs by on many calls: `python -m bench analysis`, docs/analysis.md."""

from __future__ import annotations

import numpy as np
import pytest

from hearthline.quality.analysis.analysis import Analysis, Situation, analyse
from hearthline.quality.analysis.suspicions import Claim, policy, suspicions_of
from hearthline.quality.analysis.talk import talk_of
from hearthline.quality.analysis.voice import Span
from tests.quality import calls
from tests.quality.synthesis import SynthesisedCall, conversation, tone

PAID = Claim(conversation=True, payable=True)
NOT_REACHED = Claim(conversation=False, payable=False)
NOISES = [
    ("", 0.0),
    ("gated", 0.0),
    ("white", 20.0),
    ("white", 10.0),
    ("white", 5.0),
    ("babble", 20.0),
    ("babble", 10.0),
]


def analysed(call: SynthesisedCall, noise: str = "", snr_db: float = 0.0) -> Analysis:
    if noise == "gated":  # nothing is sent while nobody speaks
        return analyse([call.channels(line_noise=0.0)])
    return analyse([call.channels(noise=noise, snr_db=snr_db)])


def codes(analysis: Analysis, claim: Claim = PAID) -> list[str]:
    return [one.code for one in suspicions_of(analysis, claim, policy())]


@pytest.mark.parametrize(("noise", "snr_db"), NOISES)
def test_a_conversation_is_measured_in_noise(noise: str, snr_db: float) -> None:
    call = conversation(2, "ru")
    found = analysed(call, noise, snr_db)
    truth = talk_of(call.said("contact"), call.said("operator"), found.presences)
    assert found.talk.contact_first_word_ms == pytest.approx(truth.contact_first_word_ms, abs=150)
    assert found.talk.talk_ratio == pytest.approx(truth.talk_ratio, abs=0.03)
    assert found.talk.operator_latency_ms == pytest.approx(np.median(call.latencies["operator"]), abs=250)
    assert found.talk.longest_silence is not None
    assert truth.longest_silence is not None
    assert found.talk.longest_silence.length == pytest.approx(truth.longest_silence.length, abs=700)
    assert call.interruptions["contact"] == 1
    missed_or_imagined = abs(len(found.talk.interruptions_by_contact) - 1)
    assert missed_or_imagined <= (1 if noise == "babble" or snr_db == 5 else 0)
    if snr_db:
        assert found.operator_microphone.snr_db == pytest.approx(snr_db, abs=2.5)
    assert found.machine.likelihood < 0.3
    assert set(codes(found)) <= {"noisy"}
    assert ("noisy" in codes(found)) == (0 < snr_db <= 10)


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize(("noise", "snr_db"), [("", 0.0), ("gated", 0.0), ("white", 10.0), ("babble", 20.0)])
def test_a_machine_that_was_claimed_to_be_a_conversation_is_found(language: str, noise: str, snr_db: float) -> None:
    for seed in (1, 2):
        call = calls.voicemail(seed, language)
        found = analysed(call, noise, snr_db)
        assert found.machine.likelihood >= 0.6
        assert found.machine.beep is not None
        assert "machine" in codes(found)
        assert "machine" not in codes(found, NOT_REACHED)


def test_a_person_who_explains_at_length_is_no_machine() -> None:
    found = analysed(calls.patient_person(1))
    assert found.machine.greeting is not None
    assert found.machine.greeting.length > 4000
    assert found.machine.likelihood < 0.4
    assert codes(found) == []


@pytest.mark.parametrize("calling", [False, True])
def test_a_fax_is_known_by_its_tones(calling: bool) -> None:
    found = analysed(calls.fax(1, calling=calling), "white", 10.0)
    assert found.machine.fax
    assert "fax" in codes(found)


def test_a_silent_operator_and_a_line_that_carries_nothing_are_told_apart() -> None:
    silent = analysed(calls.silent_operator(1))
    assert [one for one in codes(silent) if one != "short"] == ["silent_operator"]
    contact, operator = calls.silent_operator(1).channels()
    muted = analyse([(contact, np.zeros_like(operator))])
    one_way = [one for one in suspicions_of(muted, PAID, policy()) if one.code == "one_way_audio"]
    assert [one.side for one in one_way] == ["operator"]
    contact, operator = calls.one_way(1).channels()
    deaf = suspicions_of(analyse([(np.zeros_like(contact), operator)]), PAID, policy())
    assert [(one.code, one.side) for one in deaf] == [("one_way_audio", "contact")]


def test_an_operator_who_talks_into_every_sentence_is_found_with_the_places() -> None:
    call = calls.interrupting_operator(1)
    found = suspicions_of(analysed(call), PAID, policy())
    assert [one.code for one in found] == ["interrupting"]
    assert len(found[0].at) == call.interruptions["operator"] == 4


def test_a_microphone_turned_up_too_far_is_found() -> None:
    call = conversation(3)
    contact, operator = call.channels()
    loud = np.clip(operator.astype(np.float64) * 12, -32_124, 32_124).astype(np.int16)
    assert codes(analyse([(contact, loud)])) == ["clipped"]
    assert analysed(call).operator_microphone.clipped_share < 0.005


def test_a_contact_who_only_said_hello_is_no_conversation() -> None:
    call = SynthesisedCall("en")
    call.pause(400)
    call.say("contact", "Hello?", 0)
    call.say("operator", "Thank you very much for your order, we will deliver it tomorrow. Goodbye!", 500)
    found = analysed(call)
    assert "short" in codes(found)
    assert "short" not in codes(found, Claim(conversation=True, payable=False))


def test_keys_and_beeps_are_heard_and_are_no_speech() -> None:
    call = SynthesisedCall("en")
    call.pause(500)
    for low, high in ((697, 1209), (770, 1336), (941, 1477)):
        call.sound("contact", tone(low, 90, 8000, high), 400)
    call.pause(2000)
    found = analysed(call)
    assert [tone.key for tone in found.contact_tones] == ["1", "5", "#"]
    assert found.contact == []


def test_the_faint_whine_of_electronics_is_neither_a_beep_nor_hides_who_speaks() -> None:
    contact, operator = conversation(3).channels(line_noise=0.0)
    whine = 13 * np.sin(2 * np.pi * 440 * np.arange(len(operator)) / 8000)
    found = analyse([(contact, (operator + whine).astype(np.int16))])
    clean = analyse([(contact, operator)])
    assert found.operator_tones == []
    assert "silent_operator" not in codes(found)
    assert found.talk.operator_speech_ms == pytest.approx(clean.talk.operator_speech_ms, rel=0.1)


def test_what_follows_a_hand_over_is_not_the_operators() -> None:
    call = conversation(4)
    whole = analysed(call)
    left = whole.duration_ms // 2
    half = analyse([call.channels()], Situation(operator_left_ms=left, away=(Span(left - 3000, left),)))
    assert half.presences == [Span(0, left - 3000)]
    assert max(span.end for span in half.operator) <= left - 3000
    assert half.talk.operator_speech_ms < whole.talk.operator_speech_ms


def test_nothing_and_hardly_anything_are_analysed_too() -> None:
    assert analyse([]).talk.talk_ratio is None
    short = np.zeros(100, dtype=np.int16)
    assert analyse([(short, short)]).contact == []


@pytest.mark.parametrize("ms", [5, 10, 20, 80, 150, 290, 310, 450])
def test_a_call_that_is_hung_up_at_once_is_analysed(ms: int) -> None:
    contact, operator = conversation(2, "en").channels()
    begin = 8 * 1000
    found = analyse([(contact[begin : begin + 8 * ms], operator[begin : begin + 8 * ms])])
    assert found.duration_ms <= max(ms, 10)
    assert codes(found, NOT_REACHED) == []


def test_pieces_of_any_length_give_the_same() -> None:
    contact, operator = conversation(5).channels()
    whole = analyse([(contact, operator)])
    pieces = [(contact[at : at + 777], operator[at : at + 777]) for at in range(0, len(contact), 777)]
    assert analyse(pieces).talk == whole.talk
