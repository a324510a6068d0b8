"""Golden contacts with real commits and real locks, on SQLite and PostgreSQL."""

from __future__ import annotations

import pytest
from django.conf import settings

from hearthline.calls import services
from hearthline.campaigns.models import CampaignKind, Contact
from hearthline.dialing import services as dialing
from hearthline.dialing.models import Assignment, AssignmentState
from hearthline.ledger import check
from hearthline.ledger.models import AccountKind, Transfer, TransferState
from hearthline.ledger.services import account_of
from hearthline.quality import house
from hearthline.quality.next_contact import next_contact
from tests.campaigns.worlds import PRICE, a_running_campaign, an_operator
from tests.quality.worlds import a_talk
from tests.races import failures, together

PAY = PRICE - PRICE * settings.HEARTHLINE.commission_basis_points // 10_000


@pytest.fixture(autouse=True)
def _always(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    house.install()
    monkeypatch.setattr(settings.HEARTHLINE, "golden_percent", 100.0)
    monkeypatch.setattr(settings.HEARTHLINE, "robots_port", 5999)


def test_a_key_pressed_many_times_at_once_gives_one_robot_and_one_hold() -> None:
    operator, campaign = an_operator(), a_running_campaign(3)
    shift = services.begin_shift(operator=operator, campaign=campaign)
    results = together(6, lambda _n: next_contact(operator=operator, shift=shift).assignment)
    assert failures(results) == []
    assert len({one.pk for one in results if isinstance(one, Assignment)}) == 1
    assert Contact.objects.filter(campaign__kind=CampaignKind.GOLDEN).count() == 1
    assert Transfer.objects.filter(state=TransferState.PENDING).count() == 1
    held = Assignment.objects.get(state=AssignmentState.ACTIVE)
    assert dialing.release(held, "skipped")
    assert account_of(AccountKind.QUALITY_COST, None, campaign.currency).debits_pending == 0
    assert check.prove().sound


def test_the_exchange_pays_for_it_and_the_books_are_sound() -> None:
    campaign = a_running_campaign(3)
    for _n in range(2):
        talk = a_talk(an_operator(), campaign)
        outcome = talk.wrap_up(kind=campaign.dispositions.filter(payable=True)[0].kind)
        assert (outcome.payable, outcome.earned_minor, outcome.charged_minor) == (True, PAY, 0)
    assert account_of(AccountKind.QUALITY_COST, None, campaign.currency).balance == -2 * PAY
    assert check.prove().sound
