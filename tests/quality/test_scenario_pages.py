"""Scenarios by page: written and checked in the browser, recordings of any kind, uses switched, one tried at once; robots see it."""

from __future__ import annotations

import io
import struct
import uuid
import wave
from array import array
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from hearthline.calls.models import Shift
from hearthline.calls.services import open_shift
from hearthline.campaigns.models import CampaignKind
from hearthline.cli_practice import scenarios as command
from hearthline.people.models import AuditEntry, User
from hearthline.practice.casting import cast_for
from hearthline.quality import house
from hearthline.quality.models import OwnScenario, RobotCall, ScenarioRecording
from hearthline.quality.recordings.opus_file import Piece, write_opus
from hearthline.quality.scenarios import library, sound_files
from hearthline.quality.scenarios.scenario import Use
from hearthline.quality.scoring import settle_robot_call
from hearthline.switch.embedded.pcm import lin2alaw, lin2ulaw
from tests.campaigns.worlds import a_running_campaign, an_operator
from tests.quality.opus_writer import one_stream
from tests.quality.sounds import a_wav
from tests.quality.test_scenarios import RIGHT
from tests.quality.worlds import a_moderator, a_talk, meant

pytestmark = pytest.mark.django_db


@pytest.fixture
def moderator() -> User:
    return a_moderator()


@pytest.fixture
def staff(moderator: User) -> Client:
    client = Client()
    client.force_login(moderator)
    return client


def address(slug: str, name: str = "scenario") -> str:
    return reverse(f"moderator:{name}", args=slug.split("/"))


def write(staff: Client, slug: str, text: str, version: int = 0) -> Any:
    if not version and slug not in library.all_scenarios():
        language, name = slug.split("/")
        new = {"language": language, "name": name, "text": text}
        return staff.post(reverse("moderator:new_scenario"), new, follow=True)
    return staff.post(address(slug), {"text": text, "version": version}, follow=True)


def upload(staff: Client, name: str, data: bytes) -> Any:
    file = SimpleUploadedFile("as they recorded it.wav", data)
    return staff.post(reverse("moderator:keep_scenario_recording"), {"name": name, "file": file}, follow=True)


def test_the_list_says_what_comes_with_the_exchange_and_what_is_of_its_own(staff: Client) -> None:
    write(staff, "en/refuses", RIGHT)
    page = staff.get(reverse("moderator:scenarios")).content.decode()
    assert "comes with the exchange" in page
    assert "written here" in page
    assert "in the place of another one" in page
    assert address("ru/first_call") in page


def test_who_is_no_moderator_changes_nothing() -> None:
    client = Client()
    client.force_login(an_operator())
    for reply in (
        client.get(reverse("moderator:scenarios")),
        client.post(address("en/refuses"), {"text": RIGHT, "version": 0}),
        client.post(address("en/refuses", "switch_scenario"), {"use": "golden", "on": "0"}),
        client.post(address("en/refuses", "try_scenario")),
        upload(client, "hello", a_wav()),
    ):
        assert reply.status_code == 403
    assert not OwnScenario.objects.exists()
    assert not ScenarioRecording.objects.exists()
    assert not Shift.objects.exists()
    assert library.all_scenarios()["en/refuses"].uses == {Use.TRAINING, Use.GOLDEN}


def test_what_is_saved_hides_what_comes_with_the_exchange_until_it_is_removed(staff: Client) -> None:
    shipped = library.scenario_of("en/refuses")
    assert shipped is not None
    assert shipped.title in staff.get(address("en/refuses")).content.decode()
    write(staff, "en/refuses", RIGHT)
    mine = library.scenario_of("en/refuses")
    assert mine is not None
    assert mine.title == "A short one"
    assert AuditEntry.objects.get(tag="web:scenario:changed").subject_id == "en/refuses"
    staff.post(address("en/refuses", "remove_scenario"))
    assert library.scenario_of("en/refuses") == shipped


def test_a_text_with_faults_is_kept_as_a_draft_and_what_was_right_is_played_on(staff: Client) -> None:
    write(staff, "en/short", RIGHT)
    broken = RIGHT.replace("voice: man", "voice: robot")
    page = write(staff, "en/short", broken, version=1).content.decode()
    assert 'data-line="4"' in page
    assert "robot is no voice" in page
    assert "voice: robot" in page  # nothing that was written is lost
    assert library.all_scenarios()["en/short"].persona.voice == "man"
    row = OwnScenario.objects.get()
    assert (row.text, row.draft) == (RIGHT, broken)
    assert "a draft waits" in staff.get(reverse("moderator:scenarios")).content.decode()
    write(staff, "en/short", broken.replace("robot", "woman"), version=2)
    assert library.all_scenarios()["en/short"].persona.voice == "woman"
    assert OwnScenario.objects.get().draft == ""


def test_two_who_write_at_once_do_not_undo_each_other(staff: Client) -> None:
    write(staff, "en/short", RIGHT)
    write(staff, "en/short", RIGHT.replace("A short one", "Hers"), version=1)
    reply = write(staff, "en/short", RIGHT.replace("A short one", "His"), version=1)
    assert reply.status_code == 409
    page = reply.content.decode()
    assert "title: His" in page
    assert "title: Hers" in page
    assert library.all_scenarios()["en/short"].title == "Hers"
    write(staff, "en/short", RIGHT.replace("A short one", "His"), version=2)
    assert library.all_scenarios()["en/short"].title == "His"


def test_a_new_one_has_a_name_of_its_own(staff: Client) -> None:
    new = reverse("moderator:new_scenario")
    assert "Barbara Griffin" in staff.get(new, {"from": "en/refuses"}).content.decode()
    for name in ("refuses", "../../etc", ""):
        reply = staff.post(new, {"language": "en", "name": name, "text": RIGHT})
        assert reply.status_code in (409, 422)
        assert "A short one" in reply.content.decode()
    assert not OwnScenario.objects.exists()
    reply = staff.post(new, {"language": "ru", "name": "short", "text": RIGHT})
    assert reply["Location"] == address("ru/short")
    assert library.all_scenarios()["ru/short"].language == "ru"


def test_it_is_checked_while_it_is_written(staff: Client) -> None:
    check = reverse("moderator:check_scenario")
    good = staff.post(check, {"language": "en", "text": RIGHT}).content.decode()
    assert "Stop!" in good
    assert "<html" not in good
    text = RIGHT.replace("say: Stop!", "say: Stop!\n    recording: stop.wav")
    assert "There is no recording stop.wav" in staff.post(check, {"language": "en", "text": text}).content.decode()
    for hostile in ("[" * 90_000, "a: \x07", "- &a [*a, *a]", "x" * 200_000, "? [1]\n: 2", ""):
        assert staff.post(check, {"language": "en", "text": hostile}).status_code == 200


def test_the_faults_are_told_in_the_readers_language(staff: Client, moderator: User) -> None:
    User.objects.filter(pk=moderator.pk).update(language="ru")
    text = RIGHT.replace("voice: man", "voice: robot")
    page = staff.post(reverse("moderator:check_scenario"), {"language": "en", "text": text}).content.decode()
    assert "Строка 4" in page


def test_a_use_is_switched_off_and_on(staff: Client) -> None:
    def switch(slug: str, use: str, on: str) -> Any:
        return staff.post(address(slug, "switch_scenario"), {"use": use, "on": on, "back": "list"}, follow=True)

    def golden() -> set[str]:
        return {one.slug for one in library.scenarios_for("en", Use.GOLDEN)}

    assert "en/refuses" in golden()
    switch("en/refuses", "golden", "0")
    assert "en/refuses" not in golden()
    assert "en/refuses" in {one.slug for one in library.scenarios_for("en", Use.TRAINING)}
    switch("en/refuses", "golden", "1")
    assert "en/refuses" in golden()
    assert "has no fields below means" in switch("en/agrees", "golden", "1").content.decode()
    assert "en/agrees" not in golden()
    for one in library.scenarios_for("en", Use.TEST):
        page = switch(one.slug, "test", "0").content.decode()
    assert "there is no scenario left for “Test call”" in page


@pytest.mark.parametrize("rate", [8000, 16_000, 44_100, 48_000])
def test_a_recording_of_any_rate_becomes_what_telephones_carry(staff: Client, rate: int) -> None:
    upload(staff, "hello", a_wav(rate=rate, channels=2))
    row = ScenarioRecording.objects.get()
    assert (row.name, row.duration_ms) == ("hello.wav", 1000)
    samples = array("h", bytes(row.sound))
    assert max(samples) == pytest.approx(sound_files.PEAK, rel=0.02)
    crossings = sum(a < 0 <= b for a, b in pairwise(samples))
    assert crossings == pytest.approx(440, abs=2)
    played = staff.get(reverse("moderator:scenario_recording", args=["hello.wav"]))
    with wave.open(io.BytesIO(played.content)) as sound:
        assert (sound.getnchannels(), sound.getsampwidth(), sound.getframerate(), sound.getnframes()) == (
            1,
            2,
            8000,
            8000,
        )
    part = staff.get(reverse("moderator:scenario_recording", args=["hello.wav"]), headers={"range": "bytes=0-99"})
    assert (part.status_code, len(part.content)) == (206, 100)


def test_what_does_not_fit_into_a_telephone_does_not_fold_back() -> None:
    data = a_wav(rate=48_000, hz=5200)[44:]
    tone = sound_files.np.frombuffer(data, "<i2").astype("f4") / 2**15
    assert abs(sound_files.resampled(tone, 48_000)[200:-200]).max() < 0.001


def riff(tag: int, bits: int, body: bytes, rate: int = 8000) -> bytes:
    form = struct.pack("<HHIIHH", tag, 1, rate, rate * bits // 8, bits // 8, bits)
    parts = b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(parts)) + b"WAVE" + parts


def test_the_kinds_of_wav_that_recorders_and_telephone_systems_make() -> None:
    pcm = a_wav(rate=8000)[44:]
    samples = array("h", pcm)
    plain = array("h", sound_files.to_telephone(riff(1, 16, pcm)))
    kinds = [
        riff(3, 32, array("f", [sample / 32768 for sample in samples]).tobytes()),
        riff(1, 24, b"".join(struct.pack("<i", sample << 8)[:3] for sample in samples)),
        riff(1, 32, array("i", [sample << 16 for sample in samples]).tobytes()),
        riff(6, 8, lin2alaw(pcm, 2)),
        riff(7, 8, lin2ulaw(pcm, 2)),
        riff(1, 8, bytes((sample >> 8) + 128 for sample in samples)),
    ]
    for data in kinds:
        found = array("h", sound_files.to_telephone(data))
        assert max(abs(a - b) for a, b in zip(found, plain, strict=True)) < 1000


def test_opus_is_read_too(staff: Client) -> None:
    tone = array("h", a_wav(rate=8000, seconds=2.0)[44:])
    file = io.BytesIO()
    write_opus(file, [Piece(tone, tone)], bits_per_s=24_000, serial=7)
    assert upload(staff, "hello", file.getvalue()).status_code == 422  # a call: two people in streams of their own
    assert upload(staff, "hello", one_stream(tone)).status_code == 200
    assert ScenarioRecording.objects.get().duration_ms == pytest.approx(2000, abs=100)


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"ID3\x04" + bytes(1000), "neither a WAV nor an Ogg"),
        (b"OggS" + bytes(1000), "damaged"),
        (b"RIFF\x00\x00\x00\x00WAVE", "damaged"),
        (riff(1, 16, bytes(32_000)), "Nothing can be heard"),
        (riff(1, 16, b"\x01\x20"), "hardly any sound"),
        (riff(1, 16, b"\x00\x20\x00\xe0" * 8000 * 31), "too long"),
        (riff(85, 16, bytes(32_000)), "not understood"),
        (riff(1, 16, bytes(32_000), rate=1), "not understood"),
    ],
)
def test_what_is_no_recording_is_refused_with_the_reason(staff: Client, data: bytes, word: str) -> None:
    reply = upload(staff, "hello", data)
    assert reply.status_code == 422
    page = reply.content.decode()
    assert word in page
    assert 'value="hello.wav"' in page
    assert not ScenarioRecording.objects.exists()


def test_a_recording_in_use_is_not_removed(staff: Client) -> None:
    upload(staff, "stop", a_wav())
    write(staff, "en/short", RIGHT.replace("say: Stop!", "say: Stop!\n    recording: stop.wav"))
    assert OwnScenario.objects.get().draft == ""
    remove = reverse("moderator:remove_scenario_recording", args=["stop.wav"])
    assert "en/short" in staff.post(remove, follow=True).content.decode()
    assert ScenarioRecording.objects.exists()
    staff.post(address("en/short", "remove_scenario"))
    staff.post(remove)
    assert not ScenarioRecording.objects.exists()


def test_the_robots_play_what_was_saved_a_moment_ago(staff: Client) -> None:
    house.install()
    campaign = house.house_campaign(CampaignKind.TRAINING, "en")
    assert campaign is not None
    upload(staff, "stop", a_wav(seconds=0.5))
    operator = an_operator(spoken_languages=["en"])
    for one in library.scenarios_for("en", Use.TRAINING):
        staff.post(address(one.slug, "switch_scenario"), {"use": "training", "on": "0"})
    write(staff, "en/short", RIGHT.replace("say: Stop!", "say: Stop!\n    recording: stop.wav"))
    talk = a_talk(operator, campaign, hang_up=False)
    assert talk.attempt.contact.scenario == "en/short"
    RobotCall.objects.all().delete()
    cast = cast_for(talk.attempt.contact.phone)
    assert cast is not None
    assert len(cast.recordings["stop.wav"]) == 8000
    write(staff, "en/short", RIGHT.replace("Stop!", "Enough!"), version=1)
    cast = cast_for(talk.attempt.contact.phone)
    assert cast is not None
    assert cast.plan.turns[0].line == "Enough!"


def test_a_moderator_tries_a_scenario_in_the_console_and_nothing_else(staff: Client, moderator: User) -> None:
    assert "robots do not run" in staff.post(address("en/refuses", "try_scenario"), follow=True).content.decode()
    house.install()
    reply = staff.post(address("en/refuses", "try_scenario"))
    assert reply["Location"] == reverse("operator:shift")
    assert staff.get(reverse("operator:shift")).status_code == 200
    body = {"key": uuid.uuid4().hex}
    state = staff.post(reverse("operator:next"), body, content_type="application/json").json()
    assert state["assignment"] is not None
    shift = open_shift(moderator)
    assert shift.campaign is not None
    assert shift.campaign.kind == CampaignKind.TRAINING
    held = moderator.assignments.get()
    assert held.contact.scenario == "en/refuses"
    real = a_running_campaign(1, language="en")
    refused = staff.post(
        reverse("operator:change_campaign"), {"campaign": str(real.pk)}, content_type="application/json"
    )
    assert refused.status_code in (403, 404)
    assert staff.post(reverse("operator:begin"), {"campaign": str(real.pk)}).status_code == 403
    ended = staff.post(reverse("operator:end"), body, content_type="application/json").json()
    assert ended["summary"] == address("en/refuses")
    assert not Shift.objects.filter(operator=moderator, ended_at=None).exists()


def test_a_trial_is_scored_as_training_and_read_by_who_tried(staff: Client, moderator: User) -> None:
    house.install()
    campaign = house.house_campaign(CampaignKind.TRAINING, "en")
    assert campaign is not None
    talk = a_talk(moderator, campaign)
    talk.wrap_up(**meant(talk))
    settle_robot_call(talk.attempt.pk)
    page = staff.get(reverse("operator:practice_call", args=[talk.attempt.pk])).content.decode()
    assert "100 of 100" in page


def test_the_folder_is_taken_into_the_database_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings.HEARTHLINE, "data", tmp_path)
    folder = tmp_path / "scenarios"
    (folder / "en").mkdir(parents=True)
    (folder / "recordings").mkdir()
    (folder / "recordings" / "stop.wav").write_bytes(a_wav())
    (folder / "en" / "short.yaml").write_text(RIGHT.replace("say: Stop!", "say: Stop!\n    recording: stop.wav"))
    (folder / "en" / "broken.yaml").write_text("turns: 3")
    first = CliRunner().invoke(command, ["take-in"])
    assert "en/short" in first.output
    assert "en/broken, line 1" in first.output
    assert OwnScenario.objects.get().slug == "en/short"
    assert ScenarioRecording.objects.get().duration_ms == 1000
    assert "0 taken in" in CliRunner().invoke(command, ["take-in"]).output
