"""The operator's pages and commands over HTTP: gates, what is and is not in them, how many questions they ask."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from hearthline.calls import services
from hearthline.calls.models import Attempt, HandOver, Line, LineKind, LineState, Node, Shift
from hearthline.calls.own_phones import choose_line
from hearthline.campaigns.models import Contact, ContactState
from hearthline.dialing import services as dialing
from hearthline.dialing.models import Assignment, AssignmentState
from hearthline.lib import clock
from hearthline.people.models import User
from hearthline.quality import house
from tests.campaigns.worlds import a_running_campaign, an_operator, an_organisation, an_owner, price_list

pytestmark = pytest.mark.django_db

Queries = Callable[..., AbstractContextManager[Any]]
MOST_QUERIES = 10


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def command(client: Client, verb: str, /, **body: object) -> Any:
    body = {"key": "11111111-aaaa", **body}
    return client.post(reverse(f"operator:{verb}"), json.dumps(body), content_type="application/json")


@pytest.mark.parametrize("campaigns", [1, 8])
def test_choosing_asks_as_many_questions_for_eight_campaigns_as_for_one(
    campaigns: int, django_assert_max_num_queries: Queries
) -> None:
    organisation = an_organisation()
    for n in range(campaigns):
        a_running_campaign(contacts=2, organisation=organisation, name=f"Campaign {n}")
    house.install()
    client = signed_in(an_operator())
    client.get(reverse("operator:choose"))  # what can be practised is remembered
    with django_assert_max_num_queries(MOST_QUERIES):
        page = client.get(reverse("operator:choose"))
    begin = f'action="{reverse("operator:begin")}"'.encode()
    assert page.content.count(begin) == campaigns


def test_a_campaign_that_is_closed_to_me_says_why_and_cannot_be_begun() -> None:
    campaign = a_running_campaign(language="en")
    client = signed_in(an_operator(spoken_languages=["ru"]))
    assert "Add it to the languages you speak" in client.get(reverse("operator:choose")).content.decode()
    assert reverse("operator:begin") not in client.get(reverse("operator:choose")).content.decode()
    refused = client.post(reverse("operator:begin"), {"campaign": str(campaign.pk)}, follow=True)
    assert "Add it to the languages you speak" in refused.content.decode()
    assert not Shift.objects.exists()


def test_the_console_keeps_its_questions_few_and_the_number_to_itself(django_assert_max_num_queries: Queries) -> None:
    campaign = a_running_campaign(contacts=1)
    phone = Contact.objects.get(campaign=campaign).phone
    operator = an_operator()
    services.begin_shift(operator=operator, campaign=campaign)
    client = signed_in(operator)
    assert dialing.claim_next(operator, campaign) is not None
    for name in ("operator:shift", "operator:state"):
        with django_assert_max_num_queries(MOST_QUERIES):
            answer = client.get(reverse(name))
        assert answer.status_code == 200
        assert phone[1:] not in answer.content.decode()
        assert phone[-7:] not in answer.content.decode()


def with_a_telephone(operator: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings.HEARTHLINE, "callback_countries", ["RU"])
    price_list()
    choose_line(user=operator, kind=LineKind.CALLBACK, number="+74957770042")


def in_a_call(operator: User, assignment: Assignment, *, phase: str) -> Attempt:
    """One whose telephone was lost: its line is closed."""
    node = Node.objects.create(name="local", engine="embedded")
    line = Line.objects.create(user=operator, node=node, state=LineState.CLOSED, kind=LineKind.CALLBACK)
    attempt = Attempt.objects.create(
        assignment=assignment, contact=assignment.contact, campaign=assignment.campaign, operator=operator, line=line,
        node=node, shift=Shift.objects.get(operator=operator), phase=phase, dialled_at=clock.now(),
        answered_at=clock.now(),
    )  # fmt: skip
    if phase == "briefing":
        HandOver.objects.create(attempt=attempt, rang_at=clock.now())
    return attempt


@pytest.mark.parametrize("phase", ["", "talking", "briefing"])
def test_with_a_telephone_that_is_not_open_the_console_asks_no_more(
    phase: str, django_assert_max_num_queries: Queries, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = a_running_campaign(contacts=1)
    operator = an_operator()
    with_a_telephone(operator, monkeypatch)
    services.begin_shift(operator=operator, campaign=campaign)
    assignment = dialing.claim_next(operator, campaign)
    assert assignment is not None
    if phase:
        in_a_call(operator, assignment, phase=phase)
    client = signed_in(operator)
    for name in ("operator:shift", "operator:state"):
        with django_assert_max_num_queries(MOST_QUERIES):
            answer = client.get(reverse(name))
        assert answer.status_code == 200
    state = answer.json()
    assert (state["own_line"]["kind"], state["line"]) == ("callback", None)
    assert state["worksheet"]["assignment"] == state["assignment"]["id"] == str(assignment.pk)
    assert (state["call"] or {"phase": ""})["phase"] == phase
    assert bool(state["call"] and state["call"]["handover"]) == (phase == "briefing")


def test_a_sheet_stays_until_the_wrap_up_when_the_lease_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = a_running_campaign(contacts=1)
    operator = an_operator()
    services.begin_shift(operator=operator, campaign=campaign)
    assignment = dialing.claim_next(operator, campaign)
    assert assignment is not None
    in_a_call(operator, assignment, phase="wrap_up")
    Assignment.objects.update(state=AssignmentState.CLOSED)
    state = signed_in(operator).get(reverse("operator:state")).json()
    assert state["assignment"] is None
    assert state["worksheet"]["assignment"] == str(assignment.pk)


def test_earnings_ask_few_questions(django_assert_max_num_queries: Queries) -> None:
    client = signed_in(an_operator())
    with django_assert_max_num_queries(MOST_QUERIES):
        assert client.get(reverse("operator:earnings")).status_code == 200


def test_the_next_contact_is_taken_skipped_and_counted() -> None:
    campaign = a_running_campaign(contacts=1)
    operator = an_operator()
    shift = services.begin_shift(operator=operator, campaign=campaign)
    client = signed_in(operator)
    state = command(client, "next").json()
    assert state["worksheet"]["assignment"] == state["assignment"]["id"]
    assert "script" in state["worksheet"]["html"]
    again = command(client, "next").json()
    assert again["assignment"]["id"] == state["assignment"]["id"], "who has a contact gets that one again"
    after = command(client, "skip", assignment=state["assignment"]["id"]).json()
    assert after["assignment"] is None
    assert after["shift"]["skipped"] == 1
    refused = command(client, "skip", assignment=state["assignment"]["id"])
    assert refused.status_code == 409
    shift.refresh_from_db()
    assert shift.skipped == 1
    assert Contact.objects.get(campaign=campaign).state != ContactState.ASSIGNED
    nothing = command(client, "next").json()
    assert nothing["assignment"] is None
    assert nothing["none"]


@pytest.mark.parametrize("name", ["next", "skip", "dial", "hang_up", "open_line", "draft", "wrap_up", "shortcuts"])
def test_commands_are_for_operators_who_are_signed_in(name: str) -> None:
    campaign = a_running_campaign(contacts=1)
    refused = command(Client(), name)
    assert refused.status_code == 401
    assert refused.json()["error"]["code"] == "signed_out"
    assert command(signed_in(an_owner(campaign.organisation)), name).status_code == 403
    assert not Assignment.objects.filter(state=AssignmentState.ACTIVE).exists()


def test_another_operators_call_and_contact_are_not_mine() -> None:
    campaign = a_running_campaign(contacts=2)
    mine, theirs = an_operator(), an_operator()
    for operator in (mine, theirs):
        services.begin_shift(operator=operator, campaign=campaign)
    held = dialing.claim_next(theirs, campaign)
    assert held is not None
    client = signed_in(mine)
    assert command(client, "dial", assignment=str(held.pk), fence=held.fence).status_code == 409
    assert command(client, "renew", assignment=str(held.pk), fence=held.fence).status_code == 409
    assert command(client, "skip", assignment=str(held.pk)).status_code == 409
    assert command(client, "hang_up", attempt=str(held.pk)).status_code == 404
    held.refresh_from_db()
    assert held.state == AssignmentState.ACTIVE


@pytest.mark.parametrize(
    ("body", "content_type"),
    [("{", "application/json"), ("[]", "application/json"), ("key=1", "application/x-www-form-urlencoded")],
)
def test_what_is_not_understood_is_refused_with_a_sentence(body: str, content_type: str) -> None:
    client = signed_in(an_operator())
    answer = client.post(
        reverse("operator:hang_up"), body, content_type=content_type, headers={"accept": "application/json"}
    )
    assert answer.status_code == 422
    assert "Reload" in answer.json()["error"]["message"]


def test_own_keys_are_kept_and_nothing_else_is() -> None:
    operator = an_operator()
    client = signed_in(operator)
    wanted = {"hang_up": "KeyX", "mute": "KeyM", "evil": "KeyE", "hold": "<script>", "off": True}
    assert command(client, "shortcuts", shortcuts=wanted).json() == {"shortcuts": {"off": True, "hang_up": "KeyX"}}
    operator.refresh_from_db()
    assert operator.shortcuts == {"off": True, "hang_up": "KeyX"}


def test_somebody_else_to_call_is_added_and_is_not_given_to_who_added_them() -> None:
    campaign = a_running_campaign(contacts=1)
    ordinary = Contact.objects.get(campaign=campaign)
    operator = an_operator()
    services.begin_shift(operator=operator, campaign=campaign)
    client = signed_in(operator)
    added = command(client, "add_contact", phone="8 (916) 123-45-67", name="the accountant").json()
    assert "+7 9•• •••-••-67" in added["added"]
    assert command(client, "next").json()["assignment"]["contact"]["id"] == str(ordinary.pk), (
        "though the new one is first"
    )
    again = command(client, "add_contact", phone="+79161234567")
    assert again.status_code == 409
    assert command(client, "add_contact", phone="12").status_code == 422
