"""What becomes of a recording after its call, step by step: packed, kept where it belongs, deleted.

    raw ──pack──▶ packed ──settle──▶ kept          any of them ──delete──▶ deleted_at ──purge──▶ purged_at

Each step leaves the row as it was until what it made is safe on disk, and begins by clearing away what a former try left; so a
step that was killed anywhere is simply done again. The WAV goes last, when the Opus file has been read back and checked.
A step is taken by moving `due_at` on: whoever dies with it gives it back after `LEASE`.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db.models import Q

from hearthline.calls.models import Recording, RecordingPlace, RecordingStage
from hearthline.lib import clock
from hearthline.quality.analysis.listening import forget
from hearthline.quality.recordings.object_storage import (
    MissingObjectError,
    StorageError,
    configured_bucket,
    key_of,
    required_bucket,
)
from hearthline.quality.recordings.ogg import DamagedError
from hearthline.quality.recordings.opus import OpusError
from hearthline.quality.recordings.opus_file import read_opus, write_opus
from hearthline.quality.recordings.outlines import Outliner
from hearthline.quality.recordings.places import OPUS, WAV, forms_of, local_file, synchronise, unfinished_of
from hearthline.quality.recordings.samples import read_wav

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=20)  # far longer than the packing of the longest call takes
AT_ONCE = 50  # recordings that one look takes
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=1)
MOST_TRIES = 12  # of what is wrong with the recording itself: some seven hours
CONTENT_TYPES = {WAV: "audio/wav", OPUS: "audio/ogg; codecs=opus"}
_QUIET = 40.0  # of 32768: below, levels are not compared
_LEVEL_RATIO = 2.0  # 6 dB: a codec changes a level by less, another recording or a mute one by more


class NotAsRecordedError(Exception):
    """The packed file is not the recording; the sentence says in what it differs."""


class MissingFileError(Exception):
    """There is no file to pack."""


def due(now: datetime) -> list[str]:
    """Take the recordings for which something is to be done, at most AT_ONCE: their ids. Each is taken by one caller only."""
    waiting = Q(stage__in=(RecordingStage.RAW, RecordingStage.PACKED), duration_ms__isnull=False, deleted_at=None)
    rows = Recording.objects.filter(
        waiting | Q(deleted_at__isnull=False, purged_at=None), due_at__lte=now
    ).values_list("pk", "due_at")  # fmt: skip
    taken = []
    for pk, due_at in rows.order_by("due_at")[:AT_ONCE]:
        if Recording.objects.filter(pk=pk, due_at=due_at).update(due_at=now + LEASE):
            taken.append(str(pk))
    return taken


def go_on(id: str) -> None:
    """Do for a recording what is to be done, as far as it goes. What fails is tried again later; nothing is lost by it."""
    for _ in range(3):  # pack, settle, and a deletion that came in between
        recording = Recording.objects.filter(pk=id).first()
        if recording is None:
            return
        step = _step_of(recording)
        if step is None:
            return
        try:
            step(recording)
        except (DamagedError, NotAsRecordedError, OpusError, MissingFileError) as error:
            _put_off(recording, error, give_up=True)
            return
        except (StorageError, OSError) as error:
            _put_off(recording, error, give_up=False)
            return


def _step_of(recording: Recording) -> Callable[[Recording], None] | None:
    if recording.deleted_at is not None:
        return purge if recording.purged_at is None else None
    if recording.duration_ms is None:
        return None
    return {RecordingStage.RAW: pack, RecordingStage.PACKED: settle}.get(RecordingStage(recording.stage))


def _put_off(recording: Recording, error: Exception, *, give_up: bool) -> None:
    """Not now: later. What lies in the recording itself is given up after MOST_TRIES; a storage or disk that is away is not."""
    tries = recording.tries + 1
    pause = min(FIRST_PAUSE * 2 ** min(tries - 1, 10), LONGEST_PAUSE)
    changes = {"tries": tries, "due_at": clock.now() + pause}
    if give_up and tries >= MOST_TRIES and recording.stage == RecordingStage.RAW:
        changes["stage"] = RecordingStage.LOST if isinstance(error, MissingFileError) else RecordingStage.STUCK
    Recording.objects.filter(pk=recording.pk).update(**changes)
    log = logger.error if "stage" in changes else logger.warning
    log("recording %s: try %s failed: %s (%s)", recording.pk, tries, error, type(error).__name__)


# --- the steps --------------------------------------------------------------------------------------------------------


def pack(recording: Recording) -> None:
    """Make the Opus file, read it back, and let the row name it. The WAV stays.

    Raises MissingFileError, DamagedError, NotAsRecordedError, OpusError, OSError.
    """
    path = local_file(recording)
    if path is None:
        raise MissingFileError("there is no file of this recording")
    for left in unfinished_of(path):
        left.unlink(missing_ok=True)
    target = path.with_suffix(OPUS)
    if path.suffix == OPUS:  # a former try came as far as this, or a backup was restored that is older than the file
        heard = _read_back(path)
    else:
        heard = _make(path, target, recording)
    changed = Recording.objects.filter(pk=recording.pk, stage=RecordingStage.RAW, deleted_at=None).update(
        stage=RecordingStage.PACKED,
        path=str(Path(recording.path).with_suffix(OPUS)),
        size=target.stat().st_size,
        sha256=_digest(target),
        outline=heard.outline(),
        duration_ms=heard.samples * 1000 // 8000,
        tries=0,
    )
    if not changed and not Recording.objects.filter(pk=recording.pk, path__endswith=OPUS).exists():
        target.unlink(missing_ok=True)  # it was deleted meanwhile


def _make(source: Path, target: Path, recording: Recording) -> Outliner:
    """The Opus file of a WAV, complete and safe on disk under its name. Returns what was heard in the WAV."""
    part = target.with_name(f"{target.stem}.{secrets.token_hex(4)}.part")
    heard = Outliner()
    try:
        with source.open("rb") as wav, os.fdopen(_new(part), "wb") as file:
            bits = settings.HEARTHLINE.recordings_bits_per_s
            serial = recording.pk.int & 0xFFFFFFFF
            write_opus(file, heard.watch(read_wav(wav)), bits_per_s=bits, serial=serial)
            file.flush()
            os.fsync(file.fileno())
        compare(heard, _read_back(part))
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    synchronise(target.parent)
    return heard


def _new(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)


def _read_back(path: Path) -> Outliner:
    """Decode a file from its first byte to its last. DamagedError."""
    heard = Outliner()
    with path.open("rb") as file:
        for _piece in heard.watch(read_opus(file)):
            continue
    return heard


def compare(recorded: Outliner, packed: Outliner) -> None:
    """Raises NotAsRecordedError."""
    if packed.samples != recorded.samples:
        raise NotAsRecordedError(f"{packed.samples} samples came back of {recorded.samples}")
    for channel in (0, 1):
        was, is_now = recorded.level(channel), packed.level(channel)
        if max(was, is_now) > _QUIET and not was / _LEVEL_RATIO < is_now < was * _LEVEL_RATIO:
            raise NotAsRecordedError(f"channel {channel} has a level of {is_now:.0f} instead of {was:.0f}")


def settle(recording: Recording) -> None:
    """Bring the packed file to where it is kept, then remove what lies beside it. Raises StorageError, OSError, DamagedError."""
    wanted = RecordingPlace.BUCKET if settings.HEARTHLINE.recordings_store == "s3" else RecordingPlace.FOLDER
    if wanted == RecordingPlace.BUCKET and recording.place == RecordingPlace.FOLDER:
        _upload(recording)
        Recording.objects.filter(pk=recording.pk).update(place=RecordingPlace.BUCKET, tries=0)
        recording.place = RecordingPlace.BUCKET
    kept = local_file(recording) if recording.place == RecordingPlace.FOLDER else None
    if recording.place == RecordingPlace.FOLDER and (kept is None or _digest(kept) != recording.sha256):
        raise DamagedError("the packed file is not the one that was checked")
    for path in forms_of(recording):
        if path != kept and path.exists():
            path.unlink()
            synchronise(path.parent)
    Recording.objects.filter(pk=recording.pk, stage=RecordingStage.PACKED).update(
        stage=RecordingStage.KEPT, tries=0, due_at=clock.now()
    )  # from now on a deletion need not wait for the lease


def _upload(recording: Recording) -> None:
    """Put the packed file into the bucket and read it back."""
    path = local_file(recording)
    if path is None or path.suffix != OPUS:
        raise DamagedError("the packed file is missing")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != recording.sha256:
        raise DamagedError("the packed file is not the one that was checked")
    bucket, key = required_bucket(), key_of(recording.path)
    bucket.put(key, content, CONTENT_TYPES[OPUS])
    if hashlib.sha256(bucket.get(key)).hexdigest() != recording.sha256:
        raise StorageError("the object is not what was sent")


def purge(recording: Recording) -> None:
    """Remove every copy of a recording that was deleted. Raises StorageError, OSError."""
    bucket = configured_bucket()
    if recording.place == RecordingPlace.BUCKET or (bucket is not None and recording.stage == RecordingStage.PACKED):
        required_bucket().delete(key_of(str(Path(recording.path).with_suffix(OPUS))))
    for path in forms_of(recording):
        for one in (path, *unfinished_of(path)):
            if one.exists():
                one.unlink()
                synchronise(one.parent)
    forget(recording.pk)
    Recording.objects.filter(pk=recording.pk).update(purged_at=clock.now(), outline=None, size=0, tries=0)


def is_whole(recording: Recording) -> bool:
    """Whether a kept recording is there and has its checksum. Raises StorageError when the bucket does not answer."""
    if recording.place == RecordingPlace.BUCKET:
        try:
            content = required_bucket().get(key_of(recording.path))
        except MissingObjectError:
            return False
        return hashlib.sha256(content).hexdigest() == recording.sha256
    path = local_file(recording)
    return path is not None and _digest(path) == recording.sha256


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
