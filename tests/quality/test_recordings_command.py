"""`hearthline recordings`: what an administrator sees and can do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from hearthline.calls.models import Recording, RecordingStage
from hearthline.cli_recordings import recordings
from hearthline.doctor.exchange import look_at_storage
from hearthline.doctor.finding import State
from hearthline.lib import clock
from hearthline.people.models import AuditEntry
from hearthline.quality.recordings import keeping
from tests.quality.s3_server import S3Server

pytestmark = pytest.mark.django_db(transaction=True)
Recorder = Callable[..., Recording]


def said(*arguments: str) -> Result:
    return CliRunner().invoke(recordings, list(arguments))


def test_it_tells_what_is_whole_and_what_is_not(record: Recorder, folder: Path) -> None:
    good, bad = record(name="talk-good"), record(name="talk-bad")
    for recording in (good, bad):
        keeping.go_on(str(recording.pk))
    assert "kept      folder             2" in said("status").output
    assert said("verify").exit_code == 0
    bad.refresh_from_db()
    path = folder / bad.path
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    found = said("verify")
    assert found.exit_code == 1
    assert str(bad.pk) in found.output
    assert str(good.pk) not in found.output


def test_what_was_given_up_is_tried_again(record: Recorder, folder: Path) -> None:
    recording = record()
    Recording.objects.filter(pk=recording.pk).update(stage=RecordingStage.STUCK, tries=12)
    assert "1 recordings" in said("retry").output
    assert keeping.due(clock.now()) == [str(recording.pk)]


def test_one_is_deleted_only_when_that_is_confirmed(record: Recorder) -> None:
    recording = record()
    assert said("delete", str(recording.pk)).exit_code == 1
    recording.refresh_from_db()
    assert recording.deleted_at is None
    assert said("delete", "--yes", str(recording.pk)).exit_code == 0
    recording.refresh_from_db()
    assert recording.deletion == "staff"
    assert AuditEntry.objects.filter(tag="cli:recording:deleted", subject_id=str(recording.pk)).count() == 1
    assert said("delete", "--yes", str(recording.pk)).exit_code == 1


def test_the_storage_is_tried_out_and_filled(record: Recorder, s3: S3Server, settings: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(settings.HEARTHLINE, "recordings_store", "folder")
    recording = record()
    keeping.go_on(str(recording.pk))
    assert said("upload").exit_code == 1
    monkeypatch.setattr(settings.HEARTHLINE, "recordings_store", "s3")
    assert said("check-storage").exit_code == 0
    assert "1 recordings" in said("upload").output
    keeping.go_on(str(recording.pk))
    assert said("verify").exit_code == 0
    assert [one.key for one in s3.seen_by_the_sdk().objects.all()] == ["recordings/2026/11/25/talk.opus"]
    monkeypatch.setattr(settings.HEARTHLINE, "s3_bucket", "")
    refused = said("check-storage")
    assert refused.exit_code == 1
    assert "HEARTHLINE_S3_BUCKET" in refused.output


def test_the_doctor_tries_the_storage_out(s3: S3Server, settings: Any, monkeypatch: Any) -> None:
    assert [one.state for one in look_at_storage(settings.HEARTHLINE)] == [State.GOOD]
    monkeypatch.setattr(settings.HEARTHLINE, "s3_secret_key", "another")
    (found,) = look_at_storage(settings.HEARTHLINE)
    assert found.state is State.MISSING
    assert "403" in found.sentence
    monkeypatch.setattr(settings.HEARTHLINE, "recordings_store", "folder")
    assert list(look_at_storage(settings.HEARTHLINE)) == []
