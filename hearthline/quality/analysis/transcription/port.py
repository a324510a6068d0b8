"""What a recogniser of speech is asked for, and which one this exchange has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, cast

from django.conf import settings
from django.utils.module_loading import import_string

from hearthline.quality.analysis.frames import Samples


class TranscriptionError(Exception):
    """The recogniser is not there, fails or takes too long; the text says which."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Some words of one person. Times in milliseconds from the beginning of what was given."""

    start_ms: int
    end_ms: int
    text: str


class Transcriber(Protocol):
    def transcribe(self, samples: Samples, language: str) -> list[Heard]:
        """What one person says. `samples`: 8 kHz, 16 bit, with all silences; `language`: BCP 47 ("ru"). Runs in the worker; must
        end by itself. Raises TranscriptionError."""
        ...


def configured() -> Transcriber | None:
    """Made anew from what the admin named: the path of a class or function without arguments. Raises TranscriptionError."""
    path = settings.HEARTHLINE.transcriber
    if not path:
        return None
    try:
        return cast(Transcriber, import_string(path)())
    except (ImportError, TypeError) as error:
        raise TranscriptionError(f"{path} cannot be used: {error}") from error
