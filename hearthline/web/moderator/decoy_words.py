"""A call to a decoy in words: how much it says, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

DAYS_FROM_H = 48

_CONFIDENCE: Mapping[str, str | Promise] = {
    "weak": gettext_lazy("Weak evidence."),
    "fair": gettext_lazy("Some evidence."),
    "strong": gettext_lazy("Strong evidence."),
}
_REASONS: Mapping[str, str | Promise] = {
    "one_stranger": gettext_lazy("The caller is not known here: it may be a wrong number."),
    "own": gettext_lazy("The caller's number is the operator's own telephone."),
    "person": gettext_lazy("The caller's number is the telephone of another person of this exchange."),
    "customer": gettext_lazy("The caller's number is that of a customer's manager."),
    "entered_by_operator": gettext_lazy("The operator has entered the number as a contact."),
    "other_decoys": gettext_lazy("Other decoys of the same operator were called, too."),
    "several_callers": gettext_lazy("It was called from several numbers."),
    "several_calls": gettext_lazy("It was called again and again."),
    "through_exchange": gettext_lazy(
        "It was called through the exchange, or is a contact here: somebody brought it in."
    ),
    "not_shown": gettext_lazy("The robot did not come to say the number: the operator cannot have it from that call."),
    "known_before": gettext_lazy("The caller had called the number before the operator was shown it."),
    "noisy": gettext_lazy("Strangers called this number when nobody had been shown it."),
    "lent_before": gettext_lazy("Others had been shown it earlier."),
}


def decoy_sentence(figures: Mapping[str, Any]) -> str:
    codes = str(figures.get("reasons", "")).split(",")
    reasons = [str(_REASONS[code]) for code in codes if code in _REASONS]
    calls = int(figures.get("calls", 0))
    came = ngettext("%(n)d call from outside.", "%(n)d calls from outside.", calls) % {"n": calls}
    after = [] if "not_shown" in codes else [_after(int(figures.get("hours", 0)))]
    return " ".join([str(_CONFIDENCE.get(str(figures.get("confidence")), "")), came, *reasons, *after])


def _after(hours: int) -> str:
    if hours < 1:
        return _("The first came within an hour after the operator was shown the number.")
    if hours < DAYS_FROM_H:
        return ngettext(
            "The first came %(n)d hour after the operator was shown the number.",
            "The first came %(n)d hours after the operator was shown the number.",
            hours,
        ) % {"n": hours}
    days = hours // 24
    return ngettext(
        "The first came %(n)d day after the operator was shown the number.",
        "The first came %(n)d days after the operator was shown the number.",
        days,
    ) % {"n": days}
