"""The operator's form: what was typed becomes what is kept, or a sentence beside each field that cannot be kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.translation import gettext as _

from hearthline.campaigns.models import Campaign, Disposition, FieldKind, ResultField
from hearthline.lib.errors import InvalidInputError

MAX_TEXT = 2000  # characters
MAX_DIGITS = 20
DATE_FORMATS = ("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y")
_TRUE = frozenset({"yes", "true", "1", "on", "да", "y"})
_FALSE = frozenset({"no", "false", "0", "off", "нет", "n"})

Kept = str | bool | None


class FieldErrors(InvalidInputError):
    """Some fields cannot be kept. `fields` is {field key: sentence}; also in the JSON as `fields`."""

    code = "invalid_fields"

    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__(_("Some answers need another look; see beside them."), fields=fields)
        self.fields = fields


def clean_result(campaign: Campaign, values: Mapping[str, Any], disposition: Disposition | None) -> dict[str, Kept]:
    """What is kept of the operator's answers: {field key: text, ISO date, decimal as text, or bool}; unanswered ones are
    left out.

    Required fields are asked for only when the disposition is payable: a refusal needs no answers. With `disposition`
    None (a draft) nothing is required. Raises FieldErrors, with a sentence for each field. Unknown keys are dropped.
    """
    required = disposition is not None and disposition.payable
    return clean_fields(list(campaign.fields.all()), values, required=required)


def clean_fields(fields: Sequence[ResultField], values: Mapping[str, Any], *, required: bool) -> dict[str, Kept]:
    kept: dict[str, Kept] = {}
    errors: dict[str, str] = {}
    for field in fields:
        try:
            value = _clean(field, values.get(field.key))
        except ValueError as error:
            errors[field.key] = str(error)
            continue
        if value is None:
            if required and field.required:
                errors[field.key] = _("Please fill this in.")
            continue
        kept[field.key] = value
    if errors:
        raise FieldErrors(errors)
    return kept


def _clean(field: ResultField, value: Any) -> Kept:
    """None: no answer. Raises ValueError with a sentence."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, bool):
        if field.kind != FieldKind.YES_NO:
            raise ValueError(_("This answer has the wrong form."))
        return value
    if not isinstance(value, str | int | float | Decimal):
        raise ValueError(_("This answer has the wrong form."))
    text = str(value).replace("\x00", "").strip()
    match field.kind:
        case FieldKind.NUMBER:
            return _number(text)
        case FieldKind.CHOICE:
            if text not in field.choices:
                raise ValueError(_("Choose one of: %(choices)s.") % {"choices": ", ".join(map(str, field.choices))})
            return text
        case FieldKind.DATE:
            return _date(text)
        case FieldKind.YES_NO:
            return _yes_no(text)
        case _:
            if len(text) > MAX_TEXT:
                raise ValueError(_("At most %(limit)s characters, please.") % {"limit": MAX_TEXT})
            return text


def _number(text: str) -> str:
    plain = text.replace("\xa0", "").replace(" ", "").replace("\u202f", "").replace(",", ".")
    try:
        number = Decimal(plain)
    except InvalidOperation:
        raise ValueError(_("Write a number, such as 12 or 3.5.")) from None
    if not number.is_finite() or len(number.as_tuple().digits) > MAX_DIGITS or abs(number.adjusted()) > MAX_DIGITS:
        raise ValueError(_("Write a number of at most %(limit)s digits.") % {"limit": MAX_DIGITS})
    return f"{number:f}"


def _date(text: str) -> str:
    for form in DATE_FORMATS:
        try:
            found: date = datetime.strptime(text, form).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
        if 1900 <= found.year <= 2200:
            return found.isoformat()
    raise ValueError(_("Write a day, such as 2026-03-25 or 25.03.2026."))


def _yes_no(text: str) -> bool:
    word = text.casefold()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError(_("Answer yes or no."))
