"""Money: an integer of minor units and a currency. Never a float."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from babel import Locale
from babel.numbers import format_currency, format_decimal, get_currency_precision, get_currency_symbol

Currency = str  # ISO 4217, upper case

_OWN_SIGNS = {"RUB": "₽", "KZT": "₸", "UAH": "₴", "BYN": "Br", "GEL": "₾", "AMD": "֏"}


def minor_digits(currency: Currency) -> int:
    """How many digits the currency's minor unit has (RUB 2, JPY 0), by CLDR."""
    return get_currency_precision(currency)


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units (kopecks, cents) of one currency."""

    minor: int
    currency: Currency

    def __add__(self, other: Money) -> Money:
        self._same_currency(other)
        return Money(self.minor + other.minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same_currency(other)
        return Money(self.minor - other.minor, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def __lt__(self, other: Money) -> bool:
        self._same_currency(other)
        return self.minor < other.minor

    def __le__(self, other: Money) -> bool:
        self._same_currency(other)
        return self.minor <= other.minor

    def share(self, basis_points: int) -> Money:
        """A share in hundredths of a percent, rounded half to even to a whole minor unit."""
        exact = Decimal(self.minor) * basis_points / 10_000
        return Money(int(exact.quantize(Decimal(1), ROUND_HALF_EVEN)), self.currency)

    def as_decimal(self) -> Decimal:
        return Decimal(self.minor).scaleb(-minor_digits(self.currency))

    @classmethod
    def from_decimal(cls, amount: Decimal, currency: Currency) -> Money:
        """Exact; raises ValueError when the amount is finer than the minor unit, or no amount (NaN, infinite)."""
        if not amount.is_finite():
            raise ValueError(f"{amount} is no amount of {currency}")
        scaled = amount.scaleb(minor_digits(currency))
        if scaled != scaled.to_integral_value():
            raise ValueError(f"{amount} is finer than the smallest unit of {currency}")
        return cls(int(scaled), currency)

    def format(self, locale: str = "en") -> str:
        """For a person: '214.00 ₽', '$12.50' by the locale's rules (CLDR); a currency that the locale knows only by its code
        is written by its own sign, after the amount."""
        return _written(self.as_decimal(), self.currency, minor_digits(self.currency), locale.replace("-", "_"))

    def format_about(self, locale: str = "en") -> str:
        """For a person, of an amount that is an estimate: from 20 on without the minor part ('185 ₽')."""
        amount = self.as_decimal()
        digits = 0 if abs(amount) >= 20 else minor_digits(self.currency)
        return _written(amount, self.currency, digits, locale.replace("-", "_"))

    def _same_currency(self, other: Money) -> None:
        if self.currency != other.currency:
            raise ValueError(f"cannot combine {self.currency} with {other.currency}")


@functools.lru_cache(maxsize=2000)  # a page says the same few amounts over and over
def _written(amount: Decimal, currency: str, digits: int, locale: str) -> str:
    fraction = "." + "0" * digits if digits else ""
    sign = _OWN_SIGNS.get(currency)
    if sign and get_currency_symbol(currency, locale=locale) == currency:
        return f"{format_decimal(amount, format='#,##0' + fraction, locale=locale)}\N{NO-BREAK SPACE}{sign}"
    pattern = Locale.parse(locale).currency_formats["standard"].pattern.replace(".00", fraction)
    return format_currency(amount, currency, format=pattern, locale=locale, currency_digits=False)
