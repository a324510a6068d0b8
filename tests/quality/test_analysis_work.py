"""From a finished call to what its people read: the sweep, the worker's task, the pages; and files that are not what they should be."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from hearthline.calls.models import Attempt, Deletion, Recording, RecordingPlace
from hearthline.lib import clock
from hearthline.lib.ids import derived_id
from hearthline.people.audit import Tag
from hearthline.people.models import Role, User
from hearthline.quality.analysis import services
from hearthline.quality.analysis.selectors import figures_of_operator
from hearthline.quality.analysis.tasks import queue_analyses
from hearthline.quality.models import AnalysisState, CallAnalysis
from hearthline.quality.recordings import keeping, retention
from tests.calls.worlds import Conversation, a_conversation
from tests.campaigns.worlds import an_organisation, an_owner
from tests.people.conftest import a_person
from tests.quality import calls
from tests.quality.synthesis import SynthesisedCall, conversation, write_stereo

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(settings.HEARTHLINE, "data", tmp_path)
    settings.HEARTHLINE.recordings_folder.mkdir(parents=True)
    return tmp_path


def recorded(talk: Conversation, call: SynthesisedCall | None, **noise: object) -> Recording:
    """As call control leaves it when the contact has gone."""
    attempt = talk.attempt
    id = derived_id(attempt.pk, "recording:test")
    path = settings.HEARTHLINE.recordings_folder / f"{id}.wav"
    if call is not None:
        call.write(path, **noise)
    assert attempt.answered_at is not None
    return Recording.objects.create(
        pk=id, attempt=attempt, path=path.name, started_at=attempt.answered_at, duration_ms=30_000
    )


def a_recorded_call(call: SynthesisedCall | None = None, *, kind: str = "success", **noise: object) -> Recording:
    call = call or conversation(1, turns=3)
    talk = a_conversation(talk_s=call.end // 1000 + 1)
    recording = recorded(talk, call, **noise)
    talk.wrap_up(kind)
    return recording


def analysed(recording: Recording) -> CallAnalysis:
    queue_analyses()
    services.analyse_recording(recording.pk)
    return CallAnalysis.objects.get(pk=recording.pk)


def test_a_call_is_analysed_once_when_it_is_wrapped_up(django_assert_max_num_queries: Callable[..., object]) -> None:
    talk = a_conversation(talk_s=70)
    recording = recorded(talk, conversation(1))
    assert queue_analyses() == 0  # nobody knows yet what the call was said to be
    talk.wrap_up()
    assert queue_analyses() == 1
    assert queue_analyses() == 0
    assert services.analyse_recording(recording.pk) is True
    assert services.analyse_recording(recording.pk) is False
    found = CallAnalysis.objects.get()
    assert (found.state, found.tries, found.suspicions) == (AnalysisState.DONE, 1, [])
    assert found.talk_ratio is not None
    assert 0.4 < found.talk_ratio < 0.7
    assert found.figures["version"] == 1
    with django_assert_max_num_queries(4):
        assert queue_analyses() == 0


def test_the_task_in_the_queue_does_it() -> None:
    from django_tasks_db.models import DBTaskResult

    recording = a_recorded_call()
    queue_analyses()
    queued = DBTaskResult.objects.get(task_path__endswith="analyse_recording")
    assert queued.task.call(*queued.args_kwargs["args"]) is True
    assert CallAnalysis.objects.get(pk=recording.pk).state == AnalysisState.DONE


@pytest.mark.parametrize(
    ("content", "error"),
    [(None, "gone"), (b"not a recording at all", "damaged"), (b"RIFF\x00\x00\x00\x00WAVE", "damaged")],
)
def test_a_broken_file_gives_a_row_that_says_so_and_no_second_try(content: bytes | None, error: str) -> None:
    talk = a_conversation(talk_s=30)
    recording = recorded(talk, None)
    if content is not None:
        (settings.HEARTHLINE.recordings_folder / recording.path).write_bytes(content)
    talk.wrap_up()
    found = analysed(recording)
    assert (found.state, found.error, found.suspicions) == (AnalysisState.FAILED, error, [])
    assert queue_analyses() == 0


def test_a_path_that_leads_out_of_the_folder_is_not_read(data_folder: Path) -> None:
    recording = a_recorded_call()
    (settings.HEARTHLINE.recordings_folder / recording.path).rename(data_folder / "outside.wav")
    Recording.objects.filter(pk=recording.pk).update(path="../outside.wav")
    assert analysed(recording).error == "gone"


def test_what_a_crash_left_open_is_read_to_its_end() -> None:
    recording = a_recorded_call()
    path = settings.HEARTHLINE.recordings_folder / recording.path
    whole = path.read_bytes()
    path.write_bytes(whole[:4] + (36).to_bytes(4, "little") + whole[8:40] + bytes(4) + whole[44:-1])
    assert analysed(recording).talk_ratio is not None


def test_what_a_dead_worker_took_is_done_again_but_not_for_ever() -> None:
    recording = a_recorded_call()
    queue_analyses()
    row = CallAnalysis.objects.filter(pk=recording.pk)
    for tries in (1, 2, 3):
        row.update(state=AnalysisState.RUNNING, tries=tries, changed_at=clock.now())
        assert queue_analyses() == 0  # somebody may be at it
        row.update(changed_at=clock.now() - services.STUCK_AFTER - timedelta(seconds=1))
        assert queue_analyses() == (1 if tries < services.MOST_TRIES else 0)
    assert row.values_list("state", "error").get() == (AnalysisState.FAILED, "gave_up")
    assert services.analyse_recording(recording.pk) is False


def test_nothing_is_queued_where_the_exchange_does_not_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    recording = a_recorded_call()
    monkeypatch.setattr(settings.HEARTHLINE, "analyse_recordings", False)
    assert queue_analyses() == 0
    assert not CallAnalysis.objects.filter(pk=recording.pk).exists()


def test_a_machine_is_suspicious_only_as_a_conversation() -> None:
    claimed = analysed(a_recorded_call(calls.voicemail(1)))
    honest = analysed(a_recorded_call(calls.voicemail(2), kind="no_conversation"))
    assert claimed.suspicions == ["machine"]
    assert claimed.evidence["machine"]["at"][0][0] < 2000
    assert (honest.suspicions, honest.suspicion_count) == ([], 0)
    assert honest.machine_likelihood is not None
    assert honest.machine_likelihood > 0.6
    assert list(CallAnalysis.objects.filter(suspicion_count__gt=0)) == [claimed]


def test_what_the_admin_sets_decides_what_is_suspicious(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings.HEARTHLINE, "suspicion_machine_percent", 101)
    assert analysed(a_recorded_call(calls.voicemail(1))).suspicions == []


def test_music_of_a_hold_is_not_laid_at_the_operators_door() -> None:
    call = calls.interrupting_operator(1)
    talk = a_conversation(talk_s=call.end // 1000 + 1)
    recording = recorded(talk, call)
    talk.wrap_up()
    Attempt.objects.filter(pk=talk.attempt.pk).update(talk_ms=5000)  # the rest of it was hold
    assert analysed(recording).suspicions == []


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_everyone_reads_what_concerns_them() -> None:
    recording = a_recorded_call(calls.voicemail(1), noise="white", snr_db=10.0)
    found = analysed(recording)
    assert found.suspicions == ["machine", "noisy"]
    address = reverse("analysis:page", args=[recording.pk])
    attempt = recording.attempt
    owner = signed_in(an_owner(attempt.campaign.organisation)).get(address).content.decode()
    moderator = signed_in(a_person(Role.MODERATOR)).get(address).content.decode()
    operator = signed_in(attempt.operator).get(address).content.decode()
    for page in (owner, moderator):
        assert "answering machine or an announcement" in page
        assert 'data-at="' in page
        assert "What would help" not in page
    assert "It is noisy around you" in operator
    assert "You began late" not in operator  # a machine does not mind
    assert "answering machine or an announcement" not in operator
    assert 'data-at="' not in operator
    assert attempt.contact.phone not in owner + moderator + operator


def test_strangers_read_nothing() -> None:
    recording = a_recorded_call()
    analysed(recording)
    address = reverse("analysis:page", args=[recording.pk])
    for person in (an_owner(an_organisation()), a_person(Role.OPERATOR)):
        assert signed_in(person).get(address).status_code == 404
    assert Client().get(address).status_code == 302
    assert signed_in(a_person(Role.MODERATOR)).get(reverse("analysis:page", args=[uuid.uuid4()])).status_code == 404


def test_a_page_says_that_nothing_is_known_yet_or_why_nothing_can_be() -> None:
    waiting = a_recorded_call()
    moderator = signed_in(a_person(Role.MODERATOR))
    assert "has not been analysed yet" in moderator.get(reverse("analysis:page", args=[waiting.pk])).content.decode()
    (settings.HEARTHLINE.recordings_folder / waiting.path).write_bytes(b"damaged")
    analysed(waiting)
    assert "damaged and cannot" in moderator.get(reverse("analysis:page", args=[waiting.pk])).content.decode()


def test_the_owner_finds_it_beside_the_call() -> None:
    recording = a_recorded_call()
    analysed(recording)
    owner = signed_in(an_owner(recording.attempt.campaign.organisation))
    page = owner.get(reverse("customer:contact", args=[recording.attempt.contact_id])).content.decode()
    assert "What the recording tells" in page
    assert "The operator answers after" in page


def test_an_operators_figures_are_means_of_their_conversations() -> None:
    recording = a_recorded_call(noise="white", snr_db=15.0)
    operator = recording.attempt.operator
    analysed(recording)
    analysed(a_recorded_call(calls.voicemail(1), kind="no_conversation"))  # somebody else's, and no conversation
    figures = figures_of_operator(operator, clock.now() - timedelta(days=1))
    assert (figures.calls, figures.suspicious) == (1, 0)
    assert figures.snr_db == pytest.approx(15, abs=2)
    assert figures_of_operator(operator, clock.now()).talk_ratio is None


def test_a_packed_recording_tells_the_same() -> None:
    recording = a_recorded_call(calls.voicemail(2))
    keeping.go_on(str(recording.pk))
    recording.refresh_from_db()
    assert recording.path.endswith(".opus")
    assert analysed(recording).suspicions == ["machine"]


def test_a_muted_microphone_is_known_in_a_packed_recording() -> None:
    contact, operator = calls.silent_operator(1).channels()
    talk = a_conversation(talk_s=16)
    recording = recorded(talk, None)
    write_stereo(settings.HEARTHLINE.recordings_folder / recording.path, contact, np.zeros_like(operator))
    talk.wrap_up()
    keeping.go_on(str(recording.pk))
    found = analysed(recording)
    assert "one_way_audio" in found.suspicions
    assert found.evidence["one_way_audio"]["side"] == "operator"


def test_what_is_deleted_is_not_analysed_and_its_places_are_shown_no_more() -> None:
    before, after = a_recorded_call(calls.voicemail(1)), a_recorded_call(calls.voicemail(2))
    Recording.objects.filter(pk=before.pk).update(deleted_at=clock.now())
    assert queue_analyses() == 1
    assert not CallAnalysis.objects.filter(pk=before.pk).exists()
    assert services.analyse_recording(after.pk) is True
    CallAnalysis.objects.filter(pk=after.pk).update(
        transcript=[{"side": "contact", "start_ms": 0, "end_ms": 900, "text": "our mailbox"}]
    )
    moderator = signed_in(a_person(Role.MODERATOR))
    address = reverse("recording_page:page", args=[after.pk])
    page = moderator.get(address).content.decode()
    assert "our mailbox" in page
    assert 'data-at="' in page
    retention.delete_recording(recording=after, actor=None, why=Deletion.AGE, source=Tag.WEB_RECORDING_DELETED)
    page = moderator.get(address).content.decode()
    assert "answering machine or an announcement" in page
    assert "our mailbox" not in page
    assert 'data-at="' not in page
    keeping.go_on(str(after.pk))
    assert CallAnalysis.objects.get(pk=after.pk).transcript is None


def test_a_storage_that_is_away_is_no_fault_of_the_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    recording = a_recorded_call()
    (settings.HEARTHLINE.recordings_folder / recording.path).unlink()
    Recording.objects.filter(pk=recording.pk).update(place=RecordingPlace.BUCKET, path="away.opus")
    for name, value in {
        "recordings_store": "s3", "s3_endpoint": "http://127.0.0.1:9", "s3_bucket": "b", "s3_access_key": "k", "s3_secret_key": "s",
    }.items():  # fmt: skip
        monkeypatch.setattr(settings.HEARTHLINE, name, value)
    row = CallAnalysis.objects.filter(pk=recording.pk)
    for _round in range(services.MOST_TRIES + 1):
        found = analysed(recording)
        assert (found.state, found.tries) == (AnalysisState.QUEUED, 0)
        row.update(changed_at=clock.now() - services.STUCK_AFTER - timedelta(seconds=1))
    Recording.objects.filter(pk=recording.pk).update(started_at=clock.now() - services.LOOKS_BACK)
    assert queue_analyses() == 0
    assert row.values_list("state", "error").get() == (AnalysisState.FAILED, "gave_up")


def test_where_the_recording_was_paused_nobody_was_silent() -> None:
    call = conversation(1, turns=3)
    recording = a_recorded_call(call)
    silence = analysed(recording).figures["talk"]["longest_silence"]
    Recording.objects.filter(pk=recording.pk).update(pauses=[[silence[0], silence[1], "resumed"]])
    CallAnalysis.objects.all().delete()
    assert analysed(recording).figures["talk"]["longest_silence"] != silence


def test_an_operator_is_not_blamed_for_a_contact_who_cannot_be_heard() -> None:
    call = calls.one_way(1)
    contact, operator = call.channels(line_noise=0.0)
    talk = a_conversation(talk_s=call.end // 1000 + 1)
    recording = recorded(talk, None)
    write_stereo(settings.HEARTHLINE.recordings_folder / recording.path, contact, operator)
    talk.wrap_up()
    found = analysed(recording)
    assert found.evidence["one_way_audio"]["side"] == "contact"
    page = signed_in(recording.attempt.operator).get(reverse("analysis:page", args=[recording.pk])).content.decode()
    assert "Nothing came from your microphone" not in page
