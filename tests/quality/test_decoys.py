"""Decoy numbers: shown to one operator, said by a robot, never dialled; who calls them from outside is told apart."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings

from hearthline.calls.models import OwnPhone, Trunk
from hearthline.campaigns.models import Campaign, CampaignKind, CampaignManager, Contact
from hearthline.dialing.models import Assignment
from hearthline.ledger import check
from hearthline.ledger.models import AccountKind
from hearthline.ledger.services import account_of
from hearthline.lib import clock
from hearthline.lib.errors import ConflictError, InvalidInputError
from hearthline.lib.phone_forms import caller_of, dialled_forms, spoken, written_like
from hearthline.lib.robot_numbers import is_robot_number
from hearthline.people.models import AuditEntry, User
from hearthline.practice.casting import cast_for, note_call, plan_of
from hearthline.quality import decoy_calls, decoys, house, reports
from hearthline.quality.decoy_calls import Incoming, note
from hearthline.quality.decoy_evidence import Confidence, Facts, judge
from hearthline.quality.models import DecoyCall, DecoyLending, DecoyNumber, Report
from hearthline.quality.models_decoys import Whose
from hearthline.quality.scenarios.library import scenario_of
from hearthline.switch.robots.turns import Spoken
from tests.calls.worlds import Conversation, a_conversation
from tests.campaigns.worlds import PRICE, a_running_campaign, an_operator
from tests.quality.worlds import a_moderator, a_talk, claim

STRANGER = "+79261112233"


# --- pure rules -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "confidence", "reason"),
    [
        ({}, Confidence.WEAK, "one_stranger"),
        ({"whose": {Whose.WITHHELD}}, Confidence.WEAK, "one_stranger"),
        ({"calls": 3}, Confidence.FAIR, "several_calls"),
        ({"calls": 2, "callers": 2}, Confidence.FAIR, "several_callers"),
        ({"calls": 3, "noise": 3}, Confidence.WEAK, "several_calls"),
        ({"whose": {Whose.EXCHANGE}}, Confidence.FAIR, "through_exchange"),
        ({"whose": {Whose.EXCHANGE}, "entered": "operator"}, Confidence.STRONG, "entered_by_operator"),
        ({"whose": {Whose.OWN}}, Confidence.STRONG, "own"),
        ({"whose": {Whose.PERSON, Whose.UNKNOWN}}, Confidence.STRONG, "person"),
        ({"whose": {Whose.CUSTOMER}}, Confidence.STRONG, "customer"),
        ({"other_decoys": 1}, Confidence.STRONG, "other_decoys"),
        ({"other_decoys": 1, "lent_before": 1}, Confidence.STRONG, "other_decoys"),
        ({"lent_before": 2}, Confidence.WEAK, "one_stranger"),
        ({"whose": {Whose.OWN}, "known_before": True}, Confidence.WEAK, "known_before"),
        ({"calls": 9, "callers": 4, "shown": False}, Confidence.WEAK, "not_shown"),
    ],
)
def test_how_much_a_call_says(facts: dict[str, Any], confidence: Confidence, reason: str) -> None:
    values: dict[str, Any] = {"whose": {Whose.UNKNOWN}, "calls": 1, "callers": 1} | facts
    judgement = judge(Facts(**{**values, "whose": frozenset(values["whose"])}))
    assert (judgement.confidence, judgement.reasons[0]) == (confidence, reason)


def test_a_number_in_every_writing() -> None:
    assert dialled_forms("+74951234567") == ("74951234567", "0074951234567", "84951234567", "4951234567")
    assert dialled_forms("+12025550143") == ("12025550143", "0012025550143", "2025550143")
    like = {"+7 916 123-45-67": "+7 495 123-45-67", "+79161234567": "+74951234567", "89161234567": "84951234567",
            "9161234567": "4951234567", "79161234567": "74951234567", "8 (916) 123-45-67": "8 (495) 123-45-67"}  # fmt: skip
    assert {example: written_like("+74951234567", example) for example in like} == like
    assert spoken("+74951234567") == "8, 495, 123, 45, 67"
    given = {"89261112233": STRANGER, "+79261112233": STRANGER, "anonymous": "", "": "", "101": "101"}
    assert {text: caller_of(text, "RU") for text in given} == given


def test_columns_of_telephone_numbers_are_known_by_what_stands_in_them() -> None:
    rows = [
        {"mobile": "8 916 123-45-67", "born": "12.03.1984", "sum": "15000", "work": ""},
        {"mobile": "+7 903 765 43 21", "born": "01.01.1990", "sum": "9161234567", "work": ""},
        {"mobile": "none", "born": "", "sum": "20000", "work": ""},
    ]
    assert decoys.telephone_columns(rows, "RU") == ["mobile"]


# --- in the exchange --------------------------------------------------------------------------------------------------


@pytest.fixture
def itsp(db: None) -> Trunk:
    return Trunk.objects.create(name="itsp", host="127.0.0.1", caller_id="+74957770001")


@pytest.fixture
def always(itsp: Trunk, monkeypatch: pytest.MonkeyPatch) -> Trunk:
    house.install()
    monkeypatch.setattr(settings.HEARTHLINE, "decoy_percent", 100.0)
    monkeypatch.setattr(settings.HEARTHLINE, "robots_port", 5999)
    return itsp


def a_decoy(trunk: Trunk, phone: str = "+74951234567") -> DecoyNumber:
    return decoys.add_number(phone=phone, trunk=trunk, by=an_operator(role="admin"))


def a_campaign_with_telephones(**fields: Any) -> Campaign:
    campaign = a_running_campaign(3, **fields)
    campaign.columns = [{"key": "work", "title": "Work telephone"}, {"key": "city", "title": "City"}]
    campaign.save(update_fields=["columns"])
    Contact.objects.filter(campaign=campaign).update(data={"work": "8 (495) 765-43-21", "city": "Tver"})
    return campaign


def shown(campaign: Campaign | None = None, operator: User | None = None) -> Conversation:
    """An operator has talked, a day ago, with a robot whose column had the decoy's number."""
    talk = a_talk(operator or an_operator(), campaign or a_campaign_with_telephones())
    DecoyLending.objects.filter(assignment=talk.assignment).update(begun_at=clock.now() - timedelta(days=1))
    return talk


def call(phone: str = "+74951234567", caller: str = STRANGER, **changes: Any) -> DecoyCall:
    values: dict[str, Any] = {"at": clock.now(), "rang_ms": 8000} | changes
    row = note(Incoming(phone, caller, **values))
    assert row is not None
    return row


def test_it_stands_where_the_campaign_shows_telephone_numbers_and_is_never_dialled(always: Trunk) -> None:
    a_decoy(always)
    campaign = a_campaign_with_telephones()
    talk = shown(campaign)
    contact = talk.attempt.contact
    assert contact.data == {"work": "8 (495) 123-45-67", "city": "Tver"}
    assert is_robot_number(contact.phone)
    assert is_robot_number(talk.assignment.phone)
    assert (contact.campaign.kind, talk.attempt.campaign) == (CampaignKind.GOLDEN, campaign)
    assert scenario_of(contact.scenario).uses >= {"golden"}  # type: ignore[union-attr]  # None would fail as well
    lending = DecoyLending.objects.get()
    assert (lending.operator, lending.campaign, lending.spoken) == (talk.operator, campaign, False)
    customer = account_of(AccountKind.CUSTOMER, campaign.organisation_id, campaign.currency)
    assert customer.debits_pending == 0
    outcome = talk.wrap_up(kind="refusal")
    assert outcome.charged_minor == 0
    if outcome.payable:
        assert outcome.earned_minor == PRICE - PRICE * settings.HEARTHLINE.commission_basis_points // 10_000
    assert check.prove().sound
    assert Contact.objects.filter(campaign=campaign).count() == 3


def test_where_no_number_is_shown_the_robot_says_it(always: Trunk) -> None:
    a_decoy(always)
    operator = an_operator()
    talk = a_talk(operator, a_running_campaign(3))
    lending = DecoyLending.objects.get()
    scenario = scenario_of(talk.attempt.contact.scenario)
    assert scenario is not None
    assert (lending.spoken, scenario.slug) == (True, "ru/other_number")
    assert decoys.number_said_by(talk.assignment.pk) == "+74951234567"
    plan = plan_of(scenario, decoys.number_said_by(talk.assignment.pk))
    assert [turn.line for turn in plan.turns if "8, 495, 123, 45, 67" in turn.line] == [t.line for t in plan.turns[1:]]
    assert "74951234567" not in str(talk.attempt.contact.data)
    row = call()
    report = Report.objects.get()
    assert row.lending == lending
    assert "not_shown" in report.evidence["figures"]["reasons"], "the robot's log does not have the number"


def test_once_the_robot_has_said_it_the_operator_has_it(always: Trunk) -> None:
    a_decoy(always)
    operator, campaign = an_operator(), a_running_campaign(3)
    talk = a_conversation(operator=operator, campaign=campaign, claim=claim, hang_up=False)
    cast = cast_for(talk.assignment.phone)
    assert cast is not None
    said = [Spoken("robot", 0, 90, turn="greets", line=cast.plan.greeting)]
    said += [Spoken("robot", 100, 400, turn=turn.id, line=turn.line) for turn in cast.plan.turns]
    note_call(cast, said, answered=True, all_said=True)
    DecoyLending.objects.update(begun_at=clock.now() - timedelta(days=3))
    call()
    figures = Report.objects.get().evidence["figures"]
    assert (figures["reasons"], figures["hours"]) == ("one_stranger", 72)


def test_a_number_is_lent_to_one_operator_then_rests(always: Trunk) -> None:
    decoy = a_decoy(always)
    campaign = a_campaign_with_telephones()
    first = shown(campaign)
    second = a_talk(an_operator(), campaign)
    assert second.attempt.contact.scenario == "", "there is no other number"
    decoy.refresh_from_db()
    days = settings.HEARTHLINE.decoy_lent_days + settings.HEARTHLINE.decoy_rest_days
    assert abs(decoy.free_at - clock.now() - timedelta(days=days)) < timedelta(minutes=1)
    late = clock.now() + timedelta(days=days - 1)
    assert decoys.lent_at(decoy, late).operator == first.operator  # type: ignore[union-attr]  # None would fail as well
    DecoyNumber.objects.update(free_at=clock.now())
    third = a_talk(an_operator(), campaign)
    assert decoys.lent_at(decoy, clock.now()).operator == third.operator  # type: ignore[union-attr]  # as above


def test_one_of_a_campaign_at_a_time_and_none_from_abroad(always: Trunk) -> None:
    a_decoy(always, "+442079460123")
    campaign = a_campaign_with_telephones()
    operator = an_operator()
    rows = [{"work": "8 (495) 765-43-21"}]
    assert decoys.showing_for(operator, campaign, rows[0], rows) is None, "a London number in a Moscow list"
    a_decoy(always)
    a_decoy(always, "+74951234568")
    assert decoys.showing_for(operator, campaign, rows[0], rows) is not None
    assert decoys.showing_for(operator, campaign, {"work": ""}, rows) is None, (
        "this contact has none to take the place of"
    )
    shown(campaign, operator)
    assert decoys.showing_for(operator, campaign, rows[0], rows) is None


def test_whoever_is_second_gets_nothing_and_loses_nothing(always: Trunk) -> None:
    decoy = a_decoy(always)
    campaign, operator = a_campaign_with_telephones(), an_operator()
    showing = decoys.showing_for(operator, campaign, {"work": "89161234567"}, [{"work": "89161234567"}])
    assert showing is not None
    assert decoys.lend(showing=showing, operator=operator, campaign=campaign, assign=lambda: None) is None
    decoy.refresh_from_db()
    assert decoy.free_at <= clock.now(), "what was not given is still free"
    DecoyNumber.objects.update(free_at=clock.now() + timedelta(days=1))
    asked: list[Assignment] = []
    assert decoys.lend(showing=showing, operator=operator, campaign=campaign, assign=lambda: asked.pop()) is None
    assert not DecoyLending.objects.exists()


# --- called from outside ----------------------------------------------------------------------------------------------


def test_a_stranger_is_weak_evidence_and_grows_with_more(always: Trunk) -> None:
    a_decoy(always)
    talk = shown()
    row = call(at=clock.now() - timedelta(hours=3))
    report = Report.objects.get()
    assert (report.kind, report.operator, report.campaign) == ("decoy_called", talk.operator, talk.campaign)
    assert report.evidence["figures"]["confidence"] == "weak"
    assert report.evidence["calls"] == [str(talk.attempt.pk)]
    assert STRANGER not in str(report.evidence)
    assert (row.whose, row.times, row.rang_ms, row.trunk) == (Whose.UNKNOWN, 1, 8000, always)
    call(at=clock.now() - timedelta(hours=2), caller="+79261112244")
    report.refresh_from_db()
    assert report.evidence["figures"]["confidence"] == "fair"
    assert Report.objects.count() == 1
    entry = AuditEntry.objects.filter(tag="system:decoy:called").first()
    assert entry is not None
    assert STRANGER not in str(entry.details)
    assert set(reports.actions_for(report)) == {"dismiss", "coach", "suspend", "pause_campaign"}


@pytest.mark.parametrize("whose", [Whose.OWN, Whose.PERSON, Whose.CUSTOMER, Whose.EXCHANGE])
def test_a_number_that_is_known_here_is_named(always: Trunk, whose: Whose) -> None:
    a_decoy(always)
    talk = shown()
    match whose:
        case Whose.OWN:
            OwnPhone.objects.create(user=talk.operator, number=STRANGER)
        case Whose.PERSON:
            OwnPhone.objects.create(user=an_operator(), number=STRANGER)
        case Whose.CUSTOMER:
            CampaignManager.objects.create(campaign=talk.campaign, name="Marina", phone=STRANGER)
        case _:
            Trunk.objects.create(name="other", host="h.example", caller_id=STRANGER.removeprefix("+"))
    assert call(caller="89261112233").whose == whose
    expected = "fair" if whose is Whose.EXCHANGE else "strong"
    assert Report.objects.get().evidence["figures"]["confidence"] == expected


def test_two_decoys_of_one_operator_are_no_wrong_number(always: Trunk) -> None:
    a_decoy(always)
    a_decoy(always, "+74951234568")
    operator = an_operator()
    talk = shown(operator=operator)
    talk.wrap_up(kind="refusal")
    talk.shift.ended_at = clock.now()
    talk.shift.save(update_fields=["ended_at"])
    shown(operator=operator)
    for phone in ("+74951234567", "+74951234568"):
        call(phone)
    latest = Report.objects.order_by("opened_at").last()
    assert latest is not None
    assert latest.evidence["figures"]["reasons"].startswith("other_decoys")


def test_who_called_before_the_number_was_shown_had_it_from_elsewhere(always: Trunk) -> None:
    a_decoy(always)
    assert call(at=clock.now() - timedelta(days=5)).lending is None
    assert not Report.objects.exists(), "nobody had been shown it"
    shown()
    call()
    figures = Report.objects.get().evidence["figures"]
    assert (figures["confidence"], figures["reasons"]) == ("weak", "known_before")


def test_calls_close_together_are_one_row_and_a_forked_one_is_one_call(always: Trunk) -> None:
    a_decoy(always)
    shown()
    now = clock.now()
    for seconds in (0, 1, 60, 120):
        call(at=now + timedelta(seconds=seconds), rang_ms=1000 + seconds)
    assert [(row.times, row.rang_ms) for row in DecoyCall.objects.all()] == [(3, 1120)]


def test_a_flood_makes_a_bounded_number_of_rows(always: Trunk, monkeypatch: pytest.MonkeyPatch) -> None:
    a_decoy(always)
    shown()
    monkeypatch.setattr(decoy_calls, "ROWS_A_DAY", 3)
    now = clock.now()
    for n in range(6):
        call(caller=f"+7926111000{n}", at=now + timedelta(seconds=60 * n))
    assert sorted(row.times for row in DecoyCall.objects.all()) == [1, 1, 4]


def test_what_was_closed_as_weak_comes_back_when_it_is_more(always: Trunk) -> None:
    a_decoy(always)
    talk = shown()
    call(at=clock.now() - timedelta(hours=3))
    weak = Report.objects.get()
    reports.close(report=weak, moderator=a_moderator(), action="dismiss", answer="")
    call(at=clock.now() - timedelta(hours=2))
    assert Report.objects.count() == 1, "as weak as before"
    OwnPhone.objects.create(user=talk.operator, number="+79265554433")
    call(caller="+79265554433")
    assert Report.objects.filter(closed_at=None).get().evidence["figures"]["confidence"] == "strong"


def test_the_callers_number_is_forgotten_and_what_it_was_stays(always: Trunk) -> None:
    a_decoy(always)
    shown()
    old = call(at=clock.now() - timedelta(days=settings.HEARTHLINE.decoy_calls_days + 1))
    fresh = call()
    assert decoy_calls.forget_callers() == 1
    assert decoy_calls.forget_callers() == 0
    old.refresh_from_db()
    fresh.refresh_from_db()
    assert (old.caller, old.whose, old.times) == ("", Whose.UNKNOWN, 1)
    assert fresh.caller == STRANGER


def test_a_number_out_of_use_is_neither_lent_nor_listened_for(always: Trunk) -> None:
    decoy = a_decoy(always)
    admin = an_operator(role="admin")
    always.calls_from = "192.0.2.0/24"
    always.save(update_fields=["calls_from"])
    assert decoys.listened_for() == [decoys.Listened("+74951234567", "itsp", ("127.0.0.1", "192.0.2.0/24"))]
    for _n in range(2):
        decoys.put_in_use(decoy=decoy, on=False, by=admin)
    assert decoys.listened_for() == []
    assert note(Incoming("+74951234567", STRANGER, clock.now(), 100)) is None
    assert shown().attempt.contact.scenario == ""
    assert AuditEntry.objects.filter(tag="web:decoy:changed").count() == 1
    assert not DecoyCall.objects.exists()


def test_what_is_no_ordinary_number_is_no_decoy_and_each_is_one_once(itsp: Trunk) -> None:
    for phone in ("", "8 495 123-45-67", "+7495", "+78001234567", "hello"):
        with pytest.raises(InvalidInputError):
            a_decoy(itsp, phone)
    assert not DecoyNumber.objects.exists()
    a_decoy(itsp, "+7 (495) 123-45-67")
    with pytest.raises(ConflictError):
        a_decoy(itsp)
    assert DecoyNumber.objects.get().phone == "+74951234567"
