"""What an outcome makes of a contact."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
import time_machine

from hearthline.campaigns import services as campaigns
from hearthline.campaigns import tally
from hearthline.campaigns.contacts import add_contact
from hearthline.campaigns.models import (
    BlockReason,
    Contact,
    ContactState,
    Disposition,
    DispositionKind,
    DoNotCall,
    Priority,
)
from hearthline.dialing import do_not_call, services
from hearthline.dialing.models import Assignment, AssignmentState
from hearthline.lib import clock
from hearthline.lib.errors import InvalidInputError
from hearthline.lib.ids import new_id
from hearthline.people.models import User
from tests.campaigns.worlds import a_campaign, a_number, a_running_campaign, an_operator, an_organisation

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 25, 9, 0, tzinfo=UTC)  # Wednesday, 12:00 in Moscow


def claimed(operator: User, **fields: object) -> Contact:
    campaign = a_running_campaign(1, **fields)  # type: ignore[arg-type]
    assignment = services.claim_next(operator, campaign)
    assert assignment is not None
    return Contact.objects.get(pk=assignment.contact_id)


def kind(contact: Contact, wanted: DispositionKind) -> Disposition:
    return Disposition.objects.get(campaign=contact.campaign, kind=wanted)


@pytest.mark.parametrize(
    ("outcome", "attempts", "wait"),
    [
        ("busy", 0, timedelta(minutes=30)),
        ("cancelled", 0, timedelta(minutes=30)),
        ("no_answer", 0, timedelta(hours=2)),
        ("no_answer", 1, timedelta(hours=4)),
        ("rejected", 2, timedelta(hours=8)),
        ("no_answer", 3, timedelta(hours=24)),
        ("not_wrapped_up", 0, timedelta(hours=1)),
    ],
)
def test_tries_again_later(outcome: str, attempts: int, wait: timedelta) -> None:
    with time_machine.travel(NOW, tick=False):
        operator = an_operator()
        contact = claimed(operator)
        Contact.objects.update(attempts=attempts)
        after = services.apply_outcome(contact=contact, operator=operator, outcome=outcome)
    assert (after.state, after.attempts, after.next_attempt_at) == (ContactState.RETRY, attempts + 1, NOW + wait)
    assert Contact.objects.get().outcome == outcome


def test_a_lost_trunk_does_not_use_attempts_up() -> None:
    operator = an_operator()
    contact = claimed(operator, max_attempts=1)
    after = services.apply_outcome(contact=contact, operator=operator, outcome="network")
    assert (after.state, after.attempts) == (ContactState.RETRY, 0)


def test_the_last_attempt() -> None:
    operator = an_operator()
    contact = claimed(operator, max_attempts=1)
    services.apply_outcome(contact=contact, operator=operator, outcome="no_answer")
    assert Contact.objects.get().state == ContactState.EXHAUSTED
    assert tally.of(contact.campaign_id).exhausted == 1
    campaigns.change_campaign(campaign=contact.campaign, actor=None, max_attempts=3)
    assert Contact.objects.get().state == ContactState.RETRY
    assert tally.of(contact.campaign_id).exhausted == 0


def test_a_number_out_of_service_is_not_called_again() -> None:
    operator = an_operator()
    contact = claimed(operator)
    services.apply_outcome(contact=contact, operator=operator, outcome="absent")
    after = Contact.objects.get()
    assert (after.state, after.block_reason) == (ContactState.BLOCKED, BlockReason.ABSENT)


def test_agreed_is_done_and_counted() -> None:
    operator = an_operator()
    contact = claimed(operator)
    attempt = new_id()
    services.apply_outcome(
        contact=contact, operator=operator, disposition=kind(contact, DispositionKind.SUCCESS), result={"need": "a lamp"},
        notes="polite", talk_ms=61_000, attempt=attempt,
    )  # fmt: skip
    after = Contact.objects.get()
    assert (after.state, after.result, after.notes) == (ContactState.DONE, {"need": "a lamp"}, "polite")
    assert (after.last_operator_id, after.last_attempt, after.talk_ms) == (operator.pk, attempt, 61_000)
    totals = tally.of(contact.campaign_id)
    assert (totals.agreed, totals.done, totals.attempts, totals.talk_ms) == (1, 1, 1, 61_000)
    assert tally.recount(contact.campaign_id) is False


def test_do_not_call_is_listed_for_the_customer_and_leaves_their_other_queues() -> None:
    operator, organisation = an_operator(), an_organisation()
    other = a_running_campaign(1, organisation)
    strangers = a_running_campaign(1)
    contact = claimed(operator, organisation=organisation)
    services.apply_outcome(contact=contact, operator=operator, disposition=kind(contact, DispositionKind.DO_NOT_CALL))
    assert DoNotCall.objects.get().organisation == organisation
    assert Contact.objects.get(campaign=other).block_reason == BlockReason.DO_NOT_CALL
    assert Contact.objects.get(campaign=strangers).state == ContactState.FRESH
    assert tally.of(other.pk).blocked == 1
    assert do_not_call.remove(entry=DoNotCall.objects.get(), removed_by=None) == 2
    assert Contact.objects.get(campaign=other).state == ContactState.FRESH


def test_a_promise_is_moved_into_the_hours_of_calling_and_kept_for_its_maker() -> None:
    with time_machine.travel(NOW, tick=False):
        operator = an_operator()
        contact = claimed(operator, window_start=time(9, 0), window_end=time(20, 0), max_attempts=1)
        after = services.apply_outcome(
            contact=contact, operator=operator, disposition=kind(contact, DispositionKind.CALL_BACK),
            call_back_at=NOW + timedelta(hours=10),  # 22:00 in Moscow
        )  # fmt: skip
    assert after.next_attempt_at == datetime(2026, 3, 26, 6, 0, tzinfo=UTC)  # 9:00 the next morning
    assert (after.priority, after.prefer_operator_id) == (Priority.FIRST, operator.pk)
    assert (after.state, after.attempts) == (ContactState.RETRY, 0)  # although it was the last attempt
    Assignment.objects.update(state=AssignmentState.CLOSED)
    with time_machine.travel(datetime(2026, 3, 26, 6, 1, tzinfo=UTC), tick=False):
        assert services.claim_next(an_operator(), contact.campaign) is None
        assert services.claim_next(operator, contact.campaign) is not None


@pytest.mark.parametrize("away", [timedelta(hours=-1), timedelta(days=91)])
def test_promises_are_bounded(away: timedelta) -> None:
    operator = an_operator()
    contact = claimed(operator)
    with pytest.raises(InvalidInputError):
        services.apply_outcome(
            contact=contact, operator=operator, disposition=kind(contact, DispositionKind.CALL_BACK),
            call_back_at=clock.now() + away,
        )  # fmt: skip
    assert Contact.objects.get().state == ContactState.ASSIGNED


def test_a_disposition_with_a_retry_rule() -> None:
    with time_machine.travel(NOW, tick=False):
        operator = an_operator()
        contact = claimed(operator)
        nobody = kind(contact, DispositionKind.NO_CONVERSATION)
        after = services.apply_outcome(contact=contact, operator=operator, disposition=nobody)
    assert after.next_attempt_at == NOW + timedelta(minutes=120)
    assert after.prefer_operator_id is None


def test_removed_while_it_was_called_stays_removed() -> None:
    operator = an_operator()
    contact = claimed(operator)
    Contact.objects.update(state=ContactState.BLOCKED, block_reason=BlockReason.REMOVED)
    services.apply_outcome(contact=contact, operator=operator, disposition=kind(contact, DispositionKind.SUCCESS))
    after = Contact.objects.get()
    assert (after.state, after.block_reason) == (ContactState.BLOCKED, BlockReason.REMOVED)
    assert after.disposed_at is not None


def test_adding_a_listed_number_is_blocked_at_once() -> None:
    campaign = a_campaign()
    do_not_call.add(phone=a_number(1), organisation=None, added_by=None)
    assert add_contact(campaign=campaign, phone=a_number(1)).block_reason == BlockReason.DO_NOT_CALL
