"""Words of a call by a program of the admin's, and the script's key phrases among them.

The program of these tests really reads the file it is given and prints times of the sound in it; its words are written down, for no
recogniser fits into a test. How well a real one does is in docs/analysis.md.
"""

from __future__ import annotations

import sys
import wave
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from hearthline.calls.models import Recording
from hearthline.campaigns.key_phrases import phrases_of, spoken
from hearthline.campaigns.models import Campaign, Contact
from hearthline.campaigns.scripts import render_text
from hearthline.people.models import Organisation, Role
from hearthline.quality.analysis import listening, services
from hearthline.quality.analysis.tasks import analyse_recording, queue_analyses
from hearthline.quality.analysis.transcription import command
from hearthline.quality.analysis.transcription.command import Command, heard_of
from hearthline.quality.analysis.transcription.phrases import check, letters_of, most_alike
from hearthline.quality.analysis.transcription.port import Heard, TranscriptionError
from hearthline.quality.models import CallAnalysis
from tests.people.conftest import a_person
from tests.quality import calls
from tests.quality.synthesis import conversation
from tests.quality.test_analysis_work import a_recorded_call, data_folder  # noqa: F401 - a fixture

RECOGNISER = """
import sys, wave
words = open(sys.argv[2], encoding="utf-8").read().splitlines()
with wave.open(sys.argv[1]) as sound:
    assert (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) == (1, 2, 16000), sound.getparams()
    seconds = sound.getnframes() / 16000
assert sys.argv[3] == "ru", sys.argv
print("loading a model")
for at, said in enumerate(words):
    print(f"[00:00:{at * 3:02}.500 --> 00:00:{at * 3 + 2:02}.750]   {said}")
print(f"{seconds:.1f} s", file=sys.stderr)
"""


@pytest.fixture
def recogniser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with what the program hears, line by line."""
    program, words = tmp_path / "recogniser.py", tmp_path / "words.txt"
    program.write_text(RECOGNISER)
    command = [sys.executable, str(program), "{file}", str(words), "{language}"]
    monkeypatch.setattr(settings.HEARTHLINE, "transcriber", "hearthline.quality.analysis.transcription.command.Command")
    monkeypatch.setattr(settings.HEARTHLINE, "transcriber_command", command)
    return words


def with_phrases(recording: Recording, *phrases: str) -> None:
    script = "\n\n".join(f"=={phrase}==" for phrase in phrases)
    Campaign.objects.filter(pk=recording.attempt.campaign_id).update(script=script, language="ru")


@pytest.mark.django_db
def test_what_was_understood_is_compared_with_the_script(recogniser: Path) -> None:
    recogniser.write_text("Добрый день меня завут Оля\nразгавор записываеться\nскажите когда удобно\n")
    recording = a_recorded_call(conversation(2, "ru"))
    with_phrases(recording, "Разговор записывается", "Вы можете отказаться в любой момент")
    queue_analyses()
    assert analyse_recording.call(str(recording.pk)) is True
    assert listening.listen(recording.pk) is True
    found = CallAnalysis.objects.get(pk=recording.pk)
    assert found.transcript is not None
    assert found.phrases is not None
    assert [one["said"] for one in found.phrases] == [True, False]
    assert 3500 <= found.phrases[0]["at_ms"] <= 4500
    assert {one["side"] for one in found.transcript} == {"contact", "operator"}
    assert listening.listen(recording.pk) is False  # once
    moderator = Client()
    moderator.force_login(a_person(Role.MODERATOR))
    page = moderator.get(reverse("analysis:page", args=[recording.pk])).content.decode()
    assert "not heard:" in page
    assert "разгавор записываеться" in page
    operator = Client()
    operator.force_login(recording.attempt.operator)
    page = operator.get(reverse("analysis:page", args=[recording.pk])).content.decode()
    assert "Вы можете отказаться" in page
    assert "разгавор" not in page
    assert page.count("data-at=") == 1  # the phrase that was said can be listened to


@pytest.mark.django_db
def test_words_go_with_the_recording(recogniser: Path) -> None:
    recogniser.write_text("Алло\n")
    recording = a_recorded_call()
    with_phrases(recording, "Алло")
    queue_analyses()
    services.analyse_recording(recording.pk)
    assert listening.listen(recording.pk) is True
    listening.forget(recording.pk)
    found = CallAnalysis.objects.get(pk=recording.pk)
    assert (found.transcript, found.phrases, found.figures != {}) == (None, None, True)
    assert listening.listen(recording.pk) is False


@pytest.mark.django_db
def test_nobody_listens_to_what_was_no_conversation_or_without_a_recogniser(
    recogniser: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = a_recorded_call(calls.voicemail(1), kind="no_conversation")
    talk = a_recorded_call()
    queue_analyses()
    for recording in (machine, talk):
        services.analyse_recording(recording.pk)
    assert (listening.wanted(machine.pk), listening.wanted(talk.pk)) == (False, True)
    monkeypatch.setattr(settings.HEARTHLINE, "transcriber", "")
    assert listening.listen(talk.pk) is False
    assert CallAnalysis.objects.filter(transcript__isnull=False).count() == 0


@pytest.mark.django_db
@pytest.mark.parametrize(
    "command",
    [
        ["no-such-program"],
        [sys.executable, "-c", "raise SystemExit('no model')"],
        [sys.executable, "-c", "while 1: pass"],
    ],
)
def test_a_recogniser_that_fails_leaves_the_figures_and_is_not_asked_again(
    command: list[str], recogniser: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings.HEARTHLINE, "transcriber_command", command)
    monkeypatch.setattr(settings.HEARTHLINE, "transcriber_timeout_s", 1)
    recording = a_recorded_call()
    queue_analyses()
    services.analyse_recording(recording.pk)
    assert listening.listen(recording.pk) is False
    found = CallAnalysis.objects.get(pk=recording.pk)
    assert (found.words_error, found.transcript, found.talk_ratio is not None) == (True, None, True)
    assert listening.wanted(recording.pk) is False


def test_a_transcriber_that_is_not_there_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings.HEARTHLINE, "transcriber_command", [])
    with pytest.raises(TranscriptionError):
        Command().transcribe(np.zeros(8000, dtype=np.int16), "en")


def test_times_are_read_as_recognisers_print_them() -> None:
    printed = "WEBVTT\n\n1\n00:01,200 --> 00:04.000\nGood\nafternoon!\n\n2\n01:00:05,000 --> 01:00:06,5\nYes.\n"
    assert heard_of(printed) == [Heard(1200, 4000, "Good afternoon!"), Heard(3_605_000, 3_606_500, "Yes.")]
    assert heard_of("nothing of the kind\n") == []


def test_the_sound_keeps_its_loudness_at_twice_the_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "BLOCK", 1500)  # several, and the last one shorter
    samples = (8000 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)).astype(np.int16)
    command.write_wav(tmp_path / "wide.wav", samples)
    with wave.open(str(tmp_path / "wide.wav")) as sound:
        wide = np.frombuffer(sound.readframes(sound.getnframes()), dtype=np.int16)
    assert len(wide) == 16_000
    assert np.abs(wide[200:-200:2].astype(int) - samples[100:-100]).max() <= 1
    assert np.abs(wide).max() <= 8100
    between = 8000 * np.sin(2 * np.pi * 440 * (np.arange(8000) + 0.5) / 8000)
    assert np.abs(wide[201:-200:2] - between[100:-100][: len(wide[201:-200:2])]).max() <= 20


def test_likeness_forgives_what_recognisers_do_and_no_more() -> None:
    heard = [Heard(0, 4000, "We can't free on charge, how well the house keeps its warmth and show where it is lost.")]
    phrases = [
        (
            "We check, free of charge, how well a house keeps its warmth",
            "We check, free of charge, how well a house keeps its warmth",
        ),
        ("This call is recorded", "This call is recorded"),
        ("the house", "the horse"),
    ]
    assert [one.said for one in check(phrases, heard)] == [True, False, True]
    assert [one.said for one in check(phrases, [])] == [False, False, False]
    assert most_alike("дом", letters_of("Тёплый Дом")) == (1.0, 6)
    assert most_alike("", "x") == (0.0, 0)


def test_phrases_are_marked_in_the_script_and_shown_so() -> None:
    script = 'Hello, ==this call is **recorded**==. a == b, c == d.\n\n> [!if] "why"\n> ==Because {{name}} asked==\n\n==this call is recorded=='
    assert phrases_of(script) == ["this call is recorded", "Because {{name}} asked"]
    assert spoken("Because {{ Name }} asked", {"name": "Irina"}) == "Because Irina asked"
    campaign = Campaign(organisation=Organisation(name="Zarya"), columns=[], show_name=True)
    html = str(render_text(campaign, script, Contact(name="<b>Irina", timezone="UTC", data={}), None))
    assert "<mark>this call is <strong>recorded</strong></mark>" in html
    assert "a == b, c == d" in html
    assert '<mark>Because <span class="script-value">&lt;b&gt;Irina</span> asked</mark>' in html
