"""Which telephones the exchange calls back as lines, what that costs, and up to where the exchange pays.

The exchange pays for these calls. Against toll fraud: only ordinary numbers, of the countries that the admin allows, with a
price in the tariff; a code from the page must be pressed on a telephone that is new; and what one person's telephone may cost
within 24 hours has a limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from hearthline.calls.models import Line, LineKind
from hearthline.ledger import services as ledger
from hearthline.ledger import tariffs
from hearthline.lib.errors import ConflictError, InvalidInputError, NotAllowedError
from hearthline.lib.ids import derived_id
from hearthline.lib.money import Money
from hearthline.lib.phone import PhoneNumberError, is_ordinary, parse_phone
from hearthline.people.models import User

LIMIT_WINDOW = timedelta(hours=24)
LINES_BOUND = 1_000  # of one person within the window; the ringing bound below keeps it far lower
RINGS_WINDOW = timedelta(hours=1)
RINGS_BOUND = 12  # times that one person's telephone is rung within an hour
STRANGER_RINGS_BOUND = 3  # the same for a telephone that has not been confirmed: it may be somebody else's
UNSEEN_BOUND = timedelta(
    minutes=15
)  # a switch without call control hangs up after this: a leg cannot have lasted longer


class CallbackLimitError(NotAllowedError):
    code = "callback_limit"


@dataclass(frozen=True, slots=True)
class Budget:
    """Within the last 24 hours."""

    used: Money
    limit: Money

    @property
    def left(self) -> Money:
        return Money(max(0, self.limit.minor - self.used.minor), self.limit.currency)


@dataclass(frozen=True, slots=True)
class End:
    """When the exchange hangs an open telephone up, as far as it is known beforehand."""

    at: datetime
    why: str  # "limit": what the exchange pays is used up; "time_up": it was open for the longest time there is


def offered() -> bool:
    """Whether this exchange calls telephones back at all."""
    return bool(settings.HEARTHLINE.callback_countries)


def callable_number(text: str) -> str:
    """The number in E.164. Raises InvalidInputError or NotAllowedError with a sentence on what to do."""
    countries = settings.HEARTHLINE.callback_countries
    if not countries:
        raise NotAllowedError(_("This exchange calls no telephones back. Use the browser, or ask the admin."))
    try:
        number = parse_phone(text, countries[0])
    except PhoneNumberError as error:
        if error.reason == "premium":
            raise _not_ordinary() from error
        raise InvalidInputError(
            _("This is no telephone number. Write it with the country's code, as +7 916 123-45-67.")
        ) from error
    if number.region not in countries:
        raise NotAllowedError(_("The exchange does not call telephones in this country. Choose another number."))
    if not is_ordinary(number.e164):
        raise _not_ordinary()
    rate_of(number.e164)
    return number.e164


def _not_ordinary() -> NotAllowedError:
    return NotAllowedError(
        _("The exchange calls ordinary telephones only, at home or in a pocket. Choose another number.")
    )


def rate_of(e164: str) -> tariffs.Rate:
    """Raises NotAllowedError when the tariff has no price for it."""
    rate = tariffs.rate_of(e164)
    if rate is None:
        raise NotAllowedError(
            _("The exchange has no price for calls to this telephone, so it cannot call it. Ask the admin.")
        )
    return rate


def answered_lately(now: datetime) -> Q:
    """The lines that count against a person's limit."""
    return Q(kind=LineKind.CALLBACK, opened_at__gt=now - LIMIT_WINDOW, answered_at__isnull=False)


def budget(user: User, now: datetime) -> Budget:
    return budget_of(list(Line.objects.filter(answered_lately(now), user=user)[:LINES_BOUND]), now)


def budget_of(lines: list[Line], now: datetime) -> Budget:
    """`lines`: one person's, those of `answered_lately`."""
    currency = settings.HEARTHLINE.currency_code
    used = sum(cost_of(line, now).minor for line in lines)
    return Budget(Money(used, currency), Money(settings.HEARTHLINE.callback_limit_minor, currency))


def end_of(line: Line, lines: list[Line]) -> End | None:
    """Of an answered telephone; None for other lines. `lines`: its person's, with those of `answered_lately`."""
    if line.kind == LineKind.BROWSER or line.answered_at is None:
        return None
    longest = timedelta(seconds=settings.HEARTHLINE.phone_line_longest_s)
    if line.kind == LineKind.CALLBACK:
        others = [row for row in lines if row.kind == LineKind.CALLBACK and row.answered_at and row.pk != line.pk]
        affordable = rate_of_line(line).seconds_for(budget_of(others, line.answered_at).left)
        if affordable is not None and timedelta(seconds=affordable) < longest:
            return End(line.answered_at + timedelta(seconds=affordable), "limit")
    return End(line.answered_at + longest, "time_up")


def require_budget(user: User, now: datetime) -> Budget:
    """Raises CallbackLimitError when nothing is left."""
    found = budget(user, now)
    if found.left.minor <= 0:
        raise CallbackLimitError(
            _(
                "What the exchange pays for your telephone within a day is used up. Work with the browser until tomorrow."
            )
        )
    return found


def require_patience(user: User, number: str, now: datetime, *, confirmed: bool) -> None:
    """Raises ConflictError when this person has had telephones rung too often lately."""
    rung = Line.objects.filter(user=user, kind=LineKind.CALLBACK, opened_at__gt=now - RINGS_WINDOW)
    too_often = rung.count() >= RINGS_BOUND
    if not confirmed:
        too_often = too_often or rung.filter(number=number).count() >= STRANGER_RINGS_BOUND
    if too_often:
        raise ConflictError(_("Your telephone has been called very often. Wait an hour, or use the browser."))


def rate_of_line(line: Line) -> tariffs.Rate:
    """The price that was shown when the line was opened."""
    return tariffs.Rate(
        line.number.removeprefix("+"), line.per_minute_micro, line.connection_micro, settings.HEARTHLINE.currency_code
    )


def cost_of(line: Line, now: datetime) -> Money:
    """Of a line's call until its end, or until now; begun seconds count in full."""
    if line.answered_at is None:
        return Money(0, settings.HEARTHLINE.currency_code)
    return rate_of_line(line).cost(_seconds((line.left_at or now) - line.answered_at))


def _seconds(length: timedelta) -> int:
    """Begun ones in full; a call that was answered has at least one."""
    return max(1, -(-length // timedelta(seconds=1)))


def leg_is_gone(line: Line, at: datetime) -> bool:
    """Write down the end of a telephone's leg and post what it has cost, in the caller's transaction; once, however often it
    is told. False when that was done before."""
    ended = max(at, line.answered_at or at)
    if Line.objects.filter(pk=line.pk, left_at=None).update(left_at=ended) != 1:
        return False
    line.left_at = ended
    if line.kind == LineKind.CALLBACK and line.answered_at is not None:
        cost = ledger.TelephoneCost(id=derived_id(line.pk, "telephone"), amount=cost_of(line, ended))
        ledger.record_telephone_cost(cost, reference=f"line:{line.pk}")
    return True


def latest_end(line: Line, now: datetime) -> datetime:
    """When a leg that went while nobody watched ended at the latest: what is owed to a provider is never understated."""
    seen = line.seen_at or line.answered_at or now
    return min(now, seen + UNSEEN_BOUND)
