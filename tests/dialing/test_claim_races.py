"""Sixteen claimants at one moment, on both databases: never the same contact, number or operator twice."""

from __future__ import annotations

import pytest

from hearthline.campaigns import services as campaigns
from hearthline.campaigns.models import Campaign, CampaignState, Contact, ContactState
from hearthline.dialing import services
from hearthline.dialing.models import Assignment, AssignmentState
from hearthline.ledger import check
from hearthline.ledger import services as ledger
from hearthline.ledger.models import Transfer, TransferState
from hearthline.people.models import AuditEntry
from tests.campaigns.worlds import PRICE, a_campaign, a_running_campaign, add_numbers, an_operator, an_organisation
from tests.races import failures, together

CLAIMANTS = 16


def test_sixteen_operators_get_sixteen_contacts(database: str) -> None:
    campaign = a_running_campaign(40)
    operators = [an_operator() for _ in range(CLAIMANTS)]

    got = together(CLAIMANTS, lambda n: services.claim_next(operators[n], campaign))

    assert failures(got) == []
    assert all(got)
    active = Assignment.objects.filter(state=AssignmentState.ACTIVE)
    assert active.count() == CLAIMANTS
    assert active.values("contact").distinct().count() == CLAIMANTS
    assert Contact.objects.filter(state=ContactState.ASSIGNED).count() == CLAIMANTS
    assert Transfer.objects.filter(state=TransferState.PENDING).count() == CLAIMANTS
    assert check.prove().faults == []


def test_fewer_contacts_than_operators(database: str) -> None:
    campaign = a_running_campaign(5)
    operators = [an_operator() for _ in range(CLAIMANTS)]

    got = together(CLAIMANTS, lambda n: services.claim_next(operators[n], campaign))

    assert failures(got) == []
    assert sum(assignment is not None for assignment in got) == 5
    assert Assignment.objects.count() == 5


def test_the_same_numbers_in_two_campaigns(database: str) -> None:
    organisation = an_organisation()
    pair = [a_running_campaign(8, organisation), a_running_campaign(8, organisation)]
    operators = [an_operator() for _ in range(CLAIMANTS)]

    got = together(CLAIMANTS, lambda n: services.claim_next(operators[n], pair[n % 2]))

    assert failures(got) == []
    phones = list(Assignment.objects.filter(state=AssignmentState.ACTIVE).values_list("phone", flat=True))
    assert len(phones) == len(set(phones)) == sum(a is not None for a in got)
    assert len(phones) == 8
    assert check.prove().faults == []


def test_one_operator_in_sixteen_tabs(database: str) -> None:
    campaign, operator = a_running_campaign(20), an_operator()

    got = together(CLAIMANTS, lambda _n: services.claim_next(operator, campaign))

    assert failures(got) == []
    assert len({assignment.pk for assignment in got if isinstance(assignment, Assignment)}) == 1
    assert Assignment.objects.count() == 1
    assert Transfer.objects.filter(state=TransferState.PENDING).count() == 1


def test_money_for_three(database: str) -> None:
    campaign = a_running_campaign(20, an_organisation(balance=PRICE * 3 + 1))
    operators, late_comers = ([an_operator() for _ in range(CLAIMANTS)] for _ in range(2))

    got = together(CLAIMANTS, lambda n: services.claim_next(operators[n], campaign))

    assert failures(got) == []
    assert sum(isinstance(assignment, Assignment) for assignment in got) == 3
    assert Assignment.objects.count() == 3
    for assignment in got:
        if isinstance(assignment, Assignment) and assignment.hold:
            ledger.post(assignment.hold)

    late = together(CLAIMANTS, lambda n: services.claim_next(late_comers[n], campaign))

    assert all(getattr(f, "code", "") == "conflict" for f in failures(late))  # who comes last finds it paused
    assert not any(isinstance(assignment, Assignment) for assignment in late)
    assert AuditEntry.objects.filter(tag="system:campaign:paused").count() == 1
    assert Campaign.objects.get(pk=campaign.pk).state == CampaignState.PAUSED
    assert check.prove().faults == []


def test_claims_and_releases_at_once_keep_every_contact(database: str) -> None:
    campaign = a_campaign()
    add_numbers(campaign, 12)
    campaign = campaigns.start(campaign=campaign, actor=None)
    operators = [an_operator() for _ in range(CLAIMANTS)]

    def work(n: int) -> int:
        claimed = 0
        for _turn in range(5):
            assignment = services.claim_next(operators[n], campaign)
            if assignment is not None:
                claimed += 1
                assert services.release(assignment, "withdrawn")
        return claimed

    got = together(CLAIMANTS, work)

    assert failures(got) == []
    assert not Assignment.objects.filter(state=AssignmentState.ACTIVE).exists()
    assert Contact.objects.filter(state=ContactState.FRESH).count() == 12
    fences = Assignment.objects.values_list("contact", "fence")
    assert len(fences) == len(set(fences)) == sum(n for n in got if isinstance(n, int))
    assert check.prove().faults == []


@pytest.mark.parametrize("moves", [("start", "start"), ("pause", "finish")])
def test_one_of_those_who_move_a_campaign_does(database: str, moves: tuple[str, str]) -> None:
    campaign = a_running_campaign(1)
    if moves[0] == "start":
        campaign = campaigns.pause(campaign=campaign, actor=None)

    def move(n: int) -> Campaign:
        service = getattr(campaigns, moves[n % 2])
        changed: Campaign = service(campaign=campaign, actor=None)
        return changed

    got = together(8, move)

    assert all(getattr(f, "code", "") == "conflict" for f in failures(got))
    assert 1 <= sum(isinstance(g, Campaign) for g in got) <= len(set(moves))
