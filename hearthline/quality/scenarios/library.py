"""Every scenario of this exchange: those that come with it, those in the folder `scenarios` of this host's data folder, and its own,
which stand in the database (docs/adr/0024). A name that is in several places is the one of the last of them.

Everybody reads through here, the robots too, and anew each time: what has changed is in force for the next call. One that cannot
be read is left out and logged; its page, or `hearthline scenarios check`, says what is wrong with it.
"""

from __future__ import annotations

import logging
import wave
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from hearthline.quality.models_scenarios import OwnScenario, ScenarioRecording, ScenarioUse
from hearthline.quality.scenarios.reading import LANGUAGES, Fault, ScenarioError, read_scenario
from hearthline.quality.scenarios.scenario import Scenario, Use
from hearthline.quality.scenarios.uses import SWITCHED

logger = logging.getLogger(__name__)

BUILT_IN = Path(__file__).resolve().parent
RECORDING_FORM = (1, 2, 8000)  # channels, bytes a sample, samples a second
RATE = RECORDING_FORM[2]
MAX_SCENARIOS = 300  # of one folder and language; of an exchange's own


class Origin(StrEnum):
    BUILT_IN = "built_in"
    FOLDER = "folder"  # of this host
    OWN = "own"


@dataclass(frozen=True, slots=True)
class Entry:
    """A scenario with where it stands. `hides`: another one of the same name, which would be played without this one."""

    scenario: Scenario
    origin: Origin
    hides: bool = False


def own_folder() -> Path:
    return Path(settings.HEARTHLINE.data) / "scenarios"


def recordings_folder() -> Path:
    """WAV files (8 kHz, 16 bit, mono) of this host's folder, for what is not in the database."""
    return own_folder() / "recordings"


def entries() -> dict[str, Entry]:
    """Everything that can be played here, by slug, with its uses as they are switched. Two queries, one more for each text that has
    changed since it was read last."""
    found = {slug: Entry(scenario, Origin.BUILT_IN) for slug, scenario in _built_in().items()}
    for slug, path in _files(own_folder()):
        if (scenario := _of_file(slug, path)) is not None:
            found[slug] = Entry(scenario, Origin.FOLDER, slug in found)
    for slug, scenario in _own().items():
        found[slug] = Entry(scenario, Origin.OWN, slug in found)
    for slug, use, on in ScenarioUse.objects.values_list("slug", "use", "on"):
        if slug in found and use in SWITCHED:
            found[slug] = _switched(found[slug], Use(use), on=on)
    return found


def all_scenarios() -> dict[str, Scenario]:
    """By slug."""
    return {slug: entry.scenario for slug, entry in entries().items()}


def scenario_of(slug: str) -> Scenario | None:
    """As it is written, whatever uses are switched off. One query, unless it has changed."""
    scenario = _own([slug]).get(slug)
    if scenario is None:
        path = dict(_files(own_folder())).get(slug)
        scenario = _of_file(slug, path) if path is not None else None
    return scenario or _built_in().get(slug)


def scenarios_for(language: str, use: Use) -> list[Scenario]:
    """In the order of their slugs; `language` is a BCP 47 tag."""
    code = language.split("-")[0].lower()
    found = [one for one in all_scenarios().values() if one.language == code and use in one.uses]
    return sorted(found, key=lambda one: one.slug)


def text_of(slug: str, origin: Origin) -> str | None:
    """The YAML of this name in this place; None: there is none."""
    if origin is Origin.OWN:
        return OwnScenario.objects.filter(pk=slug).exclude(text="").values_list("text", flat=True).first()
    path = dict(_files(own_folder() if origin is Origin.FOLDER else BUILT_IN)).get(slug)
    return path.read_text("utf-8") if path is not None else None


def recordings_of(scenario: Scenario) -> dict[str, bytes]:
    """The recordings that it plays, linear and 16-bit at 8 kHz, by name; from the database, else from this host's folder. What is in
    neither, or is no such sound, is left out and logged."""
    wanted = {turn.recording for turn in scenario.turns if turn.recording}
    if not wanted:
        return {}
    rows = ScenarioRecording.objects.filter(name__in=wanted).values_list("name", "sound")
    found = {name: bytes(sound) for name, sound in rows}
    for name in wanted - found.keys():
        try:
            with wave.open(str(recordings_folder() / name), "rb") as sound:
                if _form(sound) != RECORDING_FORM:
                    raise wave.Error("it is not 8 kHz, 16 bit, mono")
                found[name] = sound.readframes(sound.getnframes())
        except (OSError, EOFError, wave.Error) as error:
            logger.error("%s cannot play %s, its words are spoken instead: %s", scenario.slug, name, error)
    return found


def recording_names() -> set[str]:
    """Of every recording that a scenario can name here."""
    kept = set(ScenarioRecording.objects.values_list("name", flat=True))
    return kept | {path.name for path in recordings_folder().glob("*.wav")}


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


def files_of(folder: Path) -> list[tuple[str, Path]]:
    """The scenarios' files below a folder, by slug."""
    return list(_files(folder))


def _recording_fault(folder: Path, name: str) -> str:
    """What is wrong with a recording and how to put it right; "" when nothing is."""
    path = folder / "recordings" / name
    try:
        with wave.open(str(path), "rb") as sound:
            form = _form(sound)
    except OSError:
        return f"There is no recording {name} in {path.parent}."
    except (wave.Error, EOFError):
        form = (0, 0, 0)
    if form == RECORDING_FORM:
        return ""
    return f"{name} is no WAV of 8 kHz, 16 bit, mono. Make it one: ffmpeg -i ... -ar 8000 -ac 1 -c:a pcm_s16le {name}"


def _form(sound: wave.Wave_read) -> tuple[int, int, int]:
    return sound.getnchannels(), sound.getsampwidth(), sound.getframerate()


def _files(folder: Path) -> Iterable[tuple[str, Path]]:
    for language in LANGUAGES:
        for path in sorted((folder / language).glob("*.yaml"))[:MAX_SCENARIOS]:
            yield f"{language}/{path.stem}", path


def _of_file(slug: str, path: Path) -> Scenario | None:
    try:
        return _read(slug, path, path.stat().st_mtime_ns)
    except (ScenarioError, OSError, UnicodeDecodeError) as error:
        logger.error("a scenario cannot be used: %s", error)
        return None


def _own(slugs: list[str] | None = None) -> Mapping[str, Scenario]:
    rows = OwnScenario.objects.exclude(text="")
    if slugs is not None:
        rows = rows.filter(pk__in=slugs)
    found = {}
    for slug, version, changed_at in rows.values_list("slug", "version", "changed_at")[:MAX_SCENARIOS]:
        try:
            found[slug] = _written(slug, version, changed_at)
        except ScenarioError as error:  # another version of the exchange has read it without a fault
            logger.error("a scenario cannot be used: %s", error)
        except OwnScenario.DoesNotExist:  # taken away in this moment
            continue
    return found


def _switched(entry: Entry, use: Use, *, on: bool) -> Entry:
    uses = entry.scenario.uses | {use} if on else entry.scenario.uses - {use}
    return replace(entry, scenario=replace(entry.scenario, uses=uses))


@lru_cache(maxsize=1)
def _built_in() -> dict[str, Scenario]:
    return {slug: read_scenario(slug, path.read_text("utf-8")) for slug, path in _files(BUILT_IN)}


@lru_cache(maxsize=MAX_SCENARIOS)
def _read(slug: str, path: Path, _changed_ns: int) -> Scenario:
    return read_scenario(slug, path.read_text("utf-8"))


@lru_cache(maxsize=MAX_SCENARIOS)
def _written(slug: str, version: int, changed_at: datetime) -> Scenario:
    return read_scenario(slug, OwnScenario.objects.get(pk=slug, version=version, changed_at=changed_at).text)
