"""How a person's line is opened, as the pages read it: by the browser, or which telephone, at what price, how much is left."""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from hearthline.calls import callbacks
from hearthline.calls.models import Line, LineKind, LineState, OwnPhone
from hearthline.ledger import tariffs
from hearthline.lib import clock
from hearthline.lib.phone import masked
from hearthline.people.models import User


def lines_json(user: User, phone: OwnPhone | None) -> dict[str, Any]:
    """The person's open line and how lines of theirs are opened, by one query for those who work with the browser.

    Shape: {"line": `line_json` and `ends_json` | None, "own_line": {"kind", "phone": masked number, "confirmed", "registered",
    "per_minute_minor" | None, "used_minor", "limit_minor", "currency"}}. What does not belong to the kind is missing;
    `per_minute_minor` is None for a telephone that has lost its price.
    """
    now = clock.now()
    here = ~Q(state=LineState.CLOSED)
    if phone is not None and phone.kind == LineKind.CALLBACK:
        here |= callbacks.answered_lately(now)
    rows = list(Line.objects.filter(here, user=user)[: callbacks.LINES_BOUND])
    line = next((row for row in rows if row.state != LineState.CLOSED), None)
    found: dict[str, Any] = {"line": None}
    if line is not None:
        found["line"] = line_json(line) | ends_json(callbacks.end_of(line, rows))
    if phone is None or phone.kind == LineKind.BROWSER:
        return found | {"own_line": {"kind": LineKind.BROWSER.value}}
    if phone.kind == LineKind.SIP_PHONE:
        return found | {"own_line": {"kind": phone.kind, "registered": phone.registered_node_id is not None}}
    mine = line if line is not None and line.kind == LineKind.CALLBACK else None
    rate = callbacks.rate_of_line(mine) if mine is not None else tariffs.rate_of(phone.number)
    budget = callbacks.budget_of([row for row in rows if row.answered_at and row.kind == LineKind.CALLBACK], now)
    return found | {
        "own_line": {
            "kind": phone.kind,
            "phone": masked(phone.number),
            "confirmed": phone.confirmed_at is not None,
            "per_minute_minor": rate.per_minute().minor if rate is not None else None,
            "used_minor": budget.used.minor,
            "limit_minor": budget.limit.minor,
            "currency": budget.limit.currency,
        }
    }


def ends_json(end: callbacks.End | None) -> dict[str, Any]:
    """When a telephone is hung up at the latest, and why: {"ends_at", "ends_by": "limit" | "time_up"}; None, ""."""
    return {"ends_at": end.at.isoformat() if end else None, "ends_by": end.why if end else ""}


def line_json(line: Line) -> dict[str, Any]:
    """`code`: what must be pressed on a telephone that is not confirmed; empty: any key."""
    return {
        "id": str(line.pk),
        "state": line.state,
        "node": line.node_id,
        "opened_at": line.opened_at.isoformat(),
        "kind": line.kind,
        "muted": line.muted,
        "code": line.code if line.state == LineState.OPENING else "",
    }
