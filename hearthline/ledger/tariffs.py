"""What a second of telephone costs the exchange: by the longest prefix in the active tariffs.

Prices are in millionths of the currency's major unit; a call's cost is added up in them and rounded to the minor unit
once, upwards, so that what is owed to a provider is never understated. Where two active tariffs have the same prefix,
the dearer counts, for the same reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from hearthline.ledger.models import Tariff, TariffRow
from hearthline.lib.errors import NotAllowedError
from hearthline.lib.money import Money, minor_digits

MAX_PREFIX = 15  # digits of an E.164 number
_MICRO = 1_000_000


class UnpricedDestinationError(NotAllowedError):
    """No active tariff has a price for this destination."""

    code = "unpriced_destination"

    def __init__(self) -> None:
        super().__init__(_("There is no price for calls to this destination, so it cannot be called."))


@dataclass(frozen=True, slots=True)
class Rate:
    """Micro units a minute (billed by the second) and for the connection."""

    prefix: str
    per_minute_micro: int
    connection_micro: int
    currency: str

    def cost(self, talk_s: int) -> Money:
        """Of an answered call that lasted `talk_s` seconds, begun seconds counted in full; zero for one not answered."""
        if talk_s <= 0:
            return Money(0, self.currency)
        minor_per_major = 10 ** minor_digits(self.currency)
        micro_60 = self.connection_micro * 60 + self.per_minute_micro * talk_s  # sixtieths of a micro unit
        return Money(-(-micro_60 * minor_per_major // (60 * _MICRO)), self.currency)

    def seconds_for(self, amount: Money) -> int | None:
        """The longest call that costs no more than `amount`; None when no length would (minutes are free)."""
        micro_60 = amount.minor * 60 * _MICRO // 10 ** minor_digits(self.currency) - self.connection_micro * 60
        if micro_60 < 0:
            return 0
        return micro_60 // self.per_minute_micro if self.per_minute_micro else None

    def per_minute(self) -> Money:
        """For a person to read: a minute, rounded up to a minor unit."""
        return Rate(self.prefix, self.per_minute_micro, 0, self.currency).cost(60)


class Rates:
    """All active prices in memory, for work on many numbers at once (an import of a million rows)."""

    def __init__(self, rows: Iterable[Rate]) -> None:
        self._by_prefix: dict[str, Rate] = {}
        for row in rows:
            known = self._by_prefix.get(row.prefix)
            if known is None or _dearness(known) < _dearness(row):
                self._by_prefix[row.prefix] = row

    def __len__(self) -> int:
        return len(self._by_prefix)

    def rate_of(self, e164: str) -> Rate | None:
        for prefix in _prefixes(e164):
            if rate := self._by_prefix.get(prefix):
                return rate
        return None

    def is_priced(self, e164: str) -> bool:
        return self.rate_of(e164) is not None


def all_rates(currency: str | None = None) -> Rates:
    """Every active price, read once."""
    return Rates(_active(currency))


def rate_of(e164: str, currency: str | None = None) -> Rate | None:
    """The price of a destination, or None when there is none: one query."""
    return Rates(_active(currency, _prefixes(e164))).rate_of(e164)


def is_priced(e164: str, currency: str | None = None) -> bool:
    return rate_of(e164, currency) is not None


def priced_sql(number: str) -> str:
    """`is_priced` as an SQL condition, for statements that must not ask twice: `number` is an SQL expression of an E.164
    number; the statement's parameter `currency` is the currency."""
    prefixes = ", ".join(f"substr({number}, 2, {length})" for length in range(1, MAX_PREFIX + 1))
    return (
        f"EXISTS (SELECT 1 FROM {TariffRow._meta.db_table} r JOIN {Tariff._meta.db_table} t ON t.id = r.tariff_id "  # noqa: S608
        f"WHERE t.active AND t.currency = %(currency)s AND r.prefix IN ({prefixes}))"
    )


def telephone_cost(e164: str, talk_s: int, currency: str | None = None) -> Money:
    """What an answered call costs the exchange. Raises UnpricedDestinationError."""
    rate = rate_of(e164, currency)
    if rate is None:
        raise UnpricedDestinationError
    return rate.cost(talk_s)


def _active(currency: str | None, prefixes: list[str] | None = None) -> list[Rate]:
    rows = TariffRow.objects.filter(tariff__active=True, tariff__currency=currency or settings.HEARTHLINE.currency_code)
    if prefixes is not None:
        rows = rows.filter(prefix__in=prefixes)
    found = rows.values_list("prefix", "per_minute_micro", "connection_micro", "tariff__currency")
    return [Rate(*row) for row in found.iterator(chunk_size=5000)]


def _prefixes(e164: str) -> list[str]:
    """'+7916' → ['7916', '791', '79', '7']: the longest first."""
    digits = e164.removeprefix("+")[:MAX_PREFIX]
    if not (digits.isascii() and digits.isdigit()):
        raise ValueError("not an E.164 number")
    return [digits[:length] for length in range(len(digits), 0, -1)]


def _dearness(rate: Rate) -> tuple[int, int]:
    return rate.per_minute_micro, rate.connection_micro
