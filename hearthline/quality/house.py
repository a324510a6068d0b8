"""The exchange's own campaigns, in which robots answer: training, the test call, the tutorial, and the home of golden contacts.

They are made and brought up to date when the robots start. Nobody pays in them, so they need no balance and no prices.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import transaction

from hearthline.campaigns.models import (
    Campaign,
    CampaignKind,
    CampaignManager,
    CampaignState,
    Disposition,
    DispositionKind,
    ResultField,
)
from hearthline.lib import clock
from hearthline.lib.ids import derived_id
from hearthline.people.models import Organisation
from hearthline.quality.house_words import ENGLISH, RUSSIAN, HouseWords

_NAMESPACE = uuid.UUID("a4b3c0de-2b1f-4d2c-9f0e-5d6f7a8b9c10")
ORGANISATION = derived_id(_NAMESPACE, "organisation")
WORDS: Mapping[str, HouseWords] = {"ru": RUSSIAN, "en": ENGLISH}
MANAGERS: Mapping[str, str] = {"+000000000000001": "ru", "+000000000000002": "en"}  # robots that take hand-overs
COLUMNS = ("last_visit", "doctor")


@dataclass(frozen=True, slots=True)
class Manners:
    """How the campaigns differ from each other."""

    kind: CampaignKind
    state: CampaignState = CampaignState.RUNNING


_KINDS = (
    Manners(CampaignKind.TRAINING),
    Manners(CampaignKind.TEST),
    Manners(CampaignKind.TUTORIAL),
    Manners(CampaignKind.GOLDEN, CampaignState.DRAFT),  # nobody works in it
)
REMEMBERED_S = 60


def house_id(kind: CampaignKind | str, language: str) -> uuid.UUID:
    return derived_id(_NAMESPACE, f"{kind}:{language}")


def house_campaign(kind: CampaignKind | str, language: str) -> Campaign | None:
    """None: the robots have never run here, or not in this language."""
    code = language.split("-")[0].lower()
    return Campaign.objects.select_related("organisation").filter(pk=house_id(kind, code)).first()


def install() -> None:
    """Make what is missing, bring the rest up to date. Safe to repeat, also in two processes."""
    with transaction.atomic():
        Organisation.objects.update_or_create(
            pk=ORGANISATION,
            defaults={"name": settings.HEARTHLINE.name, "currency": settings.HEARTHLINE.currency_code},
        )
        for language, words in WORDS.items():
            for manners in _KINDS:
                _campaign(manners, language, words)


def _campaign(manners: Manners, language: str, words: HouseWords) -> None:
    kind = manners.kind
    campaign, made = Campaign.objects.update_or_create(
        pk=house_id(kind, language),
        defaults={
            "organisation_id": ORGANISATION,
            "kind": kind,
            "name": words.names[kind],
            "brief": words.briefs.get(kind, ""),
            "language": language,
            "country": words.country,
            "timezone": words.timezone,
            "script": words.script,
            "columns": [{"key": key, "title": words.columns[key]} for key in COLUMNS],
            "window_start": time(0, 0),
            "window_end": time(23, 59),
            "level_required": 0,
            "max_attempts": 1,
            "max_duration_s": 300,
            "min_talk_s": 5,
            "record_calls": True,
        },
    )
    if made:
        campaign.state, campaign.started_at = manners.state, clock.now()
        campaign.save(update_fields=["state", "started_at"])
    _form(campaign, words)
    number = next(number for number, code in MANAGERS.items() if code == language)
    if kind in (CampaignKind.TUTORIAL, CampaignKind.TRAINING):
        CampaignManager.objects.update_or_create(campaign=campaign, phone=number, defaults={"name": words.desk})


def _form(campaign: Campaign, words: HouseWords) -> None:
    for position, field in enumerate(words.fields):
        values: dict[str, Any] = {**field, "position": position}
        ResultField.objects.update_or_create(campaign=campaign, key=values.pop("key"), defaults=values)
    for key, (title, kind) in enumerate(words.outcomes, start=1):
        values = {"title": title, "kind": kind, "payable": kind in _CONVERSATIONS}
        Disposition.objects.update_or_create(campaign=campaign, key=key, defaults=values)


_CONVERSATIONS = (DispositionKind.SUCCESS, DispositionKind.REFUSAL)


def practice_for(languages: Sequence[str]) -> list[Campaign]:
    """The campaigns of training and tutorial in these languages, in their order. Remembered for a minute: they change with an
    upgrade, and the page of choice is opened often."""
    key = f"practice:{','.join(languages)}"
    remembered: list[Campaign] | None = cache.get(key)
    if remembered is not None:
        return remembered
    wanted = [house_id(kind, code) for code in languages for kind in (CampaignKind.TUTORIAL, CampaignKind.TRAINING)]
    found = {row.pk: row for row in Campaign.objects.filter(pk__in=wanted, state=CampaignState.RUNNING)}
    offered = [found[id] for id in wanted if id in found]
    if offered:
        cache.set(key, offered, REMEMBERED_S)
    return offered
