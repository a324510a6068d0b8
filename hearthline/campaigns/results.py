"""The results of a campaign: a filtered page of contacts with outcomes, newest first, whatever their number.

Pages are found by a key, not by an offset: the page after a row begins right there in the index. Every page takes the
same few queries.
"""

from __future__ import annotations

import base64
import binascii
import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from hearthline.campaigns.models import Campaign, Contact, Disposition, DispositionKind
from hearthline.lib.errors import InvalidInputError

PAGE = 50
MAX_PAGE = 200
TEXT_WITHIN = 20_000  # so many of the newest results are looked through for a text


@dataclass(frozen=True, slots=True)
class Filters:
    """None and "" do not filter. Days are in the campaign's zone, both included. `text` is looked for in names and notes
    of the newest `TEXT_WITHIN` results that the other filters leave.
    `answered`: somebody was reached (True) or not (False)."""

    disposition: int | None = None
    kind: str = ""
    outcome: str = ""
    since: date | None = None
    until: date | None = None
    text: str = ""
    operator: uuid.UUID | None = None
    answered: bool | None = None

    @classmethod
    def from_query(cls, query: Any) -> Filters:
        """From a page's query string; what is not understood does not filter."""
        answered = {"yes": True, "no": False}.get(query.get("answered", ""))
        return cls(
            disposition=_number(query.get("disposition")),
            kind=kind if (kind := query.get("kind", "")) in DispositionKind.values else "",
            outcome=str(query.get("outcome", ""))[:24],
            since=_day(query.get("since")),
            until=_day(query.get("until")),
            text=" ".join(str(query.get("text", "")).split())[:80],
            operator=_id(query.get("operator")),
            answered=answered,
        )


@dataclass(frozen=True, slots=True)
class Page:
    """`next` and `previous` are the cursors of the neighbouring pages, "" where there is none."""

    rows: list[Contact]
    next: str = ""
    previous: str = ""
    filters: Filters = field(default_factory=Filters)


def results(campaign: Campaign, filters: Filters | None = None) -> QuerySet[Contact]:
    """Contacts with an outcome, newest first."""
    filters = filters or Filters()
    rows = Contact.objects.filter(campaign=campaign, disposed_at__isnull=False)
    if filters.disposition is not None:
        rows = rows.filter(disposition_id=filters.disposition)
    if filters.kind:
        of_kind = Disposition.objects.filter(campaign=campaign, kind=filters.kind).values_list("pk", flat=True)
        rows = rows.filter(disposition_id__in=list(of_kind))
    if filters.outcome:
        rows = rows.filter(outcome=filters.outcome)
    if filters.answered is not None:
        rows = rows.filter(outcome="") if filters.answered else rows.exclude(outcome="")
    if filters.operator is not None:
        rows = rows.filter(last_operator_id=filters.operator)
    zone = ZoneInfo(campaign.timezone)
    if filters.since is not None:
        rows = rows.filter(disposed_at__gte=datetime.combine(filters.since, time(), zone))
    if filters.until is not None:
        rows = rows.filter(disposed_at__lt=datetime.combine(filters.until + timedelta(days=1), time(), zone))
    rows = rows.order_by("-disposed_at", "-id")
    if filters.text:
        looked_through = Contact.objects.filter(pk__in=rows.values("pk")[:TEXT_WITHIN])
        has_text = Q(name__icontains=filters.text) | Q(notes__icontains=filters.text)
        rows = looked_through.filter(has_text).order_by("-disposed_at", "-id")
    return rows


def page(campaign: Campaign, filters: Filters | None = None, *, cursor: str = "", size: int = PAGE) -> Page:
    """One page: at most two queries (three with a filter by kind). Raises InvalidInputError for a cursor that is none."""
    size = max(1, min(size, MAX_PAGE))
    rows = results(campaign, filters).select_related("disposition", "last_operator")
    backwards, key = _read_cursor(cursor)
    if key is not None:
        at, id = key
        if backwards:
            newer = Q(disposed_at__gt=at) | Q(disposed_at=at, id__gt=id)
            rows = rows.filter(newer, disposed_at__gte=at).order_by("disposed_at", "id")
        else:
            rows = rows.filter(Q(disposed_at__lt=at) | Q(disposed_at=at, id__lt=id), disposed_at__lte=at)
    found = list(rows[: size + 1])
    more = len(found) > size
    found = found[:size]
    if backwards:
        found.reverse()
    following = bool(found) and (more or backwards)
    preceding = bool(found) and ((more and backwards) or (key is not None and not backwards))
    return Page(
        found,
        next=_cursor(found[-1], "n") if following else "",
        previous=_cursor(found[0], "p") if preceding else "",
        filters=filters or Filters(),
    )


def _cursor(row: Contact, direction: str) -> str:
    assert row.disposed_at is not None
    text = json.dumps([direction, row.disposed_at.astimezone(UTC).isoformat(), row.pk.hex])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[bool, tuple[datetime, uuid.UUID] | None]:
    if not cursor:
        return False, None
    try:
        text = base64.urlsafe_b64decode(cursor[:300] + "=" * (-len(cursor) % 4))
        direction, at, id = json.loads(text)
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None:
            raise ValueError("no zone")
        return direction == "p", (moment, uuid.UUID(id))
    except (ValueError, TypeError, AttributeError, binascii.Error):
        raise InvalidInputError(_("This page of results is gone. Begin again with the first.")) from None


def _number(text: Any) -> int | None:
    return int(text) if text and str(text).isascii() and str(text).isdigit() and len(str(text)) < 10 else None


def _day(text: Any) -> date | None:
    try:
        day = date.fromisoformat(str(text or ""))
    except ValueError:
        return None
    return day if 1970 <= day.year <= 2200 else None


def _id(text: Any) -> uuid.UUID | None:
    try:
        return uuid.UUID(str(text or ""))
    except ValueError:
        return None
