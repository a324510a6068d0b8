"""Appeals of operators: against a rejection, against "not paid", against a score. A moderator with no part in it decides."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import F
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from hearthline.calls import corrections
from hearthline.calls.models import Attempt, Shift
from hearthline.calls.settlement import commission_of
from hearthline.ledger import reversals
from hearthline.ledger.models import Transfer
from hearthline.lib import clock
from hearthline.lib.errors import ConflictError, InvalidInputError, NotAllowedError
from hearthline.lib.ids import derived_id
from hearthline.lib.money import Money
from hearthline.people import audit, letters
from hearthline.people.models import User
from hearthline.quality import ratings
from hearthline.quality.models import CallRating, Dispute, Review
from hearthline.quality.models_moderation import DisputeKind, DisputeState
from hearthline.realtime.audiences import STAFF, user_audience
from hearthline.realtime.configured import bus

# what no moderator can pay for: nobody was there, or the operator wrote nothing down
BEYOND_APPEAL = frozenset({"not_answered", "not_wrapped_up"})
APPEAL_WITHIN = timedelta(days=14)


def appealable(attempt: Attempt) -> list[DisputeKind]:
    """What the operator of this call may appeal against now."""
    taken = set(Dispute.objects.filter(attempt=attempt).values_list("kind", flat=True))
    now = clock.now()
    kinds = []
    rating = CallRating.objects.filter(attempt=attempt, rejected_at__isnull=False, settled_at=None).first()
    if rating is not None and rating.stands_at is not None and now < rating.stands_at:
        kinds.append(DisputeKind.REJECTION)
    fresh = attempt.wrapped_up_at is not None and now - attempt.wrapped_up_at < APPEAL_WITHIN
    if fresh and attempt.payable is False and attempt.answered_at is not None:
        settled_otherwise = {"rejected", "reversed", "exchange_fault", "practice"}
        if attempt.not_payable_reason not in BEYOND_APPEAL | settled_otherwise:
            kinds.append(DisputeKind.NOT_PAID)
    if Review.objects.filter(attempt=attempt, replaced_by=None, total__lt=100, at__gt=now - APPEAL_WITHIN).exists():
        kinds.append(DisputeKind.SCORE)
    return [kind for kind in kinds if kind not in taken]


def appeal(
    *,
    attempt: Attempt,
    operator: User,
    kind: str,
    words: str,
    at_ms: int | None = None,
    request: HttpRequest | None = None,
) -> Dispute:
    """Open a dispute. Once for each kind and call. Raises ConflictError when there is nothing to appeal against."""
    words = words.strip()[:2000]
    if attempt.operator_id != operator.pk:
        raise NotAllowedError(_("Only the operator of a call can appeal."))
    if not words:
        raise InvalidInputError(_("Say in your own words what is wrong; a moderator will read it."))
    try:
        with transaction.atomic():
            attempt = corrections.locked([attempt.pk])[0]  # no rejection is settled between the look and the appeal
            if kind not in appealable(attempt):
                raise ConflictError(_("There is nothing to appeal against here, or its time is over."))
            review = Review.objects.filter(attempt=attempt, replaced_by=None).order_by("total").first()
            dispute = Dispute.objects.create(
                kind=kind,
                attempt=attempt,
                operator=operator,
                words=words,
                at_ms=at_ms,
                review=review if kind == DisputeKind.SCORE else None,
            )
            audit.record(audit.Tag.WEB_DISPUTE_OPENED, operator, attempt.pk, {"kind": kind}, request)
            _tell(dispute)
    except IntegrityError:
        raise ConflictError(_("You have appealed already; a moderator will decide.")) from None
    return dispute


def decide(
    *, dispute: Dispute, moderator: User, upheld: bool, answer: str, request: HttpRequest | None = None
) -> Dispute:
    """`upheld`: the operator is right. What follows from it is done in the same transaction. Exactly one decision counts."""
    answer = answer.strip()[:2000]
    if not answer:
        raise InvalidInputError(_("Give your reasons; the operator will read them."))
    if moderator.pk == dispute.operator_id:
        raise NotAllowedError(_("You have a part in this. Leave it to another moderator."))
    if dispute.review is not None and dispute.review.reviewer_id == moderator.pk:
        raise NotAllowedError(_("You gave this score. Leave it to another moderator."))
    state = DisputeState.UPHELD if upheld else DisputeState.REFUSED
    with transaction.atomic():
        open_ones = Dispute.objects.filter(pk=dispute.pk, state=DisputeState.OPEN)
        if open_ones.update(state=state, decided_at=clock.now(), decided_by=moderator, answer=answer) != 1:
            raise ConflictError(_("Another moderator has decided this already."))
        dispute.refresh_from_db()
        _follow(dispute, upheld, moderator)
        details = {"kind": dispute.kind, "upheld": upheld}
        audit.record(audit.Tag.WEB_DISPUTE_DECIDED, moderator, dispute.attempt_id, details, request)
        _tell(dispute)
        _write_to_operator(dispute)
    return dispute


def _write_to_operator(dispute: Dispute) -> None:
    def compose() -> letters.Letter:
        if dispute.state == DisputeState.UPHELD:
            said = _("A moderator has decided for you. Their reasons: %(answer)s")
        else:
            said = _("A moderator has decided that it stays as it is. Their reasons: %(answer)s")
        link = letters.page("operator:call", dispute.attempt_id)
        return letters.Letter(_("Your appeal is decided"), said % {"answer": dispute.answer}, link)

    letters.write([dispute.operator], compose)


def _follow(dispute: Dispute, upheld: bool, moderator: User) -> None:
    if dispute.kind == DisputeKind.REJECTION:
        rating = CallRating.objects.get(attempt=dispute.attempt_id)
        if not ratings.settle(rating, upheld=not upheld, decided_by=moderator):
            raise ConflictError(
                _("The customer's rejection was settled meanwhile; there is nothing to decide any more.")
            )
    elif dispute.kind == DisputeKind.NOT_PAID and upheld:
        _pay_after_all(dispute)
    elif dispute.kind == DisputeKind.SCORE and upheld and dispute.review is not None:
        # it no longer counts; whoever scores the call anew does so afresh
        Review.objects.filter(pk=dispute.review.pk, replaced_by=None).update(replaced_by=dispute.review.pk)


def _pay_after_all(dispute: Dispute) -> None:
    """By the exchange: the customer was told that this call is free, and so it stays."""
    attempt = corrections.locked([dispute.attempt_id])[0]
    more = pay_of(attempt).minor - attempt.earned_minor  # its ringing may have been paid for
    if more <= 0:
        return
    reversals.compensate(
        id=derived_id(dispute.pk, "pay"),
        operator=attempt.operator_id,
        amount=Money(more, attempt.campaign.currency),
        reference=f"attempt:{attempt.pk}",
    )
    attempt.earned_minor += more
    attempt.save(update_fields=["earned_minor"])
    Shift.objects.filter(pk=attempt.shift_id).update(earned_minor=F("earned_minor") + more)


def paid_after_all(attempts: Iterable[Attempt]) -> set[uuid.UUID]:
    """Those of these calls that the exchange paid upon an appeal, available at once."""
    upheld = Dispute.objects.filter(attempt__in=list(attempts), kind=DisputeKind.NOT_PAID, state=DisputeState.UPHELD)
    return set(upheld.values_list("attempt", flat=True))


def pay_of(attempt: Attempt) -> Money:
    """What the operator would have earned: the price that was held, less the commission, which a golden contact has none of."""
    hold = attempt.assignment.hold
    held = Transfer.objects.filter(pk=hold).values_list("amount_minor", flat=True).first() if hold else None
    if attempt.contact.scenario and held is not None:
        return Money(held, attempt.campaign.currency)
    price = Money(attempt.campaign.price_minor if held is None else held, attempt.campaign.currency)
    return price - commission_of(price)


def _tell(dispute: Dispute) -> None:
    payload = {"dispute": str(dispute.pk), "attempt": str(dispute.attempt_id), "state": str(dispute.state)}
    bus().publish("dispute.changed", payload, audiences=(user_audience(dispute.operator_id), STAFF))
