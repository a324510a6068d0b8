"""What people make of the first shift's calls, by the same services as their pages: stars, a score, a rejection and the appeal
against it, a report. So that whoever comes in as a moderator, an operator or the owner finds something to look at and to decide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

from django.db import transaction

from hearthline.calls import ratings as campaign_ratings
from hearthline.calls.models import Attempt
from hearthline.calls.models_shift import RatingReason as WhyStars
from hearthline.lib.errors import ExchangeError
from hearthline.people.models import User
from hearthline.quality import disputes, ratings, reports, reviews
from hearthline.quality.models import CallRating
from hearthline.quality.models_moderation import DisputeKind, RatingReason
from hearthline.web.demo.cast import BY_KEY

PLACE_MS = 3_000  # where something is said to be heard: the shortest conversation that is paid lasts eight seconds

_LIKED = {"ru": "Спокойно и понятно, спасибо.", "en": "Calm and clear, thank you."}
_ADVICE = {
    "ru": "Хорошее начало. Назовите день ещё раз, прежде чем прощаться.",
    "en": "A good beginning. Repeat the day before you say goodbye.",
}
_PLACE = {"ru": "говорит слишком быстро", "en": "speaks too fast"}
_REJECTED = {
    "ru": "Пациент сказал другое, чем записано.",
    "en": "The patient said something else than was written down.",
}
_APPEALED = {
    "ru": "Послушайте запись: записано то, что сказали.",
    "en": "Please listen: what was said is what I wrote down.",
}
_REPORTED = {
    "ru": "Оператор звучит как робот. Это человек?",
    "en": "This operator sounds like a robot. Is it a person?",
}


def look_at_calls(attempts: Sequence[UUID]) -> list[str]:
    """Of the paid calls among them, one affair each as far as they go; nothing where there were such affairs before.

    Returns what the exchange refused, in its own sentences; empty: all went well.
    """
    if CallRating.objects.exists():
        return []
    calls = list(
        Attempt.objects.filter(pk__in=attempts, payable=True)
        .select_related("campaign__organisation", "operator", "assignment", "disposition")
        .order_by("dialled_at")
    )
    refused = []
    for affair, call in zip((_rejected, _scored, _liked, _reported), calls, strict=False):
        try:
            with transaction.atomic():
                affair(call)
        except ExchangeError as refusal:
            refused.append(str(refusal.sentence))
    for operator, campaign in _worked(calls):
        campaign_ratings.rate(operator=operator, campaign=campaign, stars=4, reasons=[WhyStars.GOOD_SCRIPT])
    return refused


def _worked(calls: Sequence[Attempt]) -> Iterator[tuple[User, UUID]]:
    seen = set()
    for call in calls:
        if call.operator_id not in seen:
            seen.add(call.operator_id)
            yield call.operator, call.campaign_id


def _rejected(call: Attempt) -> None:
    """Waits for a moderator: the operator has appealed."""
    words = _REJECTED[call.campaign.language]
    ratings.reject(attempt=call, by=_person("olga"), reason=RatingReason.WRONG_RESULT, words=words, at_ms=PLACE_MS)
    disputes.appeal(
        attempt=call, operator=call.operator, kind=DisputeKind.REJECTION, words=_APPEALED[call.campaign.language]
    )


def _scored(call: Attempt) -> None:
    language = call.campaign.language
    answers = {item.key: "partly" if n == 1 else "yes" for n, item in enumerate(reviews.scorecard())}
    mark = reviews.Mark(at_ms=PLACE_MS, words=_PLACE[language])
    reviews.score(attempt=call, reviewer=_person("irina"), answers=answers, comment=_ADVICE[language], marks=[mark])


def _liked(call: Attempt) -> None:
    ratings.rate(attempt=call, by=_person("olga"), stars=5, words=_LIKED[call.campaign.language])


def _reported(call: Attempt) -> None:
    reports.tell(by=_person("olga"), words=_REPORTED[call.campaign.language], attempt=call)


def _person(key: str) -> User:
    return User.objects.get(email=BY_KEY[key].email)
