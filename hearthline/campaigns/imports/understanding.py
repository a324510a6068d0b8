"""One row of a file becomes one contact, or a problem with a code."""

from __future__ import annotations

from collections.abc import Mapping as Map
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from hearthline.campaigns.contacts import MAX_NAME, PHONE_SENTENCES, zone_of
from hearthline.campaigns.imports.mapping import Mapping
from hearthline.campaigns.imports.places import zone_of_place
from hearthline.campaigns.imports.reading import MAX_CELL, Row
from hearthline.campaigns.models import Campaign
from hearthline.lib.phone import PhoneNumberError, parse_phone


@dataclass(frozen=True, slots=True)
class NewContact:
    row_number: int
    phone: str  # E.164
    name: str
    timezone: str
    data: dict[str, str]


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row is no contact; `column` is its place from 0."""

    row: Row
    code: str
    column: int


class Reader:
    """Understands rows of one file. `keys` is {place: column key} of the campaign's own columns."""

    def __init__(self, campaign: Campaign, mapping: Mapping, keys: Map[int, str]) -> None:
        self._campaign = campaign
        self._mapping = mapping
        self._keys = dict(keys)

    def understand(self, row: Row) -> NewContact | Problem:
        mapping = self._mapping
        for place, cell in enumerate(row.cells):
            if len(cell) > MAX_CELL:
                return Problem(row, "cell_too_long", place)
        try:
            number = parse_phone(row.cell(mapping.phone), self._campaign.country)
        except PhoneNumberError as error:
            return Problem(row, error.reason, mapping.phone)
        said = row.cell(mapping.timezone)
        # a place that is not known is no reason to lose a contact: the number's own zone is used
        zone = (zone_of_place(said) if said else None) or zone_of(number, self._campaign)
        name = " ".join(row.cell(mapping.name).split())[:MAX_NAME]
        data = {key: cell for place, key in self._keys.items() if (cell := row.cell(place))}
        return NewContact(row.number, number.e164, name, zone, data)


_OTHER_SENTENCES = {"cell_too_long": _("Column %(column)s holds more than 1000 characters.")}


def problem_sentence(problem: Problem) -> str:
    """For a person, in the active language."""
    return str(PHONE_SENTENCES.get(problem.code) or _OTHER_SENTENCES[problem.code]) % {"column": problem.column + 1}
