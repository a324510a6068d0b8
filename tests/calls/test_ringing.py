"""A floor of pay for ringing: by the second, from the network's own word, within what is held, once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction

from hearthline.calls.models import Attempt, Shift
from hearthline.calls.outcomes import Outcome, dispose
from hearthline.campaigns import services as campaigns
from hearthline.campaigns import tally
from hearthline.campaigns.models import Campaign
from hearthline.ledger import check
from hearthline.ledger import services as ledger
from hearthline.ledger.models import AccountKind, Transfer, TransferCode, TransferState
from hearthline.lib import clock
from hearthline.lib.errors import InvalidInputError
from tests.calls.worlds import Conversation, a_conversation
from tests.campaigns.worlds import PRICE, a_campaign, a_running_campaign
from tests.races import failures, together

A_MINUTE = 300  # minor units


def unanswered(rang_s: float = 20, *, rang: bool = True, rate: int = A_MINUTE, **changes: Any) -> Conversation:
    """A call that nobody answered, dialled so long ago."""
    talk = a_conversation(campaign=a_running_campaign(3, ring_pay_minor=rate, min_talk_s=10))
    dialled = clock.now() - timedelta(seconds=rang_s)
    values = {
        "dialled_at": dialled, "ringing_at": dialled if rang else None, "answered_at": None, "ended_at": clock.now(),
        "talk_ms": 0, "contact_stats": {}, "ended_by": "switch",
    } | changes  # fmt: skip
    Attempt.objects.filter(pk=talk.attempt.pk).update(**values)
    return talk


def ended(talk: Conversation, outcome: str = "no_answer") -> Outcome:
    row = Attempt.objects.select_related("campaign", "contact", "assignment", "operator").get(pk=talk.attempt.pk)
    with transaction.atomic():
        return dispose(row, now=clock.now(), outcome=outcome)


def in_review(talk: Conversation) -> int:
    return ledger.account_of(AccountKind.OPERATOR_MATURING, talk.operator.pk, "RUB").balance


@pytest.mark.django_db
def test_ringing_is_paid_by_the_second_from_what_was_held() -> None:
    talk = unanswered(20)

    outcome = ended(talk)

    assert (outcome.payable, outcome.earned_minor, outcome.charged_minor) == (False, 100, 100)
    assert in_review(talk) == 100
    hold = Transfer.objects.get(pk=str(talk.assignment.hold))
    paid = Transfer.objects.get(code=TransferCode.RINGING)
    assert hold.state == TransferState.VOIDED
    assert (paid.posted_minor, paid.reference, paid.state) == (100, hold.reference, TransferState.POSTED)
    assert paid.matures_at is not None
    assert Shift.objects.get(pk=talk.shift.pk).earned_minor == 100
    totals = tally.of(talk.campaign.pk)
    assert (totals.spent_minor, totals.conversations) == (100, 0)
    assert check.prove().faults == []
    ledger.mature(clock.now() + timedelta(hours=settings.HEARTHLINE.review_window_hours + 1))
    assert ledger.account_of(AccountKind.OPERATOR_AVAILABLE, talk.operator.pk, "RUB").balance == 100


@pytest.mark.parametrize(
    ("talk_changes", "outcome"),
    [
        ({}, "cancelled"),  # the operator ended it
        ({}, "network"),
        ({"rang": False}, "no_answer"),  # no word of the network that it ever rang
        ({"rate": 0}, "no_answer"),
        ({"rang_s": 0}, "no_answer"),
    ],
)
@pytest.mark.django_db
def test_what_did_not_ring_by_anybodys_word_is_not_paid(talk_changes: dict[str, Any], outcome: str) -> None:
    talk = unanswered(**talk_changes)
    assert ended(talk, outcome).earned_minor == 0
    assert in_review(talk) == 0
    assert Transfer.objects.get(pk=str(talk.assignment.hold)).state == TransferState.VOIDED
    assert check.prove().faults == []


@pytest.mark.django_db
def test_however_long_it_rang_the_longest_ringing_is_the_most() -> None:
    talk = unanswered(3600)
    assert ended(talk).earned_minor == A_MINUTE * settings.HEARTHLINE.ring_timeout_s // 60


@pytest.mark.django_db
def test_never_more_than_was_held() -> None:
    talk = unanswered(40)
    Campaign.objects.filter(pk=talk.campaign.pk).update(ring_pay_minor=1_000_000)
    assert ended(talk).charged_minor == PRICE
    assert check.prove().faults == []


@pytest.mark.django_db
def test_a_paid_conversation_has_its_price_and_no_ringing() -> None:
    talk = a_conversation(campaign=a_running_campaign(3, ring_pay_minor=A_MINUTE, min_talk_s=10))
    assert talk.wrap_up().earned_minor == 960
    assert not Transfer.objects.filter(code=TransferCode.RINGING).exists()


@pytest.mark.django_db
def test_a_conversation_that_is_not_paid_has_its_ringing_unless_the_operator_was_silent() -> None:
    campaign = a_running_campaign(3, ring_pay_minor=A_MINUTE, min_talk_s=10)
    short = a_conversation(campaign=campaign, talk_s=4)  # rang for 5 s
    assert (short.wrap_up().not_payable_reason, in_review(short)) == ("too_short", 25)
    silent = a_conversation(campaign=campaign, stats={"voice_in_ms": 9000, "voice_out_ms": 0})
    assert (silent.wrap_up().not_payable_reason, in_review(silent)) == ("operator_not_heard", 0)


@pytest.mark.django_db
def test_a_floor_above_the_price_is_refused() -> None:
    campaign = a_campaign()
    with pytest.raises(InvalidInputError) as refused:
        campaigns.change_campaign(campaign=campaign, actor=None, ring_pay_minor=PRICE * 2)
    assert "ring_pay_minor" in refused.value.details["fields"]  # type: ignore[operator]  # a mapping by its name
    assert Campaign.objects.get().ring_pay_minor == 0
    campaigns.change_campaign(campaign=campaign, actor=None, ring_pay_minor=PRICE)
    with pytest.raises(InvalidInputError):
        campaigns.change_campaign(campaign=campaign, actor=None, price_minor=PRICE // 2)


def test_sixteen_ends_of_one_call_pay_its_ringing_once(database: str) -> None:
    talk = unanswered(20)
    results = together(16, lambda _n: ended(talk))
    assert len(failures(results)) == 15
    assert in_review(talk) == 100
    assert Transfer.objects.filter(code=TransferCode.RINGING).count() == 1
    assert check.prove().faults == []
