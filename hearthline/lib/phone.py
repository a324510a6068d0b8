"""Phone numbers: E.164 in, E.164 kept, a mask for people and logs."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

import phonenumbers
from phonenumbers import PhoneNumberType, timezone

_SCIENTIFIC = re.compile(r"^\s*(\d+(?:[.,]\d+)?)[eE]\+?(\d{1,2})\s*$")
_TRAILING_ZERO = re.compile(r"^\s*(\+?\d{5,})[.,]0+\s*$")

ORDINARY_TYPES = frozenset(
    {
        PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE, PhoneNumberType.VOIP,
    }
)  # fmt: skip
PREMIUM_TYPES = frozenset({PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST})


class PhoneNumberError(ValueError):
    """The text is no phone number that can be called; `reason` is a code for the person's sentence."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    e164: str  # "+79161234567"
    region: str  # ISO 3166 alpha-2, or "" for non-geographic numbers
    timezones: tuple[str, ...]  # IANA names, most likely first; empty when unknown


def parse_phone(text: str, country: str) -> PhoneNumber:
    """Understand a number as people and spreadsheets write it: '8 (916) 123-45-67', '7.9161E+10', '79161234567.0'.

    `country` is the ISO 3166 alpha-2 code whose national notation is assumed. Raises PhoneNumberError with the reason
    "empty", "not_a_number", "not_possible" (wrong length), "not_valid" (no such range), "premium" or "precision"
    (scientific notation that lost digits).
    """
    cleaned = _from_spreadsheet(text)
    if not cleaned:
        raise PhoneNumberError("empty")
    candidates = [cleaned]
    if cleaned[0] != "+" and cleaned.isdigit() and len(cleaned) >= 11:
        candidates.append("+" + cleaned)  # an international number that lost its plus
    failure = "not_a_number"
    for candidate in candidates:
        try:
            number = phonenumbers.parse(candidate, country)
        except phonenumbers.NumberParseException:
            continue
        if not phonenumbers.is_possible_number(number):
            failure = "not_possible"
            continue
        if not phonenumbers.is_valid_number(number):
            failure = "not_valid"
            continue
        if phonenumbers.number_type(number) in PREMIUM_TYPES:
            raise PhoneNumberError("premium")
        return PhoneNumber(
            e164=phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164),
            region=phonenumbers.region_code_for_number(number) or "",
            timezones=tuple(z for z in timezone.time_zones_for_number(number) if z != "Etc/Unknown"),
        )
    raise PhoneNumberError(failure)


def is_ordinary(e164: str) -> bool:
    """A telephone in a home, an office or a pocket: no premium, satellite, toll-free, pager or service number."""
    try:
        number = phonenumbers.parse(e164, None)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_valid_number(number) and phonenumbers.number_type(number) in ORDINARY_TYPES


@functools.lru_cache(maxsize=2000)  # a table of results is drawn anew after each call
def masked(e164: str) -> str:
    """'+7 9•• •••-••-01': the country code, the first digit and the last two; the rest are dots."""
    try:
        number = phonenumbers.parse(e164, None)
    except phonenumbers.NumberParseException:
        return "•••"
    formatted = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    prefix = f"+{number.country_code}"
    rest = formatted[len(prefix) :]
    total = sum(c.isdigit() for c in rest)
    shown: list[str] = []
    seen = 0
    for c in rest:
        if c.isdigit():
            seen += 1
            shown.append(c if seen == 1 or seen > total - 2 else "•")
        else:
            shown.append(c)
    return prefix + "".join(shown)


def _from_spreadsheet(text: str) -> str:
    """Undo what a spreadsheet did to a number: floats, scientific notation, non-breaking spaces, a leading apostrophe."""
    text = text.replace("\xa0", " ").strip().lstrip("'").strip()
    if match := _TRAILING_ZERO.match(text):
        return match[1]
    if match := _SCIENTIFIC.match(text):
        mantissa, exponent = match[1].replace(",", "."), int(match[2])
        whole, _, fraction = mantissa.partition(".")
        if exponent > 15 or len(fraction) > exponent:
            raise PhoneNumberError("not_a_number")
        if len(fraction) < exponent - 4:
            raise PhoneNumberError("precision")  # the last digits were rounded away: a different person would be called
        return whole + fraction + "0" * (exponent - len(fraction))
    return text
