"""Which column of a file is what: guessed from headings and contents, corrected by the owner."""

from __future__ import annotations

import re
from collections.abc import Mapping as Map
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext_lazy as _

from hearthline.campaigns.columns import MAX_COLUMNS, MAX_TITLE
from hearthline.campaigns.imports.places import zone_of_place
from hearthline.campaigns.imports.reading import Row
from hearthline.lib.errors import InvalidInputError
from hearthline.lib.phone import PhoneNumberError, parse_phone

SAMPLE_ROWS = 60

_PHONE = re.compile(
    r"\b(phone|tel|telephone|mobile|cell|number|whatsapp|тел|телефон\w*|моб\w*|сотов\w*|номер\w*)\b", re.I
)
_NAME = re.compile(
    r"\b(name|full name|contact|customer|client|person|fio|имя|фио|контакт\w*|клиент\w*|заказчик|абонент)\b", re.I
)
_PLACE = re.compile(r"\b(time ?zone|tz|utc|gmt|city|town|час\w* пояс|таймзона|город|нас\w* пункт)\b", re.I)


@dataclass(frozen=True, slots=True)
class Mapping:
    """Places are counted from 0. `columns` are what the campaign keeps besides: {place: title}; the rest is left out.
    `header`: the first row is headings."""

    phone: int
    name: int | None = None
    timezone: int | None = None
    columns: dict[int, str] = field(default_factory=dict)
    header: bool = True

    def as_json(self) -> dict[str, Any]:
        return {
            "phone": self.phone,
            "name": self.name,
            "timezone": self.timezone,
            "columns": {str(place): title for place, title in self.columns.items()},
            "header": self.header,
        }

    @classmethod
    def from_json(cls, data: Map[str, Any], *, width: int) -> Mapping:
        """Raises InvalidInputError for a mapping that does not fit a file of `width` columns."""
        try:
            phone = _place(data.get("phone"), width)
            name, timezone = _place(data.get("name"), width), _place(data.get("timezone"), width)
            columns = {
                place: str(title)[:MAX_TITLE]
                for key, title in dict(data.get("columns") or {}).items()
                if (place := _place(key, width)) is not None
            }
        except (TypeError, ValueError):
            raise InvalidInputError(_("This choice of columns does not fit the file. Choose again.")) from None
        if phone is None:
            raise InvalidInputError(_("Say which column has the phone numbers."))
        if phone in (name, timezone):
            raise InvalidInputError(_("The column with phone numbers cannot be something else too."))
        if len(columns) > MAX_COLUMNS:
            raise InvalidInputError(_("A campaign has at most %(limit)s columns.") % {"limit": MAX_COLUMNS})
        columns.pop(phone, None)  # a number is never shown
        return cls(phone, name, timezone, columns, bool(data.get("header", True)))


def guess_columns(rows: Sequence[Row], country: str) -> Mapping | None:
    """The most likely mapping by the first rows of a file; None when no column has phone numbers."""
    if not rows:
        return None
    width = max(len(row.cells) for row in rows)
    first, rest = rows[0], rows[1:SAMPLE_ROWS]
    header = not any(_is_phone(cell, country) for cell in first.cells)
    body = list(rest) if header else list(rows[:SAMPLE_ROWS])
    headings = {place: first.cell(place) if header else "" for place in range(width)}
    phone = _best(width, lambda place: _phone_score(place, headings[place], body, country), least=0.3)
    if phone is None:
        return None
    taken = {phone}
    timezone = _best(width, lambda place: _place_score(place, headings[place], body), least=0.6, taken=taken)
    taken |= {timezone} if timezone is not None else set()
    name = _best(width, lambda place: _name_score(place, headings[place], body), least=0.5, taken=taken)
    others = {
        place: headings[place] or _("Column %(number)s") % {"number": place + 1}
        for place in range(width)
        if place not in (phone, name) and (headings[place] or any(row.cell(place) for row in body))
    }
    return Mapping(phone, name, timezone, {place: str(title)[:MAX_TITLE] for place, title in others.items()}, header)


def _best(width: int, score: Any, *, least: float, taken: set[int] = frozenset()) -> int | None:  # type: ignore[assignment]
    scores = [(score(place), -place) for place in range(width) if place not in taken]
    best, place = max(scores, default=(0.0, 0))
    return -place if best >= least else None


def _phone_score(place: int, heading: str, rows: Sequence[Row], country: str) -> float:
    cells = [cell for row in rows if (cell := row.cell(place))]
    share = sum(_is_phone(cell, country) for cell in cells) / len(cells) if cells else 0.0
    return share + (0.3 if _PHONE.search(heading) else 0.0)


def _name_score(place: int, heading: str, rows: Sequence[Row]) -> float:
    cells = [cell for row in rows if (cell := row.cell(place))]
    if not cells:
        return 0.0
    full = sum(_looks_like_name(cell, fewest=2) for cell in cells) / len(cells)
    any_name = sum(_looks_like_name(cell, fewest=1) for cell in cells) / len(cells)
    said = bool(_NAME.search(heading))
    return full * 0.6 + (0.8 if said and any_name > 0.3 else 0.0)


def _place_score(place: int, heading: str, rows: Sequence[Row]) -> float:
    cells = [cell for row in rows if (cell := row.cell(place))]
    known = sum(zone_of_place(cell) is not None for cell in cells) / len(cells) if cells else 0.0
    return known * 0.6 + (0.5 if _PLACE.search(heading) and known > 0.2 else 0.0)


def _looks_like_name(text: str, *, fewest: int) -> bool:
    words = text.replace(".", " ").split()
    return fewest <= len(words) <= 5 and all(word[0].isupper() and word.replace("-", "").isalpha() for word in words)


def _is_phone(text: str, country: str) -> bool:
    if sum(character.isdigit() for character in text) < 7 or len(text) > 40:
        return False
    try:
        parse_phone(text, country)
    except PhoneNumberError as error:
        return error.reason in ("precision", "premium")
    return True


def _place(value: Any, width: int) -> int | None:
    if value is None or value == "":
        return None
    place = int(value)
    if not 0 <= place < width:
        raise ValueError("no such column")
    return place
