"""The table in the terminal: one line a call, read from the database when the call is wrapped up."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from hearthline.calls.models import Attempt, HandOver
from hearthline.lib.money import Money
from hearthline.lib.phone import masked

HEADINGS = ("operator", "number", "answered after", "talked", "outcome", "charged", "earned")
WIDTHS = (12, 19, 14, 7, 27, 9, 10)
_RIGHT = {2, 3, 5, 6}


@dataclass(frozen=True, slots=True)
class Ticket:
    cells: tuple[str, ...]
    charged: Money
    earned: Money
    talk_ms: int
    paid: bool


def ticket_of(attempt_id: str) -> Ticket:
    row = Attempt.objects.select_related("contact", "operator", "campaign", "disposition").get(pk=attempt_id)
    currency = row.campaign.currency
    charged, earned = Money(row.charged_minor, currency), Money(row.earned_minor, currency)
    waited = f"{(row.answered_at - row.dialled_at).total_seconds():.1f} s" if row.answered_at else "-"
    outcome = row.disposition.title if row.disposition else row.auto_outcome.replace("_", " ")
    if row.disposition and row.disposition.payable and not row.payable:
        outcome += f" ({row.not_payable_reason.replace('_', ' ')})"
    taken = HandOver.objects.filter(attempt=row, completed_at__isnull=False).select_related("manager").first()
    if taken and taken.manager:
        outcome += f" → {taken.manager.name}"
    return Ticket(
        cells=(
            row.operator.name,
            masked(row.contact.phone),
            waited,
            duration(row.talk_ms) if row.answered_at else "-",
            outcome,
            amount(charged),
            amount(earned),
        ),
        charged=charged,
        earned=earned,
        talk_ms=row.talk_ms,
        paid=bool(row.payable),
    )


def amount(money: Money) -> str:
    return f"{money.as_decimal():,.2f}" if money.minor else "-"


def duration(ms: int) -> str:
    return f"{ms // 60_000}:{ms // 1000 % 60:02d}"


def line(cells: tuple[str, ...]) -> str:
    """Aligned, one line; what is too long is cut."""
    padded = [
        _fitted(cell, width, right=n in _RIGHT) for n, (cell, width) in enumerate(zip(cells, WIDTHS, strict=True))
    ]
    return "  ".join(padded).rstrip()


def _fitted(text: str, width: int, *, right: bool) -> str:
    if len(text) > width:
        text = text[: width - 1] + "…"
    gap = " " * (width - sum(0 if unicodedata.combining(c) else 1 for c in text))
    return gap + text if right else text + gap
