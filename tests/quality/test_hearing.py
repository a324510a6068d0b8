"""A call with a robot measured on its recording: noise is no speech, a faint voice is one, words count where there is a transcript."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from hearthline.calls.models import Recording
from hearthline.campaigns.models import CampaignKind
from hearthline.lib import clock
from hearthline.lib.ids import derived_id
from hearthline.people.models import User
from hearthline.quality import fitness, house
from hearthline.quality.analysis.tasks import analyse_recording, queue_analyses
from hearthline.quality.models import CallAnalysis, Ear, FitnessTest, OwnScenario, RobotCall
from hearthline.quality.scenarios.library import scenario_of
from hearthline.quality.scoring import measure_again, settle_robot_call
from tests.calls.worlds import Conversation
from tests.campaigns.worlds import an_operator
from tests.quality.synthesis import SynthesisedCall
from tests.quality.worlds import a_moderator, a_talk, note_robot

pytestmark = pytest.mark.django_db

SCENARIO = """
title: Says no
uses: [training, test]
turns:
  - say: Hello, who is there?
  - say: No, I am not interested in that.
    id: no
  - say: Have a good day.
    hangs_up: yes
means: {outcome: refusal}
rubric:
  - {item: speaks_soon, seconds: 3}
  - {item: lets_speak, times: 0}
  - {item: longest_monologue, seconds: 8}
  - {item: mentions, words: [free of charge]}
"""
LINES = ("Hello, who is there?", "No, I am not interested in that.", "Have a good day.")
OURS = ("Good morning, this is Ann of the clinic.", "I understand, it is free of charge.", "Have a good day, goodbye.")


@pytest.fixture(autouse=True)
def _only_this_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings.HEARTHLINE, "data", tmp_path)
    settings.HEARTHLINE.recordings_folder.mkdir(parents=True)
    house.install()
    OwnScenario.objects.create(slug="en/no", text=SCENARIO, changed_at=clock.now())
    monkeypatch.setattr("hearthline.quality.next_contact._least_practised", lambda *_: only())
    monkeypatch.setattr("hearthline.quality.fitness._scenario_for", lambda *_: "en/no")


def only() -> Any:
    return scenario_of("en/no")


def spoken_call() -> tuple[SynthesisedCall, list[tuple[int, int]]]:
    """The robot's lines and the operator's by turns; where each of the robot's lies in the recording."""
    call, at = SynthesisedCall("en", contact_voice="woman"), []
    call.pause(400)
    for theirs, ours in zip(LINES, OURS, strict=True):
        span = call.say("contact", theirs, 600)
        at.append((span.start, span.end))
        call.say("operator", ours, 700)
    return call, at


def log_of(at: list[tuple[int, int]], operator: list[tuple[int, int]], offset: int = 150) -> list[dict[str, Any]]:
    """The robot's account, whose clock began a little later."""
    found = [
        {"by": "robot", "begin_ms": begin - offset, "end_ms": end - offset, "turn": turn, "line": line, "act": "", "cut": False, "broke_in": False}
        for (begin, end), turn, line in zip(at, ("turn1", "no", "turn3"), LINES, strict=True)
    ]  # fmt: skip
    found += [
        {"by": "operator", "begin_ms": begin - offset, "end_ms": end - offset, "turn": "", "line": "", "act": "", "cut": False, "broke_in": False}
        for begin, end in operator
    ]  # fmt: skip
    return sorted(found, key=lambda one: int(one["begin_ms"]))


def a_recorded_talk(
    operator: User, kind: CampaignKind, spoken: list[dict[str, Any]], call: SynthesisedCall, **noise: Any
) -> Conversation:
    campaign = house.house_campaign(kind, "en")
    assert campaign is not None
    talk = a_talk(operator, campaign, talk_s=call.end // 1000 + 1)
    RobotCall.objects.all().delete()
    note_robot(talk, spoken=spoken)
    id = derived_id(talk.attempt.pk, "recording:test")
    path = settings.HEARTHLINE.recordings_folder / f"{id}.wav"
    call.write(path, **noise)
    Recording.objects.create(
        pk=id, attempt=talk.attempt, path=path.name, started_at=talk.attempt.answered_at, duration_ms=call.end
    )
    talk.wrap_up(kind="refusal", fields={})
    settle_robot_call(talk.attempt.pk)
    return talk


def items_of(talk: Conversation) -> dict[str, Any]:
    return {item["code"]: item for item in RobotCall.objects.get(pk=talk.attempt.pk).items}


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_noise_that_the_robot_took_for_talking_over_it_costs_nothing_once_the_recording_is_measured() -> None:
    operator = an_operator(spoken_languages=["en"])
    call, at = spoken_call()
    noisy = [(begin + 500, end + 400) for begin, end in at]  # as an ear goes that hears loudness alone
    talk = a_recorded_talk(operator, CampaignKind.TRAINING, log_of(at, noisy), call)
    by_robot = RobotCall.objects.get()
    assert by_robot.ear == Ear.ROBOT
    assert items_of(talk)["lets_speak"]["ok"] is False
    page = signed_in(operator).get(reverse("operator:practice_call", args=[talk.attempt.pk])).content.decode()
    assert "the score may change a little" in page
    assert queue_analyses() == 1
    assert analyse_recording.call(str(Recording.objects.get().pk)) is True
    by_recording = RobotCall.objects.get()
    assert by_recording.ear == Ear.RECORDING
    assert items_of(talk)["lets_speak"]["ok"] is True
    assert items_of(talk)["speaks_soon"]["value"] == pytest.approx(0.7, abs=0.3)
    assert (by_recording.score or 0) > (by_robot.score or 0)
    page = signed_in(operator).get(reverse("operator:practice_call", args=[talk.attempt.pk])).content.decode()
    assert "Measured on the recording" in page


def test_a_voice_that_the_robot_did_not_hear_is_heard_in_the_recording_and_the_microphone_is_no_part_of_the_score() -> (
    None
):
    operator = an_operator(spoken_languages=["en"])
    call, at = spoken_call()
    talk = a_recorded_talk(operator, CampaignKind.TRAINING, log_of(at, []), call, noise="white", snr_db=8.0)
    assert items_of(talk)["speaks_soon"]["value"] is None
    before = RobotCall.objects.get().score or 0
    queue_analyses()
    analyse_recording.call(str(Recording.objects.get().pk))
    assert items_of(talk)["speaks_soon"]["ok"] is True
    assert (RobotCall.objects.get().score or 0) > before
    assert {item["code"] for item in RobotCall.objects.get().items} == {
        "outcome", "speaks_soon", "lets_speak", "longest_monologue", "mentions",
    }  # fmt: skip
    page = signed_in(operator).get(reverse("operator:practice_call", args=[talk.attempt.pk])).content.decode()
    assert "It is noisy around you" in page
    assert "does not count in the score" in page
    assert reverse("operator:ready") in page


def test_words_count_where_there_is_a_transcript_and_are_left_to_the_ear_where_there_is_none() -> None:
    operator = an_operator(spoken_languages=["en"])
    call, at = spoken_call()
    talk = a_recorded_talk(operator, CampaignKind.TRAINING, log_of(at, []), call)
    queue_analyses()
    analyse_recording.call(str(Recording.objects.get().pk))
    item = items_of(talk)["mentions"]
    assert (item["ok"], item["of"]) == (None, 0)
    for heard, ok in (("i understand it is free of charge", True), ("i understand goodbye", False)):
        rows = [{"side": "operator", "start_ms": 5000, "end_ms": 7000, "text": heard}]
        rows += [{"side": "contact", "start_ms": 0, "end_ms": 900, "text": "free of charge"}]
        CallAnalysis.objects.update(transcript=rows)
        assert measure_again(talk.attempt.pk) is True
        item = items_of(talk)["mentions"]
        assert item["ok"] is ok
        assert item["of"] > 0


def test_a_test_call_that_waits_is_proposed_anew_and_one_that_is_decided_stays() -> None:
    operator, moderator = an_operator(spoken_languages=["en"], level=0), a_moderator()
    call, at = spoken_call()
    noisy = [(begin + 500, begin + 12_000) for begin, _end in at]
    test = fitness.begin_test(operator=operator)
    talk = a_recorded_talk(operator, CampaignKind.TEST, log_of(at, noisy), call)
    test.refresh_from_db()
    assert test.proposed is False
    queue_analyses()
    analyse_recording.call(str(Recording.objects.get().pk))
    test.refresh_from_db()
    assert test.proposed is True
    page = signed_in(moderator).get(reverse("moderator:test", args=[test.pk])).content.decode()
    assert "Measured on the recording" in page
    assert "Voice above noise" in page
    fitness.decide_test(test=test, moderator=moderator, passed=True)
    score = RobotCall.objects.get().score
    RobotCall.objects.update(ear=Ear.ROBOT)
    assert measure_again(talk.attempt.pk) is False
    assert RobotCall.objects.get().score == score
    assert FitnessTest.objects.get().proposed is True


@pytest.mark.parametrize("change", ["paused", "elsewhere", "two"])
def test_a_recording_that_cannot_be_laid_beside_the_log_changes_nothing(change: str) -> None:
    operator = an_operator(spoken_languages=["en"])
    call, at = spoken_call()
    talk = a_recorded_talk(operator, CampaignKind.TRAINING, log_of(at, []), call)
    recording = Recording.objects.get()
    if change == "paused":
        Recording.objects.update(pauses=[[2000, 4000, "by_operator"]])
    elif change == "elsewhere":
        RobotCall.objects.update(spoken=log_of(at, [], offset=9000))
    else:
        Recording.objects.create(attempt=talk.attempt, path="b.wav", started_at=clock.now() + timedelta(seconds=9))
    before = RobotCall.objects.get()
    queue_analyses()
    analyse_recording.call(str(recording.pk))
    after = RobotCall.objects.get()
    assert (after.ear, after.score, after.items) == (Ear.ROBOT, before.score, before.items)
