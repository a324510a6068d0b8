"""Customers rate calls, and reject what was no conversation. A rejection asks for the money back, so it is bounded.

Rejected: the pay stays in review and the operator may appeal within `appeal_hours`. Without an appeal the money goes back by itself;
with one a moderator decides (`disputes.py`). Only conversations whose pay is still in review can be rejected, at most
`rejections_free_a_day`, or `rejections_percent_a_day` of a day's paid conversations where that is more.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from hearthline.calls import corrections
from hearthline.calls.models import Attempt, Recording
from hearthline.ledger import reversals
from hearthline.lib import clock
from hearthline.lib.errors import ConflictError, InvalidInputError
from hearthline.people import audit, letters
from hearthline.people.models import Organisation, User
from hearthline.quality.models import CallRating, Dispute
from hearthline.quality.models_moderation import DisputeKind, DisputeState, RatingReason
from hearthline.realtime.audiences import STAFF, organisation_audience, user_audience
from hearthline.realtime.configured import bus

DAY = timedelta(hours=24)
SETTLE_AT_ONCE = 100


class TooManyRejectionsError(ConflictError):
    code = "too_many_rejections"


def rate(
    *,
    attempt: Attempt,
    by: User,
    stars: int,
    reason: str = "",
    words: str = "",
    at_ms: int | None = None,
    request: HttpRequest | None = None,
) -> CallRating:
    """Stars for an answered call, 1 to 5; a customer may change their mind. One or two stars need a reason."""
    _judge(attempt, stars, reason)
    with transaction.atomic():
        corrections.locked([attempt.pk])
        if CallRating.objects.filter(attempt=attempt, rejected_at__isnull=False).exists():
            raise ConflictError(_("This call was rejected already."))  # the operator answers to what was written then
        rating, _created = CallRating.objects.update_or_create(
            attempt=attempt,
            defaults={
                "organisation": attempt.campaign.organisation,
                "rated_by": by,
                "at": clock.now(),
                "stars": stars,
                "reason": reason,
                "words": words.strip()[:1000],
                "at_ms": at_ms,
            },
        )
        audit.record(audit.Tag.WEB_CALL_RATED, by, attempt.pk, {"stars": stars, "reason": reason}, request)
    return rating


def reject(
    *,
    attempt: Attempt,
    by: User,
    reason: str,
    words: str,
    at_ms: int | None,
    request: HttpRequest | None = None,
) -> CallRating:
    """Ask for the money back. Needs a reason, words, and the place in the recording where there is one.

    Raises InvalidInputError, TooManyRejectionsError, ConflictError when the call is not paid, its review is over, or it was
    rejected before.
    """
    _judge(attempt, 1, reason)
    words = words.strip()[:1000]
    if not words:
        raise InvalidInputError(_("Say in your own words what went wrong; the operator will read it."))
    if at_ms is None and Recording.objects.filter(attempt=attempt, duration_ms__gt=0).exists():
        raise InvalidInputError(_("Say where in the recording it is heard: play it to that place, then reject."))
    now = clock.now()
    with transaction.atomic():
        attempt = corrections.locked([attempt.pk])[0]
        hold = attempt.assignment.hold
        if not attempt.payable or not attempt.charged_minor or hold is None:
            raise ConflictError(_("You were not charged for this call; there is nothing to take back."))
        if CallRating.objects.filter(attempt=attempt, rejected_at__isnull=False).exists():
            raise ConflictError(_("This call was rejected already."))
        # one after the other, so that two at once do not both find the last one of the day
        Organisation.objects.select_for_update(no_key=True).get(pk=attempt.campaign.organisation_id)
        _bounded(attempt, now)
        matures_at = reversals.stop_maturing(hold)
        stands_at = now + timedelta(hours=settings.HEARTHLINE.appeal_hours)
        rating, _created = CallRating.objects.update_or_create(
            attempt=attempt,
            defaults={
                "organisation": attempt.campaign.organisation,
                "rated_by": by,
                "at": now,
                "stars": 1,
                "reason": reason,
                "words": words,
                "at_ms": at_ms,
                "rejected_at": now,
                "stands_at": stands_at,
                "matures_at": matures_at,
            },
        )
        audit.record(audit.Tag.WEB_CALL_REJECTED, by, attempt.pk, {"reason": reason}, request)
        _tell(attempt, "call.rejected")
        _write_of_rejection(attempt, words)
    return rating


def _write_of_rejection(attempt: Attempt, words: str) -> None:
    """They have so many hours to appeal: it must not depend on their looking in."""
    said = {"hours": settings.HEARTHLINE.appeal_hours, "words": words}

    def compose() -> letters.Letter:
        text = _(
            "The customer wants the money for a call of yours back: %(words)s Without an appeal within %(hours)s hours it goes "
            "back."
        )
        link = letters.page("operator:call", attempt.pk)
        return letters.Letter(_("A customer has rejected a call of yours"), text % said, link)

    letters.write([attempt.operator], compose)


def left_today(organisation_id: uuid.UUID, now: datetime) -> int:
    """How many more conversations this customer may reject now."""
    lately = CallRating.objects.filter(organisation_id=organisation_id, rejected_at__gt=now - DAY).count()
    paid = Attempt.objects.filter(
        campaign__organisation_id=organisation_id, dialled_at__gt=now - DAY, payable=True, contact__scenario=""
    ).count()
    most = max(settings.HEARTHLINE.rejections_free_a_day, paid * settings.HEARTHLINE.rejections_percent_a_day // 100)
    return max(0, most - lately)


def settle_unanswered(now: datetime) -> int:
    """Rejections against which nobody appealed in time: the money goes back. Safe to repeat, in several places at once."""
    due = CallRating.objects.filter(rejected_at__isnull=False, settled_at=None, stands_at__lte=now)
    waiting = Dispute.objects.filter(state=DisputeState.OPEN, kind=DisputeKind.REJECTION).values("attempt")
    settled = 0
    for rating in due.exclude(attempt__in=waiting).order_by("stands_at")[:SETTLE_AT_ONCE]:
        settled += settle(rating, upheld=True)
    return settled


def settle(rating: CallRating, *, upheld: bool, decided_by: User | None = None) -> bool:
    """End a rejection: the money goes back, or the pay goes on to mature. False: somebody else ended it before, or, without
    `decided_by`, the operator has appealed at the last moment."""
    now = clock.now()
    with transaction.atomic():
        attempt = corrections.locked([rating.attempt_id])[0]
        if decided_by is None and open_appeals(attempt):
            return False
        open_ones = CallRating.objects.filter(pk=rating.pk, rejected_at__isnull=False, settled_at=None)
        if open_ones.update(settled_at=now, upheld=upheld) != 1:
            return False
        if upheld:
            corrections.take_back([attempt], reason=corrections.REJECTED, stopped=True)
        else:
            assert attempt.assignment.hold is not None
            assert rating.matures_at is not None
            reversals.resume_maturing(attempt.assignment.hold, max(now, rating.matures_at))
        audit.record(audit.Tag.SYSTEM_REJECTION_SETTLED, decided_by, attempt.pk, {"upheld": upheld})
        _tell(attempt, "rejection.settled")
    return True


def open_appeals(attempt: Attempt) -> bool:
    """Whether a moderator has to decide on an appeal against the rejection of this call."""
    appeals = Dispute.objects.filter(attempt=attempt, kind=DisputeKind.REJECTION, state=DisputeState.OPEN)
    return appeals.exists()


def contested(attempts: Iterable[Attempt]) -> set[uuid.UUID]:
    """Those of these calls that a customer has rejected, and nobody has decided yet."""
    open_ones = CallRating.objects.filter(attempt__in=list(attempts), rejected_at__isnull=False, settled_at=None)
    return set(open_ones.values_list("pk", flat=True))


def pay_undecided(operator: User) -> int:
    """Minor units of this operator's pay that stay in review because customers have rejected the calls."""
    open_ones = CallRating.objects.filter(attempt__operator=operator, rejected_at__isnull=False, settled_at=None)
    total: int | None = open_ones.aggregate(total=Sum("attempt__earned_minor"))["total"]
    return total or 0


def _judge(attempt: Attempt, stars: int, reason: str) -> None:
    if attempt.answered_at is None or attempt.wrapped_up_at is None:
        raise ConflictError(_("Only a call that was answered and is finished can be rated."))
    if not 1 <= stars <= 5:
        raise InvalidInputError(_("Give one to five stars."))
    if reason and reason not in RatingReason.values:
        raise InvalidInputError(_("Choose one of the reasons."))
    if stars <= 2 and not reason:
        raise InvalidInputError(_("Choose what was wrong; the operator learns from it."))


def _bounded(attempt: Attempt, now: datetime) -> None:
    if not left_today(attempt.campaign.organisation_id, now):
        raise TooManyRejectionsError(
            _(
                "You have rejected as many conversations as one day allows. If there are more, report the operator: a "
                "moderator looks at all their calls."
            )
        )


def _tell(attempt: Attempt, name: str) -> None:
    payload = {"attempt": str(attempt.pk), "campaign": str(attempt.campaign_id)}
    audiences = (
        user_audience(attempt.operator_id),
        organisation_audience(attempt.campaign.organisation_id),
        STAFF,
    )
    bus().publish(name, payload, audiences=audiences)
