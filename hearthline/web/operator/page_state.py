"""The console's state as its page reads it: `calls.selectors.console_state`, the clock, and the sheet as HTML."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from django.template.loader import render_to_string

from hearthline.calls.selectors import console_state
from hearthline.campaigns.scripts import render_script
from hearthline.dialing.models import Assignment
from hearthline.lib import clock
from hearthline.people.models import User


def page_state(operator: User) -> dict[str, Any]:
    """Shape: `console_state` and {"now": seconds, "worksheet": {"assignment", "html"} | None}."""
    state = console_state(operator)
    state["now"] = clock.now().timestamp()
    held = state["assignment"]["id"] if state["assignment"] else state["call"]["assignment"] if state["call"] else None
    state["worksheet"] = worksheet(operator, held, state) if held else None
    return state


def worksheet(operator: User, assignment_id: str, state: dict[str, Any]) -> dict[str, Any]:
    assignment = Assignment.objects.select_related("contact", "campaign__organisation").get(
        pk=assignment_id, operator=operator
    )
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
    }
    return {"assignment": assignment_id, "html": render_to_string("operator/worksheet.html", context)}
