"""Who gets which contact."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from hearthline.campaigns import services as campaigns
from hearthline.campaigns import tally
from hearthline.campaigns.contacts import add_contact
from hearthline.campaigns.models import BlockReason, Campaign, CampaignState, Contact, ContactState, PauseReason
from hearthline.dialing import do_not_call, services
from hearthline.dialing.models import Assignment, AssignmentState
from hearthline.dialing.why import why_idle
from hearthline.ledger import services as ledger
from hearthline.ledger.models import Tariff, Transfer, TransferState
from hearthline.lib import clock
from hearthline.lib.errors import ConflictError, NotAllowedError
from tests.campaigns.worlds import (
    PRICE,
    a_campaign,
    a_number,
    a_running_campaign,
    add_numbers,
    an_operator,
    an_organisation,
)

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 25, 9, 0, tzinfo=UTC)  # a Wednesday; 12:00 in Moscow, 19:00 in Vladivostok


def test_claims_the_oldest_and_holds_its_price() -> None:
    campaign = a_running_campaign(3)
    oldest = Contact.objects.order_by("next_attempt_at")[0]

    assignment = services.claim_next(an_operator(), campaign)

    assert assignment is not None
    assert assignment.contact_id == oldest.pk
    kept = Assignment.objects.get()
    assert (kept.pk, kept.phone, kept.state, kept.fence) == (assignment.pk, oldest.phone, AssignmentState.ACTIVE, 1)
    assert kept.lease_expires_at == assignment.lease_expires_at > clock.now()
    assert kept.hold is not None
    hold = Transfer.objects.get(pk=kept.hold)
    assert (hold.state, hold.amount_minor) == (TransferState.PENDING, PRICE)
    assert Contact.objects.get(pk=oldest.pk).state == ContactState.ASSIGNED


def test_asking_again_gives_the_same_contact() -> None:
    campaign, operator = a_running_campaign(3), an_operator()
    first = services.claim_next(operator, campaign)
    again = services.claim_next(operator, campaign)
    assert first is not None
    assert again is not None
    assert first.pk == again.pk
    assert Assignment.objects.count() == 1


def test_one_contact_at_a_time_even_in_two_campaigns() -> None:
    operator = an_operator()
    services.claim_next(operator, a_running_campaign(1))
    other = a_campaign()
    add_numbers(other, 1, start=50)
    other = campaigns.start(campaign=other, actor=None)
    with pytest.raises(services.OtherCampaignError):
        services.claim_next(operator, other)
    assert Assignment.objects.count() == 1


def test_a_number_on_the_line_elsewhere_is_stepped_over() -> None:
    organisation = an_organisation()
    one, two = a_running_campaign(1, organisation), a_running_campaign(2, organisation)
    services.claim_next(an_operator(), one)  # holds number 0, which is the oldest of `two` as well
    got = services.claim_next(an_operator(), two)
    assert got is not None
    assert got.phone == a_number(1)
    assert services.claim_next(an_operator(), two) is None


def test_the_do_not_call_list_holds_even_for_contacts_in_the_queue() -> None:
    campaign = a_running_campaign(2)
    do_not_call.add(phone=a_number(0), organisation=None, added_by=None)
    assert Contact.objects.get(phone=a_number(0)).block_reason == BlockReason.DO_NOT_CALL
    # a row that was put back by hand is still not given out
    Contact.objects.filter(phone=a_number(0)).update(state=ContactState.FRESH)
    got = services.claim_next(an_operator(), campaign)
    assert got is not None
    assert got.phone == a_number(1)
    assert services.claim_next(an_operator(), campaign) is None


def test_another_customers_list_does_not_matter() -> None:
    campaign = a_running_campaign(1)
    do_not_call.add(phone=a_number(0), organisation=an_organisation(), added_by=None)
    assert services.claim_next(an_operator(), campaign) is not None


def test_a_destination_that_lost_its_price_leaves_the_queue() -> None:
    campaign = a_running_campaign(2)
    Tariff.objects.update(active=False)
    assert services.claim_next(an_operator(), campaign) is None
    assert set(Contact.objects.values_list("block_reason", flat=True)) == {BlockReason.UNPRICED}
    assert not Transfer.objects.filter(state=TransferState.PENDING).exists()
    assert tally.of(campaign.pk).blocked == 2
    Tariff.objects.update(active=True)
    campaign = campaigns.pause(campaign=campaign, actor=None)
    campaigns.start(campaign=campaign, actor=None)
    assert services.claim_next(an_operator(), campaign) is not None
    assert tally.of(campaign.pk).blocked == 0


def test_not_what_the_operator_or_their_invitee_entered() -> None:
    campaign = a_running_campaign(0 + 1)
    operator = an_operator()
    invitee = an_operator(invited_by=operator)
    add_contact(campaign=campaign, phone=a_number(10), entered_by=operator)
    add_contact(campaign=campaign, phone=a_number(11), entered_by=invitee)
    mine = services.claim_next(operator, campaign)
    theirs = services.claim_next(invitee, campaign)
    other = services.claim_next(an_operator(), campaign)
    assert mine is not None
    assert mine.phone == a_number(0)  # although it is the last in order
    assert theirs is not None
    assert theirs.phone == a_number(10)  # who invited is no reason the other way round
    assert other is not None
    assert other.phone == a_number(11)


def test_first_before_the_others() -> None:
    campaign = a_running_campaign(2)
    add_contact(campaign=campaign, phone=a_number(10))
    got = services.claim_next(an_operator(), campaign)
    assert got is not None
    assert got.phone == a_number(10)


def test_attempts_used_up() -> None:
    campaign = a_running_campaign(1, max_attempts=2)
    Contact.objects.update(attempts=2, state=ContactState.RETRY)
    assert services.claim_next(an_operator(), campaign) is None


def test_not_before_its_time() -> None:
    campaign = a_running_campaign(1)
    Contact.objects.update(next_attempt_at=clock.now() + timedelta(minutes=1))
    assert services.claim_next(an_operator(), campaign) is None


def test_each_contact_in_its_own_zone() -> None:
    with time_machine.travel(NOON, tick=False):
        campaign = a_campaign(window_start=time(9, 0), window_end=time(19, 0))
        add_contact(campaign=campaign, phone=a_number(0), timezone="Asia/Vladivostok", first=False)
        add_contact(campaign=campaign, phone=a_number(1), timezone="America/New_York")  # 5 in the morning
        add_contact(campaign=campaign, phone=a_number(2), timezone="Europe/Moscow", first=False)
        campaign = campaigns.start(campaign=campaign, actor=None)
        got = services.claim_next(an_operator(), campaign)
        assert got is not None
        assert got.phone == a_number(2)
        assert services.claim_next(an_operator(), campaign) is None
    with time_machine.travel(NOON + timedelta(hours=4), tick=False):
        got = services.claim_next(an_operator(), campaign)
        assert got is not None
        assert got.phone == a_number(1)


def test_weekdays_are_the_contacts_own() -> None:
    saturday_in_auckland = datetime(2026, 3, 27, 20, 0, tzinfo=UTC)  # Friday 23:00 in Moscow
    with time_machine.travel(saturday_in_auckland, tick=False):
        campaign = a_campaign(window_days=[1, 2, 3, 4, 5])
        add_contact(campaign=campaign, phone=a_number(0), timezone="Pacific/Auckland")
        campaign = campaigns.start(campaign=campaign, actor=None)
        assert services.claim_next(an_operator(), campaign) is None
        add_contact(campaign=campaign, phone=a_number(1), timezone="Europe/Moscow")
        assert services.claim_next(an_operator(), campaign) is not None


def test_a_promise_goes_to_who_made_it_then_to_anyone() -> None:
    campaign = a_running_campaign(3)
    promised, (_a, other) = Contact.objects.order_by("-next_attempt_at")[0], [an_operator(), an_operator()]
    Contact.objects.filter(pk=promised.pk).update(prefer_operator=_a, priority=1, state=ContactState.RETRY)
    not_theirs = services.claim_next(other, campaign)
    assert not_theirs is not None
    assert not_theirs.contact_id != promised.pk
    theirs = services.claim_next(_a, campaign)
    assert theirs is not None
    assert theirs.contact_id == promised.pk
    services.release(theirs, "shift_ended")
    with time_machine.travel(clock.now() + timedelta(minutes=16), tick=False):
        anybody = services.claim_next(an_operator(), campaign)
        assert anybody is not None
        assert anybody.contact_id == promised.pk
        assert anybody.fence == theirs.fence + 1


def test_language_and_level() -> None:
    campaign = a_running_campaign(1, level_required=2)
    with pytest.raises(NotAllowedError, match="language"):
        services.claim_next(an_operator(spoken_languages=["en"], level=2), campaign)
    with pytest.raises(NotAllowedError, match="level 2"):
        services.claim_next(an_operator(), campaign)
    assert not Assignment.objects.exists()
    assert services.claim_next(an_operator(level=2, spoken_languages=["en", "ru-RU"]), campaign) is not None


def test_without_money_the_campaign_stands_still_and_nothing_is_given_out() -> None:
    campaign = a_running_campaign(3, an_organisation(balance=PRICE + 5))
    first = services.claim_next(an_operator(), campaign)
    assert first is not None
    assert services.claim_next(an_operator(), campaign) is None
    assert Campaign.objects.get().state == CampaignState.RUNNING  # the money may come back
    assert why_idle(campaign).reasons[0].code == "funds_held"
    assert first.hold is not None
    ledger.post(first.hold)
    assert services.claim_next(an_operator(), campaign) is None
    kept = Campaign.objects.get()
    assert (kept.state, kept.pause_reason) == (CampaignState.PAUSED, PauseReason.INSUFFICIENT_FUNDS)
    assert Assignment.objects.count() == 1
    assert Contact.objects.filter(state=ContactState.ASSIGNED).count() == 1
    assert why_idle(kept).reasons[0].code == "no_funds"


def test_a_paused_campaign_gives_nothing_out_even_to_an_old_page() -> None:
    campaign = a_running_campaign(1)
    campaigns.pause(campaign=campaign, actor=None)
    assert campaign.state == CampaignState.RUNNING  # what the page still believes
    with pytest.raises(ConflictError):
        services.claim_next(an_operator(), campaign)
    assert not Assignment.objects.exists()


def test_release_gives_the_money_and_the_contact_back() -> None:
    campaign, operator = a_running_campaign(1), an_operator()
    assignment = services.claim_next(operator, campaign)
    assert assignment is not None
    assert services.release(assignment, "withdrawn")
    assert not services.release(assignment, "withdrawn")
    assert assignment.hold is not None
    assert Transfer.objects.get(pk=assignment.hold).state == TransferState.VOIDED
    assert Contact.objects.get().state == ContactState.FRESH
    again = services.claim_next(operator, campaign)
    assert again is not None
    assert again.fence == 2
    with pytest.raises(services.StaleLeaseError):
        services.renew(assignment, assignment.fence)


def test_a_skipped_contact_does_not_come_straight_back() -> None:
    campaign, operator = a_running_campaign(1), an_operator()
    assignment = services.claim_next(operator, campaign)
    assert assignment is not None
    services.release(assignment, "skipped")
    assert services.claim_next(operator, campaign) is None


def test_leases_run_out_unless_renewed_or_dialled() -> None:
    campaign = a_running_campaign(3)
    left, renewed, dialled = (services.claim_next(an_operator(), campaign) for _ in range(3))
    assert left is not None
    assert renewed is not None
    assert dialled is not None
    services.renew(renewed, renewed.fence, lease_s=10_000)
    services.dial_begun(dialled, dialled.fence)
    later = clock.now() + timedelta(hours=1)
    assert services.expire_leases(later) == 1
    assert services.expire_leases(later) == 0
    left.refresh_from_db()
    assert (left.state, left.release_reason) == (AssignmentState.RELEASED, "lease_expired")
    assert Assignment.objects.filter(state=AssignmentState.ACTIVE).count() == 2


def test_the_number_of_queries_does_not_depend_on_the_campaign() -> None:
    def queries(campaign: Campaign) -> int:
        operator = an_operator()
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert services.claim_next(operator, campaign) is not None
        return len(captured)

    organisation = an_organisation()
    services.claim_next(an_operator(), a_running_campaign(1, organisation))  # accounts and caches are there
    small = a_campaign(organisation)
    add_numbers(small, 2, start=100)
    large = a_campaign(organisation)
    add_numbers(large, 200, start=200)
    one = queries(campaigns.start(campaign=small, actor=None))
    many = queries(campaigns.start(campaign=large, actor=None))
    assert one == many <= 14
