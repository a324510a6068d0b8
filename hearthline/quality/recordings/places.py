"""Where a recording's bytes lie on this machine."""

from __future__ import annotations

import os
from pathlib import Path

from django.conf import settings

from hearthline.calls.models import Recording

WAV, OPUS = ".wav", ".opus"


def local_file(recording: Recording) -> Path | None:
    """The file in the recordings folder: as the row says, or in the other form when a step was done and not yet written down.
    None when there is none, or the path leads out of the folder."""
    return next((path for path in forms_of(recording) if path.is_file()), None)


def forms_of(recording: Recording) -> list[Path]:
    """Every path that may hold it, the one that the row says first; none outside the folder."""
    folder: Path = settings.HEARTHLINE.recordings_folder.resolve()
    named = (folder / recording.path).resolve()
    paths = dict.fromkeys((named, named.with_suffix(OPUS), named.with_suffix(WAV)))
    return [path for path in paths if path.is_relative_to(folder)]


def unfinished_of(path: Path) -> list[Path]:
    """What a step that was killed left beside a recording."""
    return list(path.parent.glob(f"{path.stem}.*.part"))


def synchronise(folder: Path) -> None:
    """What was renamed or removed in a folder is so after a power cut too."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
