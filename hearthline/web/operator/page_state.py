"""The console's state as its page reads it: `calls.selectors.console_state`, the clock, and the sheet as HTML."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from django.template.loader import render_to_string

from hearthline.calls.selectors import console_json, console_rows
from hearthline.campaigns.scripts import render_script
from hearthline.dialing.models import Assignment
from hearthline.lib import clock
from hearthline.people.models import User
from hearthline.web.operator.promised import promise_of


def page_state(operator: User) -> dict[str, Any]:
    """Shape: `console_state` and {"now": seconds, "worksheet": {"assignment", "html"} | None}."""
    rows = console_rows(operator)
    state = console_json(rows)
    state["now"] = clock.now().timestamp()
    state["worksheet"] = worksheet(operator, rows.held, state) if rows.held is not None else None
    return state


def worksheet(operator: User, assignment: Assignment, state: dict[str, Any]) -> dict[str, Any]:
    """Of an assignment that was read with its contact, campaign and organisation."""
    campaign, contact = assignment.campaign, assignment.contact
    here = clock.now().astimezone(ZoneInfo(contact.timezone))
    context = {
        "campaign": campaign,
        "fields": state["campaign"]["fields"],
        "dispositions": state["campaign"]["dispositions"],
        "contact": contact,
        "name": contact.name if campaign.show_name else "",
        "columns": [
            (column.get("title", column["key"]), contact.data[column["key"]])
            for column in campaign.columns
            if contact.data.get(column["key"])
        ],
        "local_time": here,
        "script": render_script(campaign, contact, operator),
        "earlier_notes": contact.notes,
        "promise": promise_of(contact, operator),
    }
    return {"assignment": str(assignment.pk), "html": render_to_string("operator/worksheet.html", context)}
