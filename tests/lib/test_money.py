from __future__ import annotations

import operator
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearthline.lib.money import Money, minor_digits

minors = st.integers(-(10**15), 10**15)
currencies = st.sampled_from(["RUB", "EUR", "JPY", "KWD"])


@given(minors, currencies)
def test_to_decimal_and_back_is_the_same(minor: int, currency: str) -> None:
    money = Money(minor, currency)
    assert Money.from_decimal(money.as_decimal(), currency) == money


@given(st.integers(0, 10**12), st.integers(0, 10_000))
def test_a_share_and_the_rest_are_the_whole(minor: int, basis_points: int) -> None:
    whole = Money(minor, "RUB")
    share = whole.share(basis_points)
    assert 0 <= share.minor <= minor
    assert share + (whole - share) == whole
    assert abs(share.minor * 10_000 - minor * basis_points) <= 5_000  # half a coin at most


def test_a_share_of_half_a_coin_goes_to_the_even_one() -> None:
    assert [Money(minor, "RUB").share(5_000).minor for minor in (1, 3, 5, 7)] == [0, 2, 2, 4]


@given(minors, minors, currencies)
def test_sums_are_those_of_whole_numbers(a: int, b: int, currency: str) -> None:
    assert (Money(a, currency) + Money(b, currency)).minor == a + b
    assert (Money(a, currency) - Money(b, currency)).minor == a - b
    assert -Money(a, currency) == Money(-a, currency)


@pytest.mark.parametrize("operation", [operator.add, operator.sub, operator.lt, operator.le, operator.gt, operator.ge])
def test_two_currencies_are_never_combined_nor_compared(operation: Callable[[Money, Money], object]) -> None:
    with pytest.raises(ValueError, match="cannot combine"):
        operation(Money(1, "RUB"), Money(1, "EUR"))


@given(minors, minors)
def test_of_two_amounts_the_larger_is_more(a: int, b: int) -> None:
    assert max(Money(a, "RUB"), Money(b, "RUB")).minor == max(a, b)
    assert (Money(a, "RUB") >= Money(b, "RUB")) == (a >= b)


@pytest.mark.parametrize("text", ["0.001", "1.999", "NaN", "Infinity"])
def test_what_is_finer_than_a_coin_or_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="RUB"):
        Money.from_decimal(Decimal(text), "RUB")


def test_coins_by_currency_and_words_by_locale() -> None:
    assert [minor_digits(c) for c in ("RUB", "JPY", "KWD")] == [2, 0, 3]
    assert Money(21_400, "RUB").format("ru") == "214,00\xa0₽"
    assert Money(-5, "EUR").format("en") == "-€0.05"
    assert Money(1_234, "JPY").format("en") == "¥1,234"


def test_an_estimate_has_no_minor_part_where_it_is_not_small() -> None:
    assert Money(18_554, "RUB").format_about("ru") == "186\xa0₽"
    assert Money(18_554, "RUB").format_about("en") == "186\xa0₽"
    assert Money(554, "USD").format_about("en") == "$5.54"
    assert Money(18_554, "JPY").format_about("en") == "¥18,554"
