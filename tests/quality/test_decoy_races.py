"""Lending a decoy with real commits and real locks, on SQLite and PostgreSQL: one number is one operator's."""

from __future__ import annotations

import pytest
from django.conf import settings

from hearthline.calls import services
from hearthline.calls.models import Trunk
from hearthline.dialing.models import Assignment, AssignmentState
from hearthline.ledger import check
from hearthline.lib import clock
from hearthline.quality import house
from hearthline.quality.decoy_calls import Incoming, note
from hearthline.quality.models import DecoyCall, DecoyLending, DecoyNumber, Report
from hearthline.quality.next_contact import next_contact
from tests.campaigns.worlds import a_running_campaign, an_operator
from tests.races import failures, together


@pytest.fixture(autouse=True)
def _always(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    house.install()
    monkeypatch.setattr(settings.HEARTHLINE, "decoy_percent", 100.0)
    monkeypatch.setattr(settings.HEARTHLINE, "robots_port", 5999)
    DecoyNumber.objects.create(phone="+74951234567", trunk=Trunk.objects.create(name="itsp", host="127.0.0.1"))


def test_of_many_operators_at_once_one_is_shown_the_number() -> None:
    campaign = a_running_campaign(8)
    shifts = [services.begin_shift(operator=an_operator(), campaign=campaign) for _n in range(6)]
    given = together(6, lambda n: next_contact(operator=shifts[n].operator, shift=shifts[n]).assignment)
    assert failures(given) == []
    assert Assignment.objects.filter(state=AssignmentState.ACTIVE).count() == 6
    lending = DecoyLending.objects.get()
    assert Assignment.objects.exclude(contact__scenario="").get() == lending.assignment
    assert check.prove().sound


def test_a_key_pressed_many_times_at_once_lends_once() -> None:
    operator, campaign = an_operator(), a_running_campaign(3)
    DecoyNumber.objects.create(phone="+74951234568", trunk=Trunk.objects.get())
    shift = services.begin_shift(operator=operator, campaign=campaign)
    given = together(6, lambda _n: next_contact(operator=operator, shift=shift).assignment)
    assert failures(given) == []
    assert len({one.pk for one in given if isinstance(one, Assignment)}) == 1
    assert DecoyLending.objects.count() == 1
    assert DecoyNumber.objects.filter(free_at__lte=clock.now()).count() == 1, "the other number is still free"
    assert check.prove().sound


def test_a_call_that_several_nodes_tell_is_one_row_and_one_report() -> None:
    operator, campaign = an_operator(), a_running_campaign(3)
    shift = services.begin_shift(operator=operator, campaign=campaign)
    next_contact(operator=operator, shift=shift)
    call = Incoming("+74951234567", "+79261112233", clock.now(), 5000)
    rows = together(5, lambda _n: note(call))
    assert failures(rows) == []
    assert [(row.times, row.rang_ms) for row in DecoyCall.objects.all()] == [(1, 5000)]
    assert Report.objects.count() == 1
