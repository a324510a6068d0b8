"""The operator's own calls, day by day: how each ended, what it brought, where the money is, its recording."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.db.models import Prefetch, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_GET

from hearthline.calls.models import Attempt, Recording
from hearthline.campaigns.models import CampaignKind
from hearthline.ledger.models import Transfer, TransferState
from hearthline.lib.ids import derived_id
from hearthline.people.gates import for_roles
from hearthline.people.models import Role, User
from hearthline.quality import disputes, ratings
from hearthline.quality.models import Review

CALLS_A_PAGE = 30
_READ = (
    "dialled_at", "talk_ms", "auto_outcome", "notes", "payable", "not_payable_reason", "earned_minor", "wrapped_up_at",
    "campaign__name", "campaign__kind", "robot_call__score",
    "campaign__show_name", "campaign__currency", "contact__name", "disposition__title", "disposition__kind",
    "assignment__hold", "operator_id",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Call:
    attempt: Attempt
    day: date  # in the operator's own zone
    name: str  # of the contact; empty: the campaign shows none
    recording: Recording | None
    in_review_until: datetime | None
    available: bool  # its pay has left the review
    undecided: bool  # its customer has rejected it: its pay stays in review until that is decided, however long
    score: int | None  # the latest that counts; None: nobody has scored it
    robot: bool  # a golden contact, of which the operator has been told
    practice: int | None  # what came of a call of practice, which has a page of its own


@for_roles(Role.OPERATOR)
@require_GET
def history(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    rows, older = _page(request.user, request.GET.get("before", ""))
    return render(request, "operator/history.html", {"calls": _calls(request.user, rows), "older": older})


def _page(operator: User, before: str) -> tuple[list[Attempt], str]:
    """One page, and where the next one begins; along the index of the operator."""
    found = Attempt.objects.filter(operator=operator)
    at, _underscore, id = before.partition("_")
    moment, edge = _moment(at), _uuid(id)
    if moment is not None and edge is not None:
        found = found.filter(Q(dialled_at__lt=moment) | Q(dialled_at=moment, pk__lt=edge))
    complete = Recording.objects.filter(duration_ms__isnull=False).order_by("started_at")
    rows: list[Attempt] = [
        *found.select_related("campaign", "contact", "disposition", "assignment", "robot_call")
        .only(*_READ)
        .prefetch_related(
            Prefetch("recordings", complete, to_attr="heard"),
            Prefetch("reviews", Review.objects.filter(replaced_by=None).order_by("at"), to_attr="scored"),
        )
        .order_by("-dialled_at", "-pk")[: CALLS_A_PAGE + 1]
    ]
    older = ""
    if len(rows) > CALLS_A_PAGE:
        rows = rows[:CALLS_A_PAGE]
        older = f"{rows[-1].dialled_at.isoformat()}_{rows[-1].pk}"
    return rows, older


def _calls(operator: User, rows: list[Attempt]) -> list[Call]:
    zone = ZoneInfo(operator.timezone)
    undecided = ratings.contested(rows)
    after_all = disputes.paid_after_all(rows)
    holds = {row.pk: _transfer_of(row) for row in rows if row.earned_minor}
    transfers = Transfer.objects.in_bulk([id for id in holds.values() if id is not None])
    calls = []
    for row in rows:
        transfer = transfers.get(holds[row.pk]) if row.pk in holds else None
        heard: list[Recording] = getattr(row, "heard", [])
        scored: list[Review] = getattr(row, "scored", [])
        in_review_until = transfer.matures_at if transfer else None
        matured = (transfer is not None and transfer.state == TransferState.POSTED) or row.pk in after_all
        calls.append(
            Call(
                attempt=row,
                day=row.dialled_at.astimezone(zone).date(),
                name=row.contact.name if row.campaign.show_name else "",
                recording=heard[0] if heard else None,
                in_review_until=in_review_until,
                available=matured and in_review_until is None and row.pk not in undecided,
                undecided=row.pk in undecided,
                score=scored[-1].total if scored else None,
                practice=_practice_score(row),
                robot=any(review.reviewer_id is None for review in scored),
            )
        )
    return calls


def _practice_score(row: Attempt) -> int | None:
    """Of training and tutorial; what a test call brought is told when a moderator has decided, on its own page."""
    if row.campaign.kind not in (CampaignKind.TRAINING, CampaignKind.TUTORIAL):
        return None
    call = getattr(row, "robot_call", None)
    return call.score if call is not None else None


def _transfer_of(attempt: Attempt) -> uuid.UUID | None:
    """The movement that brought the operator this call's money: the hold itself, or what was paid for its ringing, or by the
    exchange for a fault of its own."""
    hold = attempt.assignment.hold
    if hold is None or attempt.payable:
        return hold
    return derived_id(hold, "compensation" if attempt.not_payable_reason == "exchange_fault" else "ringing")


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
