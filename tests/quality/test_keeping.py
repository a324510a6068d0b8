"""From the switch's WAV to what is kept: nothing is lost wherever a step is killed, nothing is left lying about."""

from __future__ import annotations

import os
import sys
from array import array
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import connections
from django.db.models import QuerySet

from hearthline.calls.models import Deletion, Recording, RecordingPlace, RecordingStage
from hearthline.lib import clock
from hearthline.people.audit import Tag
from hearthline.quality.recordings import keeping, retention
from hearthline.quality.recordings.samples import open_samples
from tests.quality.s3_server import S3Server
from tests.quality.sounds import RATE, in_turns, level_db, write_wav

pytestmark = pytest.mark.django_db(transaction=True)
Recorder = Callable[..., Recording]


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and "talk" in path.name)


def heard(recording: Recording) -> tuple[array[int], array[int]]:
    contact, right = array("h"), array("h")
    with open_samples(recording) as pieces:
        for piece in pieces:
            contact.extend(piece.contact)
            right.extend(piece.heard)
    return contact, right


def test_a_recording_becomes_small_and_the_same_is_heard(record: Recorder, folder: Path) -> None:
    recording = record(seconds=8)
    wav_size, before = recording.size, heard(recording)
    assert keeping.due(clock.now()) == [str(recording.pk)]
    assert keeping.due(clock.now()) == []  # it is taken
    keeping.go_on(str(recording.pk))
    recording.refresh_from_db()
    assert (recording.stage, recording.path, recording.duration_ms) == ("kept", "2026/11/25/talk.opus", 8000)
    assert files(folder) == ["2026/11/25/talk.opus"]
    assert recording.size == (folder / recording.path).stat().st_size < wav_size / 12
    assert len(recording.sha256) == 64
    contact, right = heard(recording)
    half = 4 * RATE
    assert len(contact) == len(right) == len(before[0]) == 8 * RATE
    assert (
        abs(level_db(contact[:half]) - level_db(before[0][:half]))
        < 3
        > abs(level_db(right[half:]) - level_db(before[1][half:]))
    )
    assert recording.outline is not None
    said, listened = recording.outline
    assert len(said) == len(listened) == 400
    assert max(said[:190]) > 30 > 5 > max(said[210:])
    keeping.go_on(str(recording.pk))  # once more is nothing
    assert keeping.due(clock.now() + timedelta(days=1)) == []


def killed_at(step: int, work: Callable[[], None]) -> bool:
    """Do the work in a process that is killed at its `step`th touch of disk or database. False: it came to its end."""
    connections.close_all()
    child = os.fork()
    if child == 0:
        left = step

        def touch() -> None:
            nonlocal left
            left -= 1
            if left < 0:
                os._exit(9)

        real = QuerySet.update

        def update(self: QuerySet[Any], **changes: Any) -> int:
            touch()
            changed = real(self, **changes)
            touch()
            return changed

        QuerySet.update = update  # type: ignore[method-assign]
        sys.addaudithook(lambda name, _args: touch() if name in ("os.rename", "os.remove", "os.fsync") else None)
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    _pid, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) in (0, 9)
    return os.waitstatus_to_exitcode(status) == 9


@pytest.mark.usefixtures("sqlite_file")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_worker_killed_anywhere_loses_nothing_and_leaves_nothing(record: Recorder, folder: Path) -> None:
    step, kills = 0, 0
    while True:
        recording = record(name=f"talk-{step}")
        killed = killed_at(step, lambda id=str(recording.pk): keeping.go_on(id))  # type: ignore[misc]
        kills += killed
        recording.refresh_from_db()
        assert len(heard(recording)[0]) == 2 * RATE  # whatever happened, it can be heard
        keeping.go_on(str(recording.pk))
        recording.refresh_from_db()
        assert (recording.stage, files(folder)) == ("kept", [f"talk-{step}.opus"])
        assert len(heard(recording)[0]) == 2 * RATE
        (folder / recording.path).unlink()
        step += 1
        if not killed:
            break
    assert kills > 5


@pytest.mark.usefixtures("sqlite_file")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_deletion_killed_anywhere_is_finished_later(record: Recorder, folder: Path) -> None:
    step = 0
    while True:
        recording = record(name=f"talk-{step}")
        (folder / f"talk-{step}.0a0b.part").write_bytes(b"left by a worker that was killed")
        retention.delete_recording(
            recording=recording, actor=None, why=Deletion.STAFF, source=Tag.CLI_RECORDING_DELETED
        )
        killed = killed_at(step, lambda id=str(recording.pk): keeping.go_on(id))  # type: ignore[misc]
        keeping.go_on(str(recording.pk))
        recording.refresh_from_db()
        assert recording.purged_at is not None
        assert files(folder) == []
        step += 1
        if not killed:
            break
    assert step > 3


def test_a_file_that_is_newer_than_the_row_is_taken_up(record: Recorder, folder: Path) -> None:
    """As after a backup was restored: the row says WAV, only the packed file is there."""
    recording = record()
    keeping.go_on(str(recording.pk))
    Recording.objects.filter(pk=recording.pk).update(stage="raw", path="2026/11/25/talk.wav", sha256="", outline=None)
    keeping.go_on(str(recording.pk))
    recording.refresh_from_db()
    assert (recording.stage, recording.path) == ("kept", "2026/11/25/talk.opus")
    assert len(recording.sha256) == 64


def test_what_is_no_recording_is_left_as_it_is_after_many_tries(record: Recorder, folder: Path) -> None:
    recording = record()
    (folder / recording.path).write_bytes(b"RIFF, but nothing else")
    at = clock.now()
    for _ in range(keeping.MOST_TRIES):
        at += timedelta(hours=2)
        with time_machine.travel(at, tick=False):
            assert keeping.due(at) == [str(recording.pk)]
            keeping.go_on(str(recording.pk))
    recording.refresh_from_db()
    assert recording.stage == RecordingStage.STUCK
    assert files(folder) == ["2026/11/25/talk.wav"]
    assert keeping.due(at + timedelta(days=9)) == []


def test_a_packed_file_that_sounds_otherwise_is_not_taken(record: Recorder, folder: Path, monkeypatch: Any) -> None:
    recording = record()
    real = keeping.read_wav
    monkeypatch.setattr(keeping, "read_wav", lambda file: (type(p)(p.heard, p.heard) for p in real(file)))
    other = write_wav(folder / "other.wav", *reversed(in_turns(2)))
    assert other.exists()
    with monkeypatch.context() as patch:  # the encoder is given other samples than were recorded
        patch.setattr(keeping, "write_opus", lambda file, pieces, **more: _swapped(file, pieces, more))
        keeping.go_on(str(recording.pk))
    recording.refresh_from_db()
    assert (recording.stage, recording.tries) == (RecordingStage.RAW, 1)
    assert files(folder) == ["2026/11/25/talk.wav"]


def _swapped(file: Any, pieces: Any, more: Any) -> int:
    from hearthline.quality.recordings.opus_file import Piece, write_opus

    return write_opus(file, (Piece(array("h", bytes(2 * len(p.heard))), p.heard) for p in pieces), **more)


# --- the bucket -------------------------------------------------------------------------------------------------------


def test_packed_recordings_go_to_the_bucket_and_are_heard_from_there(
    s3: S3Server, record: Recorder, folder: Path
) -> None:
    recording = record()
    keeping.go_on(str(recording.pk))
    recording.refresh_from_db()
    assert (recording.stage, recording.place) == (RecordingStage.KEPT, RecordingPlace.BUCKET)
    assert files(folder) == []
    objects = list(s3.seen_by_the_sdk().objects.all())
    assert [(one.key, one.size) for one in objects] == [("recordings/2026/11/25/talk.opus", recording.size)]
    assert len(heard(recording)[0]) == 2 * RATE
    retention.delete_recording(recording=recording, actor=None, why=Deletion.STAFF, source=Tag.CLI_RECORDING_DELETED)
    keeping.go_on(str(recording.pk))
    assert list(s3.seen_by_the_sdk().objects.all()) == []


@pytest.mark.usefixtures("sqlite_file")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_an_upload_killed_anywhere_is_finished_later(s3: S3Server, record: Recorder, folder: Path) -> None:
    step = 0
    while True:
        recording = record(name=f"talk-{step}")
        killed = killed_at(step, lambda id=str(recording.pk): keeping.go_on(id))  # type: ignore[misc]
        recording.refresh_from_db()
        assert len(heard(recording)[0]) == 2 * RATE
        keeping.go_on(str(recording.pk))
        recording.refresh_from_db()
        assert (recording.stage, recording.place, files(folder)) == ("kept", "bucket", [])
        step += 1
        if not killed:
            break
    assert len(list(s3.seen_by_the_sdk().objects.all())) == step > 6


def test_an_outage_of_the_bucket_loses_nothing(
    s3: S3Server, record: Recorder, folder: Path, settings: Any, monkeypatch: Any
) -> None:
    recording = record()
    monkeypatch.setattr(settings.HEARTHLINE, "s3_endpoint", "http://127.0.0.1:1")  # nobody listens there
    at = clock.now()
    for n in range(keeping.MOST_TRIES + 3):  # however long it lasts
        at += timedelta(hours=2)
        with time_machine.travel(at, tick=False):
            assert keeping.due(at) == [str(recording.pk)]
            keeping.go_on(str(recording.pk))
        recording.refresh_from_db()
        assert (recording.stage, recording.tries) == (RecordingStage.PACKED, n + 1)
        assert len(heard(recording)[0]) == 2 * RATE
    monkeypatch.setattr(settings.HEARTHLINE, "s3_endpoint", s3.endpoint)
    keeping.go_on(str(recording.pk))
    recording.refresh_from_db()
    assert (recording.stage, recording.place, files(folder)) == ("kept", "bucket", [])


def test_a_wrong_key_is_refused_and_the_recording_stays(
    s3: S3Server, record: Recorder, folder: Path, settings: Any, monkeypatch: Any
) -> None:
    recording = record()
    monkeypatch.setattr(settings.HEARTHLINE, "s3_secret_key", "another")
    keeping.go_on(str(recording.pk))
    recording.refresh_from_db()
    assert (recording.stage, recording.place) == (RecordingStage.PACKED, RecordingPlace.FOLDER)
    assert "2026/11/25/talk.opus" in files(folder)
    monkeypatch.setattr(settings.HEARTHLINE, "s3_secret_key", s3.secret_key)
    assert list(s3.seen_by_the_sdk().objects.all()) == []
