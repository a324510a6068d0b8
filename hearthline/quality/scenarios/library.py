"""Every scenario of this exchange: those that come with it, and its own in the folder `scenarios` of the data folder.

Its own are read anew when a file has changed. One that cannot be read is left out and logged; `hearthline scenarios check`
says what is wrong with it.
"""

from __future__ import annotations

import logging
import wave
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from hearthline.quality.scenarios.reading import LANGUAGES, Fault, ScenarioError, read_scenario
from hearthline.quality.scenarios.scenario import Scenario, Use

logger = logging.getLogger(__name__)

BUILT_IN = Path(__file__).resolve().parent
RECORDING_FORM = (1, 2, 8000)  # channels, bytes a sample, samples a second
MAX_SCENARIOS = 300  # of one folder and language


def own_folder() -> Path:
    return Path(settings.HEARTHLINE.data) / "scenarios"


def recordings_folder() -> Path:
    """Where an exchange keeps the WAV files (8 kHz, 16 bit, mono) that its scenarios play."""
    return own_folder() / "recordings"


def all_scenarios() -> dict[str, Scenario]:
    """By slug; an exchange's own scenario hides the one of the same name that comes with it."""
    found = dict(_built_in())
    for slug, path in _files(own_folder()):
        try:
            found[slug] = _read(slug, path, path.stat().st_mtime_ns)
        except (ScenarioError, OSError) as error:
            logger.error("a scenario cannot be used: %s", error)
    return found


def scenario_of(slug: str) -> Scenario | None:
    return all_scenarios().get(slug)


def scenarios_for(language: str, use: Use) -> list[Scenario]:
    """In the order of their slugs; `language` is a BCP 47 tag."""
    code = language.split("-")[0].lower()
    found = [one for one in all_scenarios().values() if one.language == code and use in one.uses]
    return sorted(found, key=lambda one: one.slug)


def check(folder: Path) -> tuple[int, list[ScenarioError]]:
    """How many scenarios below this folder are right, and what is wrong with the others."""
    right, wrong = 0, []
    for slug, path in _files(folder):
        try:
            scenario = read_scenario(slug, path.read_text("utf-8"))
        except ScenarioError as error:
            wrong.append(error)
            continue
        except (OSError, UnicodeDecodeError) as error:
            wrong.append(ScenarioError(slug, [Fault(1, f"The file cannot be read: {error}")]))
            continue
        named = [turn.recording for turn in scenario.turns if turn.recording]
        faults = [Fault(1, sentence) for name in named if (sentence := _recording_fault(folder, name))]
        if faults:
            wrong.append(ScenarioError(slug, faults))
        else:
            right += 1
    return right, wrong


def _recording_fault(folder: Path, name: str) -> str:
    """What is wrong with a recording and how to put it right; "" when nothing is."""
    path = folder / "recordings" / name
    try:
        with wave.open(str(path), "rb") as sound:
            form = (sound.getnchannels(), sound.getsampwidth(), sound.getframerate())
    except OSError:
        return f"There is no recording {name} in {path.parent}."
    except (wave.Error, EOFError):
        form = (0, 0, 0)
    if form == RECORDING_FORM:
        return ""
    return f"{name} is no WAV of 8 kHz, 16 bit, mono. Make it one: ffmpeg -i ... -ar 8000 -ac 1 -c:a pcm_s16le {name}"


def _files(folder: Path) -> Iterable[tuple[str, Path]]:
    for language in LANGUAGES:
        for path in sorted((folder / language).glob("*.yaml"))[:MAX_SCENARIOS]:
            yield f"{language}/{path.stem}", path


@lru_cache(maxsize=1)
def _built_in() -> dict[str, Scenario]:
    return {slug: read_scenario(slug, path.read_text("utf-8")) for slug, path in _files(BUILT_IN)}


@lru_cache(maxsize=MAX_SCENARIOS)
def _read(slug: str, path: Path, _changed_ns: int) -> Scenario:
    return read_scenario(slug, path.read_text("utf-8"))
