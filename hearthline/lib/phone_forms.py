"""The ways one number is written: by networks that deliver a call to it, by people in a spreadsheet, aloud."""

from __future__ import annotations

import re

import phonenumbers
from phonenumbers import PhoneNumberFormat

from hearthline.lib.phone import PhoneNumberError, parse_phone

SHORTEST_NATIONAL = 7  # digits; a shorter form without its country may be anybody's extension
LONGEST_CALLER = 20
_NOT_DIGITS = re.compile(r"\D")
_CALLER = re.compile(r"\+?[0-9*#]{1,20}")


def dialled_forms(e164: str) -> tuple[str, ...]:
    """Digits under which a provider may deliver a call to this number: international with and without 00, national with and
    without the trunk prefix. '+74951234567': 74951234567, 0074951234567, 84951234567, 4951234567."""
    international = e164.lstrip("+")
    forms = [international, f"00{international}"]
    try:
        number = phonenumbers.parse(e164, None)
    except phonenumbers.NumberParseException:
        return tuple(forms)
    national = _NOT_DIGITS.sub("", phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL))
    bare = phonenumbers.national_significant_number(number)
    forms += [form for form in (national, bare) if len(form) >= SHORTEST_NATIONAL]
    return tuple(dict.fromkeys(forms))


def caller_of(text: str, region: str) -> str:
    """A caller's number as a provider gave it, as E.164 where it can be understood; "" when it was withheld or is none.
    `region`: ISO 3166 code of the country whose national notation is assumed."""
    text = text.strip()[:LONGEST_CALLER]
    if not _CALLER.fullmatch(text):
        return ""
    try:
        return parse_phone(text, region).e164
    except PhoneNumberError:
        return text


def written_like(e164: str, example: str) -> str:
    """The number as a spreadsheet has another one: with plus or without, in groups or not, national or international."""
    number = phonenumbers.parse(e164, None)
    example = example.strip()
    national = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
    if example.startswith("+"):
        grouped = phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
        return e164 if example[1:].isdigit() else grouped
    if not example.isdigit():
        return national
    international = e164[1:]
    if len(example) >= len(international) and example.startswith(str(number.country_code)):
        return international
    digits = _NOT_DIGITS.sub("", national)
    bare = phonenumbers.national_significant_number(number)
    return bare if len(example) <= len(bare) else digits


def spoken(e164: str) -> str:
    """As somebody says it, for a voice: its national groups with pauses, '8, 495, 123, 45, 67'."""
    national = phonenumbers.format_number(phonenumbers.parse(e164, None), PhoneNumberFormat.NATIONAL)
    return ", ".join(re.findall(r"\d+", national))
