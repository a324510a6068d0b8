"""What moderators change about scenarios: their text, which uses are switched on, the recordings that they play.

Whatever is saved is kept. A text with faults is kept beside the one that is played, as a draft, until it is right.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from hearthline.lib import clock
from hearthline.lib.errors import ConflictError, InvalidInputError, NotAllowedError, NotFoundError
from hearthline.people import audit
from hearthline.people.models import Role, User
from hearthline.quality.models_scenarios import OwnScenario, ScenarioRecording, ScenarioUse
from hearthline.quality.scenarios import library, sound_files
from hearthline.quality.scenarios.reading import (
    LANGUAGES,
    MAX_BYTES,
    RECORDING_NAME,
    Fault,
    ScenarioError,
    read_scenario,
)
from hearthline.quality.scenarios.scenario import Scenario, Use
from hearthline.quality.scenarios.uses import SWITCHED, why_unfit

MAX_RECORDINGS = 200
SLUG = re.compile(rf"({'|'.join(LANGUAGES)})/[a-z0-9_-]{{1,60}}")


@dataclass(frozen=True, slots=True)
class Saved:
    """`faults`: why the text is only a draft; none: it is played from now on."""

    row: OwnScenario
    faults: Sequence[Fault]


class ChangedMeanwhileError(ConflictError):
    code = "changed_meanwhile"

    def __init__(self) -> None:
        super().__init__(
            _(
                "Somebody else has saved this scenario meanwhile. Your text is still here: compare both, then save again."
            )
        )


def faults_of(slug: str, text: str) -> tuple[Scenario | None, Sequence[Fault]]:
    """What the text would be under this name here, or what is wrong with it."""
    try:
        return read_scenario(slug, text, library.recording_names()), ()
    except ScenarioError as error:
        return None, error.faults


def save(*, slug: str, text: str, version: int, by: User, request: HttpRequest | None = None) -> Saved:
    """Keep the text: played from now on if it is right, else as a draft. `version`: of the row that it was made from, 0 where there
    is none. Raises NotAllowedError, InvalidInputError for a name that is none, ChangedMeanwhileError, ConflictError."""
    _require_staff(by)
    if not SLUG.fullmatch(slug):
        raise InvalidInputError(_("Name the scenario by small letters, digits, - and _: wrong_person"))
    text = text.replace("\r\n", "\n").replace("\x00", "")
    if len(text.encode()) > MAX_BYTES:
        raise InvalidInputError(_("The text is too long: at most %(most)s bytes.") % {"most": MAX_BYTES})
    _scenario, faults = faults_of(slug, text)
    changes = {"draft": text if faults else "", "changed_at": clock.now(), "changed_by": by}
    if not faults:
        changes["text"] = text
    with transaction.atomic():
        if version:
            rows = OwnScenario.objects.filter(pk=slug, version=version)
            if rows.update(version=version + 1, **changes) != 1:
                raise ChangedMeanwhileError
        else:
            _create(slug, changes)
        audit.record(audit.Tag.WEB_SCENARIO_CHANGED, by, slug, {"draft": bool(faults)}, request)
    return Saved(OwnScenario.objects.get(pk=slug), faults)


def _create(slug: str, values: dict[str, object]) -> None:
    if OwnScenario.objects.count() >= library.MAX_SCENARIOS:
        raise ConflictError(
            _("There are %(most)s scenarios already. Remove one first.") % {"most": library.MAX_SCENARIOS}
        )
    try:
        with transaction.atomic():
            OwnScenario.objects.create(slug=slug, **values)
    except IntegrityError:
        raise ChangedMeanwhileError from None


def remove(*, slug: str, by: User, request: HttpRequest | None = None) -> None:
    """Take away one of the exchange's own; what it hid is played again. Raises NotFoundError."""
    _require_staff(by)
    with transaction.atomic():
        if not OwnScenario.objects.filter(pk=slug).delete()[0]:
            raise NotFoundError(_("There is no such scenario."))
        if slug not in library.entries():
            ScenarioUse.objects.filter(slug=slug).delete()
        audit.record(audit.Tag.WEB_SCENARIO_REMOVED, by, slug, None, request)


def switch(*, slug: str, use: Use, on: bool, by: User, request: HttpRequest | None = None) -> None:
    """Whether operators meet the scenario in this use from now on. Raises ConflictError for one that does not fit."""
    _require_staff(by)
    entry = library.entries().get(slug)
    if entry is None:
        raise NotFoundError(_("There is no such scenario."))
    if use not in SWITCHED:
        raise InvalidInputError(_("The tutorial is a scenario of its own; it is not switched."))
    if on and (sentence := why_unfit(entry.scenario, use)):
        raise ConflictError(sentence)
    with transaction.atomic():
        ScenarioUse.objects.update_or_create(slug=slug, use=use.value, defaults={"on": on})
        details = {"use": use.value, "on": on}
        audit.record(audit.Tag.WEB_SCENARIO_SWITCHED, by, slug, details, request)


def keep_recording(*, name: str, data: bytes, by: User, request: HttpRequest | None = None) -> ScenarioRecording:
    """A recording in whatever form it was made, under the name by which scenarios call it; one of that name is replaced.
    Raises InvalidInputError."""
    _require_staff(by)
    if not RECORDING_NAME.fullmatch(name):
        raise InvalidInputError(_("Name the recording by small letters, digits, - and _: hello.wav"))
    sound = sound_files.to_telephone(data)
    with transaction.atomic():
        replaced = ScenarioRecording.objects.filter(name=name).delete()[0]
        if not replaced and ScenarioRecording.objects.count() >= MAX_RECORDINGS:
            raise ConflictError(
                _("There are %(most)s recordings already. Remove one first.") % {"most": MAX_RECORDINGS}
            )
        row = ScenarioRecording.objects.create(
            name=name,
            sound=sound,
            duration_ms=len(sound) // 2 * 1000 // sound_files.RATE,
            uploaded_at=clock.now(),
            uploaded_by=by,
        )
        audit.record(audit.Tag.WEB_SCENARIO_RECORDING_KEPT, by, name, {"duration_ms": row.duration_ms}, request)
    return row


def remove_recording(*, name: str, by: User, request: HttpRequest | None = None) -> None:
    """Raises ConflictError while a scenario plays it, NotFoundError."""
    _require_staff(by)
    if played_by := players_of(name):
        words = {"scenarios": ", ".join(played_by)}
        raise ConflictError(_("These scenarios play it: %(scenarios)s. Change them first.") % words)
    with transaction.atomic():
        if not ScenarioRecording.objects.filter(name=name).delete()[0]:
            raise NotFoundError(_("There is no such recording."))
        audit.record(audit.Tag.WEB_SCENARIO_RECORDING_REMOVED, by, name, None, request)


def players_of(name: str) -> list[str]:
    """The slugs of the scenarios that play a recording."""
    found = library.all_scenarios()
    return sorted(slug for slug, one in found.items() if any(turn.recording == name for turn in one.turns))


def take_in(folder: Path) -> tuple[list[str], list[ScenarioError]]:
    """Everything right of a folder into the database, so that every host has it. What is there already stays as it is. Returns
    the slugs and names that were taken in, and what is wrong with the others."""
    taken: list[str] = []
    wrong: list[ScenarioError] = []
    for path in sorted((folder / "recordings").glob("*.wav")):
        if RECORDING_NAME.fullmatch(path.name) and not ScenarioRecording.objects.filter(name=path.name).exists():
            sound = sound_files.to_telephone(path.read_bytes())
            ScenarioRecording.objects.create(
                name=path.name,
                sound=sound,
                duration_ms=len(sound) // 2 * 1000 // sound_files.RATE,
                uploaded_at=clock.now(),
            )
            taken.append(path.name)
    for slug, path in library.files_of(folder):
        text = path.read_text("utf-8")
        _scenario, faults = faults_of(slug, text)
        if faults:
            wrong.append(ScenarioError(slug, faults))
        elif SLUG.fullmatch(slug) and not OwnScenario.objects.filter(pk=slug).exists():
            OwnScenario.objects.create(slug=slug, text=text, changed_at=clock.now())
            taken.append(slug)
    if taken:
        audit.record(audit.Tag.CLI_SCENARIOS_TAKEN_IN, None, "", {"taken": taken})
    return taken, wrong


def _require_staff(by: User) -> None:
    if by.role not in (Role.MODERATOR, Role.ADMIN) or not by.is_active:
        raise NotAllowedError(_("Only moderators change scenarios."))
