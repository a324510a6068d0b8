"""Callbacks that operators have promised: theirs at the promised time, anybody's after `promise_grace_min`.

A promise is `Contact.prefer_operator` with `Contact.promised_at`. It ends with the next conversation, whoever has it; a call
that nobody answers leaves it with whoever gave it.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypedDict

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Count, Min, Model, OuterRef, QuerySet, Subquery
from django.utils.translation import gettext_lazy as _

from hearthline.campaigns.models import Campaign, CampaignState, Contact, ContactState, Priority
from hearthline.lib.errors import NotFoundError
from hearthline.people.models import User

WAITING = (ContactState.FRESH, ContactState.RETRY)
SHOWN = 50
TRIED = 20  # of those that are due: more cannot be called at once by one person


class Summary(TypedDict):
    """`next_at`: when the first of them becomes due, or became."""

    count: int
    next_at: datetime | None


def grace() -> timedelta:
    return timedelta(minutes=settings.HEARTHLINE.promise_grace_min)


def promised_by(operator: User) -> QuerySet[Contact]:
    """Those that are still to be called, the next one first; by the index `contact_promised`."""
    waiting = Contact.objects.filter(prefer_operator=operator, state__in=WAITING)
    return waiting.select_related("campaign").order_by("next_attempt_at")


def summary_of(operator: User) -> Summary:
    found = Contact.objects.filter(prefer_operator=operator, state__in=WAITING).aggregate(
        count=Count("pk"), next_at=Min("next_attempt_at")
    )
    return Summary(count=found["count"], next_at=found["next_at"])


def columns(operator: str) -> dict[str, Subquery]:
    """The same for a query of something that has an operator in its field `operator`: `promised` (None: none), `promised_next`."""
    waiting = Contact.objects.filter(prefer_operator=OuterRef(operator), state__in=WAITING).order_by()
    return {
        "promised": Subquery(waiting.values("prefer_operator").annotate(n=Count("pk")).values("n")),
        "promised_next": Subquery(waiting.order_by("next_attempt_at").values("next_attempt_at")[:1]),
    }


def beside(row: Model | None) -> Summary:
    """What `columns` have put beside a row; nothing beside none."""
    found = vars(row) if row is not None else {}
    return Summary(count=found.get("promised") or 0, next_at=found.get("promised_next"))


def due(operator: User, now: datetime) -> QuerySet[Contact]:
    """Those whose time has come, of campaigns that run."""
    return promised_by(operator).filter(next_attempt_at__lte=now, campaign__state=CampaignState.RUNNING)[:TRIED]


def give_up(*, operator: User, contact: uuid.UUID | str) -> None:
    """Let somebody else call at the promised time. Raises NotFoundError when it is no promise of this operator, or not any more."""
    try:
        given = Contact.objects.filter(pk=contact, prefer_operator=operator, state__in=WAITING)
        changed = given.update(prefer_operator=None, promised_at=None)
    except (ValueError, ValidationError):
        changed = 0
    if not changed:
        raise NotFoundError(_("This callback is not yours any more. Reload the page."))


@dataclass(frozen=True, slots=True)
class Kept:
    """Contacts of a campaign that wait for whoever promised to call them. `due`: their time has come, and nobody else may call
    yet; `until`: when the first one is due, or becomes anybody's."""

    count: int
    due: int
    until: datetime | None


def kept_in(campaign: Campaign, zones: Sequence[str], now: datetime, most: int) -> Kept:
    """Counted to `most`."""
    waiting = Contact.objects.filter(
        campaign=campaign, state__in=WAITING, timezone__in=zones, priority=Priority.FIRST,
        next_attempt_at__gt=now - grace(), prefer_operator__isnull=False,
    )  # fmt: skip
    moments = list(waiting.order_by().values_list("next_attempt_at", flat=True)[:most])
    changes = [at if at > now else at + grace() for at in moments]
    return Kept(len(moments), sum(at <= now for at in moments), min(changes, default=None))
