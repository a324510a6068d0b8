"""Promised callbacks: back to who promised, at their time, never out of hours; to another one when they are away."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
import time_machine

from hearthline.campaigns import services as campaigns
from hearthline.campaigns.models import Contact, ContactState, DispositionKind, Priority
from hearthline.dialing import promises, services
from hearthline.dialing.models import Assignment, AssignmentState
from hearthline.dialing.why import why_idle
from hearthline.lib.errors import NotFoundError
from hearthline.people.models import User
from tests.campaigns.worlds import a_campaign, a_running_campaign, add_numbers, an_operator
from tests.races import failures, together

NOW = datetime(2026, 3, 25, 9, 0, tzinfo=UTC)  # Wednesday, 12:00 in Moscow
AT = NOW + timedelta(hours=2)


def promised(operator: User, at: datetime = AT, **fields: object) -> Contact:
    """A campaign of one contact, whom this operator has promised a call."""
    campaign = a_running_campaign(1, **fields)  # type: ignore[arg-type]
    return promise(operator, Contact.objects.get(campaign=campaign), at)


def promise(operator: User, contact: Contact, at: datetime = AT) -> Contact:
    assignment = services.claim_next(operator, contact.campaign)
    assert assignment is not None
    back = contact.campaign.dispositions.filter(kind=DispositionKind.CALL_BACK)[0]
    after = services.apply_outcome(contact=contact, operator=operator, disposition=back, call_back_at=at)
    Assignment.objects.filter(pk=assignment.pk).update(state=AssignmentState.CLOSED)
    return after


@pytest.mark.django_db
class TestPromise:
    def test_it_comes_to_its_maker_whatever_they_work_on(self) -> None:
        with time_machine.travel(NOW, tick=False) as now:
            operator = an_operator()
            contact = promised(operator)
            assert (contact.promised_at, contact.next_attempt_at) == (AT, AT)
            now.move_to(AT - timedelta(seconds=1))
            assert services.claim_promised(operator) is None
            now.move_to(AT)
            assert services.claim_promised(an_operator()) is None
            assert services.claim_next(an_operator(), contact.campaign) is None
            assignment = services.claim_promised(operator)
            assert assignment is not None
            assert assignment.contact_id == contact.pk
            again = services.claim_promised(operator)
            assert again is None or again.pk == assignment.pk
            assert Assignment.objects.filter(state=AssignmentState.ACTIVE).count() == 1

    def test_when_they_are_away_another_one_calls_after_the_grace(self) -> None:
        with time_machine.travel(NOW, tick=False) as now:
            operator, other = an_operator(), an_operator()
            contact = promised(operator)
            now.move_to(AT + promises.grace() - timedelta(seconds=1))
            assert services.claim_next(other, contact.campaign) is None
            now.move_to(AT + promises.grace())
            assignment = services.claim_next(other, contact.campaign)
            assert assignment is not None
            assert Contact.objects.get().prefer_operator == operator  # who promised is still known

    def test_never_outside_the_contacts_hours(self) -> None:
        with time_machine.travel(NOW, tick=False) as now:
            operator = an_operator()
            contact = promised(operator, window_start=time(9, 0), window_end=time(20, 0))
            Contact.objects.update(timezone="Asia/Vladivostok")  # where it is 21:00 at the promised time
            now.move_to(AT)
            assert services.claim_promised(operator) is None
            assert services.claim_next(operator, contact.campaign) is None
            assert not Assignment.objects.filter(state=AssignmentState.ACTIVE).exists()

    def test_nobody_there_leaves_it_with_who_promised_and_a_conversation_ends_it(self) -> None:
        with time_machine.travel(NOW, tick=False) as now:
            operator = an_operator()
            promised(operator)
            now.move_to(AT)
            assert services.claim_promised(operator) is not None
            after = services.apply_outcome(contact=Contact.objects.get(), operator=operator, outcome="busy")
            assert (after.prefer_operator, after.promised_at, after.priority) == (operator, AT, Priority.FIRST)
            assert after.next_attempt_at == AT + timedelta(minutes=30)
            Contact.objects.update(state=ContactState.ASSIGNED)
            agreed = after.campaign.dispositions.filter(kind=DispositionKind.SUCCESS)[0]
            after = services.apply_outcome(contact=after, operator=operator, disposition=agreed)
            assert (after.state, after.prefer_operator_id, after.promised_at) == (ContactState.DONE, None, None)

    def test_another_one_who_reaches_nobody_leaves_it_to_anybody(self) -> None:
        with time_machine.travel(NOW, tick=False) as now:
            contact = promised(an_operator())
            now.move_to(AT + promises.grace())
            other = an_operator()
            assert services.claim_next(other, contact.campaign) is not None
            after = services.apply_outcome(contact=Contact.objects.get(), operator=other, outcome="no_answer")
            assert (after.prefer_operator_id, after.promised_at) == (None, None)

    def test_tries_of_a_promise_end_like_others(self) -> None:
        with time_machine.travel(NOW, tick=False):
            operator = an_operator()
            promised(operator, max_attempts=2)
            Contact.objects.update(state=ContactState.ASSIGNED, attempts=1)
            after = services.apply_outcome(contact=Contact.objects.get(), operator=operator, outcome="no_answer")
            assert (after.state, after.prefer_operator_id) == (ContactState.EXHAUSTED, None)

    def test_a_campaign_that_is_closed_to_them_now_is_left_alone(self) -> None:
        with time_machine.travel(NOW, tick=False) as now:
            operator = an_operator()
            promised(operator)
            operator.spoken_languages = ["en"]
            now.move_to(AT)
            assert services.claim_promised(operator) is None

    def test_it_can_be_given_away_by_its_maker_only(self) -> None:
        with time_machine.travel(NOW, tick=False) as now:
            operator = an_operator()
            contact = promised(operator)
            with pytest.raises(NotFoundError):
                promises.give_up(operator=an_operator(), contact=contact.pk)
            with pytest.raises(NotFoundError):
                promises.give_up(operator=operator, contact="no id at all")
            assert promises.summary_of(operator) == {"count": 1, "next_at": AT}
            promises.give_up(operator=operator, contact=contact.pk)
            assert promises.summary_of(operator) == {"count": 0, "next_at": None}
            now.move_to(AT)
            assert services.claim_next(an_operator(), contact.campaign) is not None

    def test_the_customer_is_told_what_is_waited_for(self) -> None:
        with time_machine.travel(NOW, tick=False) as now:
            contact = promised(an_operator())
            reasons = {reason.code: reason for reason in why_idle(contact.campaign).reasons}
            assert (reasons["promised"].count, reasons["promised"].until) == (1, AT)
            now.move_to(AT + timedelta(minutes=1))
            why = why_idle(contact.campaign)
            reasons = {reason.code: reason for reason in why.reasons}
            assert (why.ready, reasons["promised"].until) == (0, AT + promises.grace())
            now.move_to(AT + promises.grace())
            why = why_idle(contact.campaign)
            assert why.ready == 1
            assert "promised" not in {reason.code for reason in why.reasons}


def test_all_run_for_a_promise_and_its_maker_gets_it(database: str) -> None:
    with time_machine.travel(NOW, tick=False) as now:
        operator, others = an_operator(), [an_operator() for _ in range(7)]
        contact = promised(operator)
        now.move_to(AT + timedelta(minutes=1))

        got = together(
            8,
            lambda n: services.claim_next(others[n - 1], contact.campaign) if n else services.claim_promised(operator),
        )

        assert failures(got) == []
        assert [assignment is not None for assignment in got] == [True, *[False] * 7]


def test_after_the_grace_exactly_one_gets_it(database: str) -> None:
    with time_machine.travel(NOW, tick=False) as now:
        operator, others = an_operator(), [an_operator() for _ in range(7)]
        contact = promised(operator)
        now.move_to(AT + promises.grace())

        got = together(
            8,
            lambda n: services.claim_next(others[n - 1], contact.campaign) if n else services.claim_promised(operator),
        )

        assert failures(got) == []
        assert sum(assignment is not None for assignment in got) == 1
        assert Assignment.objects.filter(state=AssignmentState.ACTIVE).count() == 1


def test_one_person_on_eight_pages_gets_one_promise(database: str) -> None:
    with time_machine.travel(NOW, tick=False) as now:
        operator = an_operator()
        first = promised(operator)
        other = a_campaign(first.campaign.organisation)
        add_numbers(other, 1, start=50)
        promise(operator, Contact.objects.get(campaign=campaigns.start(campaign=other, actor=None)))
        now.move_to(AT + timedelta(minutes=1))

        got = together(8, lambda _n: services.claim_promised(operator))

        assert failures(got) == []
        assert len({assignment.pk for assignment in got if isinstance(assignment, Assignment)}) == 1
        assert Assignment.objects.filter(state=AssignmentState.ACTIVE).count() == 1
