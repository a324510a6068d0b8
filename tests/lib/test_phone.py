"""Numbers as people and spreadsheets write them."""

from __future__ import annotations

import re

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearthline.lib.phone import PhoneNumberError, masked, parse_phone


@pytest.mark.parametrize(
    "text",
    [
        "+79161234567", "89161234567", "79161234567", "9161234567", "8 (916) 123-45-67", "+7 916 123 45 67", "79161234567.0",
        "7.9161234567E+10", "7,9161234567E+10", "'79161234567", "\xa0+7\xa0916\xa01234567 ", "tel:+7-916-123-45-67",
        "7.9161234567e10", "8-916-123-45-67",
    ],
)  # fmt: skip
def test_one_number_in_many_ways(text: str) -> None:
    number = parse_phone(text, "RU")
    assert (number.e164, number.region) == ("+79161234567", "RU")
    assert "Europe/Moscow" in number.timezones


@pytest.mark.parametrize(
    ("text", "country", "e164"),
    [
        ("020 7946 0958", "GB", "+442079460958"),
        ("+44 20 7946 0958", "RU", "+442079460958"),
        ("442079460958", "GB", "+442079460958"),
        ("(212) 555-2368", "US", "+12125552368"),
        ("87771234567", "KZ", "+77771234567"),
    ],
)
def test_by_the_country_of_the_campaign(text: str, country: str, e164: str) -> None:
    assert parse_phone(text, country).e164 == e164


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("  ' ", "empty"),
        ("no number", "not_a_number"),
        ("ext. 5", "not_a_number"),
        ("12345", "not_possible"),
        ("+7000123456789012", "not_possible"),
        ("+71111111111", "not_valid"),
        ("+78091234567", "premium"),
        ("7.9161E+10", "precision"),
        ("7.9E+10", "precision"),
        ("1E+99", "not_a_number"),
    ],
)
def test_what_cannot_be_called_says_why(text: str, reason: str) -> None:
    with pytest.raises(PhoneNumberError) as raised:
        parse_phone(text, "RU")
    assert raised.value.reason == reason


@given(st.text(max_size=60), st.sampled_from(["RU", "US", "GB", "KZ", "XX"]))
def test_any_text_is_a_number_or_a_reason(text: str, country: str) -> None:
    number, reason = None, ""
    try:
        number = parse_phone(text, country)
    except PhoneNumberError as error:
        reason = error.reason
    if number is None:
        assert reason in {"empty", "not_a_number", "not_possible", "not_valid", "premium", "precision"}
        return
    assert re.fullmatch(r"\+[0-9]{4,15}", number.e164)
    assert parse_phone(number.e164, country) == number


_regions = st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS))


@given(
    _regions, st.sampled_from([phonenumbers.PhoneNumberFormat.NATIONAL, phonenumbers.PhoneNumberFormat.INTERNATIONAL])
)
def test_every_countrys_own_writing_is_understood(region: str, style: int) -> None:
    example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    if example is None:
        return
    e164 = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
    assert parse_phone(phonenumbers.format_number(example, style), region).e164 == e164


def test_a_float_of_a_spreadsheet_is_the_number() -> None:
    assert parse_phone(repr(79161234567.0), "RU").e164 == "+79161234567"


@given(_regions)
def test_a_mask_shows_three_digits_at_most_and_the_country(region: str) -> None:
    example = phonenumbers.example_number(region)
    if example is None:
        return
    e164 = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
    mask = masked(e164)
    assert mask.startswith(f"+{example.country_code}")
    rest = mask.removeprefix(f"+{example.country_code}")
    assert sum(c.isdigit() for c in rest) <= 3
    assert rest.count("•") >= len(e164) - len(str(example.country_code)) - 4


def test_the_mask_as_people_see_it() -> None:
    assert masked("+79161234501") == "+7 9•• •••-••-01"
    assert masked("") == masked("12") == masked("nobody") == "•••"
