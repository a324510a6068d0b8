"""Several moderators at one thing."""

from __future__ import annotations

import pytest
from django.conf import settings

from hearthline.lib.errors import ConflictError
from hearthline.quality import disputes, ratings
from hearthline.quality.models import CallRating, Dispute
from tests.campaigns.worlds import a_running_campaign, an_operator
from tests.quality.test_moderation import (
    a_moderator,
    a_paid_conversation,
    balances,
    nothing_is_lost,
    owner_of,
    rejected,
)
from tests.races import together


def test_many_decide_at_once_and_one_does(database: str) -> None:
    conversation = a_paid_conversation()
    price, before = conversation.attempt.charged_minor, balances(conversation)[0]
    rejected(conversation)
    dispute = disputes.appeal(
        attempt=conversation.attempt, operator=conversation.operator, kind="rejection", words="I did not."
    )
    moderators = [a_moderator(name) for name in ("Ada", "Bob", "Cleo", "Dora")]

    def decide(place: int) -> str:
        try:
            disputes.decide(
                dispute=Dispute.objects.get(pk=dispute.pk), moderator=moderators[place], upheld=False, answer="Heard."
            )
        except ConflictError:
            return "late"
        return "decided"

    said = together(4, decide)
    assert sorted(map(str, said)) == ["decided", "late", "late", "late"]
    assert balances(conversation) == (before + price, 0, 0)
    nothing_is_lost()


def test_the_last_rejection_of_a_day_is_one(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings.HEARTHLINE, "rejections_free_a_day", 1)
    campaign = a_running_campaign(4, min_talk_s=10)
    talks = [a_paid_conversation(campaign=campaign, operator=an_operator()) for _talk in range(3)]
    owner = owner_of(campaign)

    def reject(place: int) -> str:
        try:
            ratings.reject(attempt=talks[place].attempt, by=owner, reason="rude", words="Shouted.", at_ms=None)
        except ratings.TooManyRejectionsError:
            return "too many"
        return "rejected"

    assert sorted(map(str, together(3, reject))) == ["rejected", "too many", "too many"]
    assert CallRating.objects.filter(rejected_at__isnull=False).count() == 1
    nothing_is_lost()


def test_an_appeal_at_the_moment_of_the_settling_is_before_it_or_too_late(database: str) -> None:
    conversation = a_paid_conversation()
    rating = rejected(conversation)
    assert rating.stands_at is not None
    due = rating.stands_at

    def act(place: int) -> str:
        if place:
            return str(ratings.settle_unanswered(due))
        try:
            disputes.appeal(
                attempt=conversation.attempt, operator=conversation.operator, kind="rejection", words="I did not."
            )
        except ConflictError:
            return "late"
        return "appealed"

    appealed, settled = together(2, act)
    assert (appealed, settled) in {("appealed", "0"), ("late", "1")}
    rating.refresh_from_db()
    assert (rating.settled_at is None) == (appealed == "appealed")
    nothing_is_lost()
