"""Several moderators at one thing."""

from __future__ import annotations

from hearthline.lib.errors import ConflictError
from hearthline.quality import disputes
from hearthline.quality.models import Dispute
from tests.quality.test_moderation import a_moderator, a_paid_conversation, balances, nothing_is_lost, rejected
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
