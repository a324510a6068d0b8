"""The table of results: filters, pages that begin after a row (never "page 4000"), one contact with its history."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from hearthline.calls.models import Attempt, Recording
from hearthline.campaigns import results
from hearthline.campaigns.contacts import remove_contact
from hearthline.campaigns.gates import campaign_for_owner, contact_for_owner
from hearthline.campaigns.models import Campaign, Contact, ResultField
from hearthline.campaigns.scripts import public_name
from hearthline.realtime.configured import bus
from hearthline.web.templatetags.hearthline import answer
from hearthline.web.trunk_tries import Try, tries_of

ROWS_A_PAGE = 50
ATTEMPTS_SHOWN = 50
FILTER_NAMES = ("text", "disposition", "answered", "since", "until", "operator")


@dataclass(frozen=True, slots=True)
class Answer:
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Row:
    contact: Contact
    answers: list[Answer]
    operator: str
    recording: Recording | None


def table(request: HttpRequest, campaign: Campaign) -> dict[str, Any]:
    """Everything the table shows. Four queries, whatever the size of the campaign."""
    last_event = bus().latest_id()
    filters = results.Filters.from_query(request.GET)
    cursor = request.GET.get("cursor", "")
    page = results.page(campaign, filters, cursor=cursor, size=ROWS_A_PAGE)
    fields = list(campaign.fields.all())
    return {
        "last_event": last_event,
        "filters": filters,
        "filtered": filters != results.Filters(),
        "query": _query_of(request.GET),
        "dispositions": list(campaign.dispositions.all()),
        "page": page,
        "rows": _rows(page.rows, fields),
        "first_page": not page.previous,
    }


@login_required
@require_safe
def part(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    campaign = campaign_for_owner(request.user, id)
    return render(request, "customer/_results.html", {"campaign": campaign, **table(request, campaign)})


@login_required
@require_safe
def contact(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    """One contact: its own data with the whole number, what was answered, every call with its recording."""
    found = contact_for_owner(request.user, id)
    calls = (
        Attempt.objects.filter(contact=found)
        .select_related("disposition", "operator")
        .prefetch_related(
            Prefetch(
                "recordings",
                Recording.objects.filter(duration_ms__isnull=False).select_related("analysis"),
                to_attr="heard",
            )
        )
        .order_by("-dialled_at")[:ATTEMPTS_SHOWN]
    )
    tries = tries_of(calls, for_staff=False)
    fields = list(found.campaign.fields.all())
    columns = [(column["title"], found.data.get(column["key"], "")) for column in found.campaign.columns]
    context = {
        "contact": found,
        "campaign": found.campaign,
        "columns": [(title, value) for title, value in columns if value],
        "answers": _answers(found, fields),
        "calls": [(call, public_name(call.operator), _several(tries.get(call.pk, []))) for call in calls],
    }
    return render(request, "customer/contact.html", context)


@login_required
@require_POST
def remove(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    found = contact_for_owner(request.user, id)
    remove_contact(found)
    messages.success(request, _("This contact will not be called any more."))
    return redirect("customer:contact", found.pk)


def _query_of(query: QueryDict) -> str:
    """The filters again, for the links to the neighbouring pages."""
    return urlencode([(name, value) for name, value in query.items() if value and name in FILTER_NAMES])


def _rows(contacts: list[Contact], fields: list[ResultField]) -> list[Row]:
    """One query: the recordings of the latest attempts."""
    attempts = [contact.last_attempt for contact in contacts if contact.last_attempt]
    recordings = {
        recording.attempt_id: recording
        for recording in Recording.objects.filter(attempt_id__in=attempts, duration_ms__isnull=False)
    }
    return [
        Row(
            contact,
            _answers(contact, fields),
            public_name(contact.last_operator),
            recordings.get(contact.last_attempt) if contact.last_attempt else None,
        )
        for contact in contacts
    ]


def _several(tries: list[Try]) -> list[Try]:
    """A call that went the usual way, over one trunk, needs no words about it."""
    return tries if len(tries) > 1 else []


def _answers(contact: Contact, fields: list[ResultField]) -> list[Answer]:
    """What was answered, in the order of the form."""
    answers = [Answer(field.title, answer(contact.result.get(field.key))) for field in fields]
    return [found for found in answers if found.text]
