"""The tries of a call over its trunks, in words: for staff with the trunk and the codes, for the owner without either."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from hearthline.calls.models import Attempt, TrunkCall
from hearthline.calls.turn import REFUSED_BY_PROVIDER

TRIES_BOUND = 1_000  # of all calls of a page; one call has three at most


@dataclass(frozen=True, slots=True)
class Try:
    number: int  # from 1, in the order in which they were begun
    begun_at: datetime
    words: str
    carried: bool  # the conversation went over it
    trunk: str = ""  # for staff
    codes: str = ""  # for staff: "Q.850 34 · SIP 503"


def tries_of(calls: Iterable[Attempt], *, for_staff: bool) -> dict[uuid.UUID, list[Try]]:
    """By call, one query for all. A call that never came to a trunk is missing."""
    by_call = {call.pk: call for call in calls}
    rows = TrunkCall.objects.select_related("trunk").filter(attempt__in=list(by_call)).order_by("begun_at", "pk")
    grouped: dict[uuid.UUID, list[TrunkCall]] = {}
    for row in rows[:TRIES_BOUND]:
        assert row.attempt_id is not None
        grouped.setdefault(row.attempt_id, []).append(row)
    return {id: _told(by_call[id], found, for_staff=for_staff) for id, found in grouped.items()}


def _told(call: Attempt, rows: list[TrunkCall], *, for_staff: bool) -> list[Try]:
    # another trunk is tried only before an answer: what was answered came by the last one
    carrier = rows[-1] if call.answered_at is not None else None
    return [_try(number, row, carried=row is carrier, for_staff=for_staff) for number, row in enumerate(rows, 1)]


def _try(number: int, row: TrunkCall, *, carried: bool, for_staff: bool) -> Try:
    words = _words(row, carried=carried)
    if not for_staff:
        return Try(number, row.begun_at, words, carried)
    trunk = row.trunk.name if row.trunk is not None else _("a trunk that was deleted")
    return Try(number, row.begun_at, words, carried, trunk, _codes(row))


def _codes(row: TrunkCall) -> str:
    parts = [f"Q.850 {row.cause}"] if row.cause is not None else []
    return " · ".join([*parts, f"SIP {row.sip_status}"] if row.sip_status is not None else parts)


def _words(row: TrunkCall, *, carried: bool) -> str:
    if carried:
        return _("answered; the conversation went this way")
    if row.ended_at is None:
        return _("goes on")
    return cause_words(row.cause, row.sip_status)


def cause_words(cause: int | None, sip_status: int | None) -> str:
    """How a try ended: `cause` is Q.850, `sip_status` the final response when there was one."""
    if cause is None:
        return _("nobody heard how it ended")
    if cause == 21 and sip_status in REFUSED_BY_PROVIDER:
        return _("the provider refused the account or the caller ID")
    if cause in (31, 127) and sip_status is not None and sip_status >= 500:
        return _("a fault at the provider")
    return _by_cause().get(cause) or _("ended with cause %(cause)s") % {"cause": cause}


def _by_cause() -> dict[int, str]:
    sentences = {
        (1, 22, 27, 28): _("the number does not exist or is out of order"),
        (2, 3, 25): _("the provider has no way to this number"),
        (23,): _("the provider pointed elsewhere"),
        (16, 31, 127): _("ended before an answer"),
        (17,): _("busy"),
        (18, 19): _("no answer"),
        (20,): _("cannot be reached"),
        (21,): _("declined"),
        (34, 42, 44, 47): _("the provider had no free channel"),
        (38, 41): _("a fault at the provider"),
        (50, 57, 58, 63, 65, 69, 79): _("the provider does not allow or offer this call"),
        (88,): _("no audio format in common with the provider"),
        (97, 98, 99, 100, 101, 111): _("the provider did not understand the call"),
        (102,): _("the provider did not answer in time"),
    }
    return {cause: sentence for causes, sentence in sentences.items() for cause in causes}
