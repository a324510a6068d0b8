"""Scoring a call: what a reviewer answered, and the total that follows from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from hearthline.calls.models import Attempt
from hearthline.lib import clock
from hearthline.lib.errors import InvalidInputError, NotAllowedError
from hearthline.people import audit, letters
from hearthline.people.models import User
from hearthline.quality.models import Review, ScorecardItem
from hearthline.realtime.audiences import STAFF, user_audience
from hearthline.realtime.configured import bus

WORTH = {"yes": 100, "partly": 50, "no": 0}
ANSWERS = (*WORTH, "na")
MAX_MARKS = 30


class Mark(TypedDict):
    """A place in the recording."""

    at_ms: int
    words: str


def scorecard() -> list[ScorecardItem]:
    """The questions in use, in their order."""
    return list(ScorecardItem.objects.filter(active=True))


def total_of(answers: Sequence[Mapping[str, Any]]) -> tuple[int, bool]:
    """The score, 0 to 100, and whether a fatal question was answered with no, which makes it 0.

    The weighted mean of what the answers are worth; "na" counts for nothing. Raises ValueError when nothing was answered.
    """
    counted = [row for row in answers if row["answer"] in WORTH]
    if not counted:
        raise ValueError("nothing was answered")
    if any(row["fatal"] and row["answer"] == "no" for row in counted):
        return 0, True
    weight = sum(row["weight"] for row in counted)
    return round(sum(row["weight"] * WORTH[row["answer"]] for row in counted) / weight), False


def score(
    *,
    attempt: Attempt,
    reviewer: User | None,
    answers: Mapping[str, str],
    comment: str = "",
    marks: Sequence[Mark] = (),
    request: HttpRequest | None = None,
) -> Review:
    """The review of a call; scoring it again replaces one's earlier review, which is kept.

    `answers`: {question's key: one of ANSWERS}, one for each question in use. Raises InvalidInputError, with a sentence for each
    question that was left out.
    """
    if reviewer is not None and reviewer.pk == attempt.operator_id:
        raise NotAllowedError(_("Nobody scores their own calls."))
    rows = [
        {
            "key": item.key,
            "title": item.title,
            "weight": item.weight,
            "fatal": item.fatal,
            "answer": answers.get(item.key),
        }
        for item in scorecard()
    ]
    left_out = {str(row["key"]): str(_("Choose an answer.")) for row in rows if row["answer"] not in ANSWERS}
    if left_out:
        raise InvalidInputError(_("Some questions have no answer yet."), fields=left_out)
    try:
        total, fatal = total_of(rows)
    except ValueError:
        raise InvalidInputError(_("Answer at least one question with yes, partly or no.")) from None
    with transaction.atomic():
        former = Review.objects.select_for_update().filter(attempt=attempt, reviewer=reviewer, replaced_by=None).first()
        new = Review(
            attempt=attempt,
            reviewer=reviewer,
            answers=rows,
            total=total,
            fatal=fatal,
            comment=comment.strip()[:2000],
            marks=_marks(marks),
        )
        if former is not None:  # the constraint allows one that is valid: the old one steps aside first
            Review.objects.filter(pk=former.pk).update(replaced_by=former)
        new.save(force_insert=True)
        if former is not None:
            Review.objects.filter(pk=former.pk).update(replaced_by=new)
        audit.record(audit.Tag.WEB_CALL_REVIEWED, reviewer, attempt.pk, {"total": total, "fatal": fatal}, request)
        payload = {"attempt": str(attempt.pk), "review": str(new.pk), "total": total}
        bus().publish("call.reviewed", payload, audiences=(user_audience(attempt.operator_id), STAFF))
        if reviewer is not None:
            letters.write(
                [attempt.operator],
                lambda: letters.Letter(
                    _("A call of yours was scored"),
                    _("Scored %(total)s of 100. The reasons and the way to appeal stand beside the call.")
                    % {"total": total},
                    letters.page("operator:call", attempt.pk),
                ),
            )
    return new


def valid_reviews(attempt: Attempt) -> list[Review]:
    """Those that count, the latest first."""
    return list(Review.objects.filter(attempt=attempt, replaced_by=None).select_related("reviewer").order_by("-at"))


def mark_seen(operator: User, attempt: Attempt) -> None:
    """The operator has looked at what was said of this call."""
    Review.objects.filter(attempt=attempt, attempt__operator=operator, seen_at=None).update(seen_at=clock.now())


def _marks(marks: Sequence[Mark]) -> list[Mark]:
    kept = [
        Mark(at_ms=max(0, int(mark["at_ms"])), words=str(mark["words"]).strip()[:300]) for mark in marks[:MAX_MARKS]
    ]
    return sorted(kept, key=lambda mark: mark["at_ms"])
