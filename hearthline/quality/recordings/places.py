"""Where a recording's bytes lie on this machine."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from hearthline.calls.models import Recording


def local_file(recording: Recording) -> Path | None:
    """The file in the recordings folder: as the row says, or in the other form when a step was done and not yet written down.
    None when there is none, or the path leads out of the folder."""
    folder: Path = settings.HEARTHLINE.recordings_folder.resolve()
    named = (folder / recording.path).resolve()
    for path in (named, named.with_suffix(".opus"), named.with_suffix(".wav")):
        if path.is_relative_to(folder) and path.is_file():
            return path
    return None
