"""The check of microphone, sound, line and browser before the first call of a day: what it found, whom it is offered, where it is kept.

The operator's page measures and judges, since only it can; what it says is believed as far as it helps the operator, and nothing is
paid by it. It is kept with the shift so that whoever hears a bad call later sees how the line was before it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _

from hearthline.calls.models import Attempt, LineKind, OwnPhone, Shift
from hearthline.lib import clock
from hearthline.lib.errors import InvalidInputError, NotAllowedError
from hearthline.people.models import User
from hearthline.quality.models_readiness import LineCheck

ITEMS = {  # codes and the units of their values
    "browser": "version",
    "noise": "dBFS",
    "echo": "dB above the noise",
    "microphone": "dBFS",
    "round_trip": "ms",
    "jitter": "ms",
    "loss": "%",
    "timers": "ms late",
}
STATES = ("good", "fair", "bad", "unknown")
GOOD_FOR = timedelta(hours=24)
LARGEST_VALUE = 1e6


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a check is due, may be left out, and whether there is a recent one of this device."""

    due: bool
    may_skip: bool
    checked: bool


def standing(operator: User, device: str) -> Standing:
    """Due once in 24 hours, and on a device that this operator has not checked; never for a telephone as the line."""
    return beside(User.objects.filter(pk=operator.pk).values(**columns("pk", device)).get())


def columns(operator: str, device: str) -> dict[str, Exists]:
    """For a query of something that has an operator in its field `operator`: what `beside` makes its standing from."""
    telephones = OwnPhone.objects.filter(user=OuterRef(operator)).exclude(kind=LineKind.BROWSER)
    return {"by_telephone": Exists(telephones), "checked": Exists(_recent(OuterRef(operator), device))}


def beside(row: Mapping[str, Any]) -> Standing:
    mode = settings.HEARTHLINE.readiness_check
    due = mode != "off" and not row["checked"] and not row["by_telephone"]
    return Standing(due=due, may_skip=mode != "required", checked=row["checked"])


def _recent(operator: User | OuterRef, device: str) -> QuerySet[LineCheck]:
    """Checks of this device that are still good; an empty `device` has none."""
    since = clock.now() - GOOD_FOR
    return LineCheck.objects.filter(operator=operator, device=device, checked_at__gte=since).exclude(device="")


def record(*, operator: User, device: str, items: Sequence[Any]) -> LineCheck:
    """Keep what the page found. Raises InvalidInputError for what no page of ours sends."""
    found = [_item(one) for one in items]
    if [one["code"] for one in found] != list(ITEMS):
        raise _not_understood()
    return _keep(operator, device, items=found)


def skip(*, operator: User, device: str) -> LineCheck:
    """Not today. Raises NotAllowedError where the exchange asks for the check."""
    if settings.HEARTHLINE.readiness_check == "required":
        raise NotAllowedError(_("This exchange asks for the check before the first call. It takes half a minute."))
    return _keep(operator, device, skipped=True)


def keep_with_shift(shift: Shift, device: str) -> None:
    """The shift has begun on this device: its check, if one was made in time, belongs to it."""
    last = _recent(shift.operator, device).order_by("-checked_at").first()
    if last is not None:
        last.shifts.add(shift)


def check_of(attempt: Attempt) -> LineCheck | None:
    """The last check of the call's shift before the call, or one that was made in it later."""
    checks = list(LineCheck.objects.filter(shifts=attempt.shift_id).order_by("checked_at"))
    before = [check for check in checks if check.checked_at <= attempt.dialled_at]
    return before[-1] if before else (checks[0] if checks else None)


def worst_of(check: LineCheck) -> str:
    """ "bad", "fair" or "good"; what could not be measured is no fault."""
    states = {str(one["state"]) for one in check.items}
    return next((state for state in ("bad", "fair") if state in states), "good")


def _keep(operator: User, device: str, **fields: Any) -> LineCheck:
    with transaction.atomic():
        check = LineCheck.objects.create(operator=operator, device=device, checked_at=clock.now(), **fields)
        open_shift = Shift.objects.filter(operator=operator, ended_at=None).first()
        if open_shift is not None:
            check.shifts.add(open_shift)
    return check


def _item(raw: Any) -> dict[str, Any]:
    if not isinstance(raw, Mapping):
        raise _not_understood()
    code, state, value = raw.get("code"), raw.get("state"), raw.get("value")
    number = value is None or (isinstance(value, int | float) and not isinstance(value, bool))
    if code not in ITEMS or state not in STATES or not number:
        raise _not_understood()
    if value is not None and not (math.isfinite(value) and abs(value) <= LARGEST_VALUE):
        raise _not_understood()
    return {"code": code, "state": state, "value": value if value is None else round(float(value), 1)}


def _not_understood() -> InvalidInputError:
    return InvalidInputError(_("The page sent something that is not understood. Reload it."))
