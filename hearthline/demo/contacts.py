"""The robots that are called: their numbers, names and characters; the same at every start."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from hearthline.demo.campaigns import CAMPAIGNS, DemoCampaign
from hearthline.switch.robots.characters import WEIGHTS, Character

CONTACTS_EACH = 60
_SEED = 20_260


@dataclass(frozen=True, slots=True)
class DemoContact:
    phone: str  # E.164
    name: str
    character: Character
    data: dict[str, str]


def contacts_of(campaign: DemoCampaign) -> Iterator[DemoContact]:
    dice = random.Random(f"{_SEED}:{campaign.language}")  # noqa: S311 - make-believe, not secrecy
    drawn = dice.choices(list(WEIGHTS), list(WEIGHTS.values()), k=CONTACTS_EACH)
    for number, character in enumerate([*campaign.overture, *drawn][:CONTACTS_EACH]):
        yield DemoContact(
            phone=f"+{campaign.first_number + number}",
            name=campaign.names[number % len(campaign.names)],
            character=character,
            data={
                "last_visit": f"{dice.randint(1, 12):02d}.{dice.randint(2022, 2024)}",
                "doctor": dice.choice(campaign.doctors),
            },
        )


def characters() -> dict[str, Character]:
    """Number → character, for the provider and for whoever must know what a robot meant."""
    found = {contact.phone: contact.character for campaign in CAMPAIGNS for contact in contacts_of(campaign)}
    return {**found, **{campaign.manager_number: Character.MANAGER for campaign in CAMPAIGNS}}
