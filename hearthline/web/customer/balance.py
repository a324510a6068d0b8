"""An organisation's balance: what moved, read from the ledger and worded for the owner."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.decorators import login_required
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_safe

from hearthline.dialing.models import Assignment
from hearthline.ledger.accounts import account_of
from hearthline.ledger.models import Account, AccountKind, Transfer, TransferCode, TransferState
from hearthline.people.gates import organisation_for_owner

MOVEMENTS_A_PAGE = 50


@dataclass(frozen=True, slots=True)
class Movement:
    at: datetime
    what: str
    campaign: str
    state: str
    incoming: bool
    minor: int


@login_required
@require_safe
def balance(request: HttpRequest) -> HttpResponse:
    organisation = organisation_for_owner(request.user)
    account = account_of(AccountKind.CUSTOMER, organisation.pk, organisation.currency)
    rows = _page(account, request.GET.get("before", ""))
    older = ""
    if len(rows) > MOVEMENTS_A_PAGE:
        rows = rows[:MOVEMENTS_A_PAGE]
        older = f"{rows[-1].created_at.isoformat()}_{rows[-1].pk}"
    context = {"organisation": organisation, "account": account, "movements": _worded(account, rows), "older": older}
    return render(request, "customer/balance.html", context)


def _page(account: Account, before: str) -> list[Transfer]:
    """One page and one row more, the latest first. Two queries, each along an index of its side.

    A conversation's commission is told in the row of the conversation, and what was held and given back not at all.
    """
    sides = [
        Transfer.objects.filter(debit=account).exclude(code=TransferCode.COMMISSION),
        Transfer.objects.filter(credit=account),
    ]
    at, _underscore, id = before.partition("_")
    moment = _moment(at)
    found: list[Transfer] = []
    for side in sides:
        rows: QuerySet[Transfer] = side.exclude(state=TransferState.VOIDED)
        if moment is not None and (edge := _uuid(id)):
            rows = rows.filter(Q(created_at__lt=moment) | Q(created_at=moment, pk__lt=edge))
        found += rows.order_by("-created_at", "-pk")[: MOVEMENTS_A_PAGE + 1]
    return sorted(found, key=lambda row: (row.created_at, row.pk), reverse=True)[: MOVEMENTS_A_PAGE + 1]


def _worded(account: Account, rows: Iterable[Transfer]) -> list[Movement]:
    """Two queries: the commissions that belong to the conversations, and their campaigns."""
    rows = list(rows)
    references = [row.reference for row in rows if row.code == TransferCode.CONVERSATION_PAY]
    commissions = dict(
        Transfer.objects.filter(debit=account, code=TransferCode.COMMISSION, reference__in=references).values_list(
            "reference", "posted_minor"
        )
    )
    references += [row.reference for row in rows if row.code == TransferCode.RINGING]
    ids = [id for reference in references if (id := _uuid(reference.partition(":")[2]))]
    campaigns = {
        f"assignment:{pk}": name
        for pk, name in Assignment.objects.filter(pk__in=ids).values_list("pk", "campaign__name")
    }
    return [
        Movement(
            at=row.created_at,
            what=row.get_code_display(),
            campaign=campaigns.get(row.reference, ""),
            state=row.state,
            incoming=row.credit_id == account.pk,
            minor=row.amount_minor
            if row.state == TransferState.PENDING
            else row.posted_minor + commissions.get(row.reference, 0),
        )
        for row in rows
    ]


def _moment(text: str) -> datetime | None:
    try:
        return parse_datetime(text)
    except ValueError:
        return None


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
