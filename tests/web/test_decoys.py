"""Decoy numbers in the pages: an admin lists them, a moderator judges a call to one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from hearthline.calls.models import Trunk
from hearthline.dialing.models import Assignment
from hearthline.lib import clock
from hearthline.people.models import AuditEntry, Role, User
from hearthline.quality.decoy_calls import Incoming, note
from hearthline.quality.models import DecoyCall, DecoyLending, DecoyNumber, Report
from hearthline.web.staff.forms import DecoyForm
from tests.calls.worlds import Conversation, a_conversation
from tests.people.conftest import a_person

pytestmark = pytest.mark.django_db
As = Callable[[User], Client]
PAGE = "staff:decoys"
NUMBER, STRANGER = "+74951234567", "+79261112233"


@pytest.fixture
def trunk() -> Trunk:
    return Trunk.objects.create(name="itsp", host="sip.provider.example")


@pytest.fixture
def lent(trunk: Trunk) -> Conversation:
    talk = a_conversation()
    talk.wrap_up()
    number = DecoyNumber.objects.create(phone=NUMBER, trunk=trunk, free_at=clock.now() + timedelta(days=90))
    DecoyLending.objects.create(
        number=number, operator=talk.operator, campaign=talk.campaign, assignment=Assignment.objects.get(),
        begun_at=clock.now() - timedelta(hours=3), until=clock.now() + timedelta(days=30),
    )  # fmt: skip
    return talk


def text(client: Client, *address: object) -> str:
    return client.get(reverse(str(address[0]), args=address[1:])).content.decode()


def test_an_admin_adds_a_number_and_takes_it_out_of_use(admin: Client, trunk: Trunk) -> None:
    assert "No decoys are given out" in text(admin, PAGE)
    refused = admin.post(reverse(PAGE), {"phone": "8 495 123-45-67", "trunk": trunk.pk})
    assert refused.status_code == 422
    assert "with its country code" in refused.content.decode()
    assert not DecoyNumber.objects.exists()
    assert admin.post(reverse(PAGE), {"phone": "+7 (495) 123-45-67", "trunk": trunk.pk}).status_code == 302
    decoy = DecoyNumber.objects.get()
    assert (decoy.phone, decoy.trunk) == (NUMBER, trunk)
    twice = admin.post(reverse(PAGE), {"phone": NUMBER, "trunk": trunk.pk})
    assert "in the list already" in twice.content.decode()
    page = text(admin, PAGE)
    assert "+7 495 123-45-67" in page
    assert "free" in page
    admin.post(reverse("staff:use_decoy", args=[decoy.pk]))
    decoy.refresh_from_db()
    assert not decoy.active
    assert "Put in use" in text(admin, PAGE)
    admin.post(reverse("staff:use_decoy", args=[decoy.pk]), {"on": "1"})
    decoy.refresh_from_db()
    assert decoy.active
    tags = set(AuditEntry.objects.filter(tag__contains="decoy").values_list("tag", flat=True))
    assert tags == {"web:decoy:added", "web:decoy:changed"}


def test_the_page_is_the_admins_alone(trunk: Trunk, owner: Client, stranger: Client, as_person: As) -> None:
    decoy = DecoyNumber.objects.create(phone=NUMBER, trunk=trunk)
    for client in (owner, stranger, as_person(a_person(Role.MODERATOR)), as_person(a_person(Role.OPERATOR))):
        assert client.get(reverse(PAGE)).status_code in (302, 403, 404)
        client.post(reverse(PAGE), {"phone": "+74951234568", "trunk": trunk.pk})
        client.post(reverse("staff:use_decoy", args=[decoy.pk]))
    decoy.refresh_from_db()
    assert decoy.active
    assert DecoyNumber.objects.count() == 1


def test_a_moderator_reads_who_was_shown_it_and_how_much_the_call_says(lent: Conversation, as_person: As) -> None:
    note(Incoming(NUMBER, STRANGER, clock.now(), 12_000))
    report = Report.objects.get()
    client = as_person(a_person(Role.MODERATOR))
    page = text(client, "moderator:item", "report", report.pk)
    for words in ("Weak evidence.", "it may be a wrong number", "3 hours after", lent.operator.name, "not known here"):
        assert words in page
    assert "+7 495 123-45-67" in page
    assert "+7 926 111-22-33" not in page, "a stranger's number is masked"
    assert "33" in page
    decide = reverse("moderator:decide", args=["report", report.pk])
    assert client.post(decide, {"decision": "reverse", "words": "x"}).status_code == 422
    client.post(decide, {"decision": "suspend", "words": "You passed a number on."})
    lent.operator.refresh_from_db()
    report.refresh_from_db()
    assert (lent.operator.is_active, report.action) == (False, "suspend")


def test_an_admin_sees_the_number_until_it_is_forgotten(lent: Conversation, admin: Client) -> None:
    note(Incoming(NUMBER, STRANGER, clock.now(), 12_000))
    page = text(admin, PAGE)
    assert "+7 926 111-22-33" in page
    assert lent.operator.name in page
    DecoyCall.objects.update(caller="", forgotten_at=clock.now())
    page = text(admin, PAGE)
    assert "forgotten" in page
    assert "926" not in page


def test_what_keeps_decoys_from_working_is_said(admin: Client, trunk: Trunk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings.HEARTHLINE, "decoy_percent", 2.0)
    monkeypatch.setattr(settings.HEARTHLINE, "robots_port", 5999)
    assert "alert-warning" not in text(admin, PAGE)
    monkeypatch.setattr(settings.HEARTHLINE, "switch", "freeswitch")
    assert "HEARTHLINE_FREESWITCH_INCOMING" in text(admin, PAGE)


def test_whence_a_provider_calls_is_checked(admin: Client, trunk: Trunk) -> None:
    form = {"name": "itsp", "host": "sip.provider.example", "transport": "udp", "number_format": "+{e164}",
            "max_channels": "0", "max_calls_per_s": "0", "priority": "0"}  # fmt: skip
    url = reverse("staff:trunk", args=[trunk.pk])
    for wrong in ("0.0.0.0/0", "300.1.1.1", "a b/c", "10.0.0.0/33"):
        assert admin.post(url, {**form, "calls_from": wrong}).status_code == 422
    assert (
        admin.post(url, {**form, "calls_from": "192.0.2.7, 198.51.100.9/24 sip2.provider.example"}).status_code == 302
    )
    trunk.refresh_from_db()
    assert trunk.calls_from == "192.0.2.7 198.51.100.0/24 sip2.provider.example"


def test_the_only_trunk_is_chosen_already(db: None) -> None:
    Trunk.objects.create(name="first", host="127.0.0.1", port=9)
    assert "---" not in str(DecoyForm()["trunk"])
    Trunk.objects.create(name="second", host="127.0.0.1", port=9)
    assert "---" in str(DecoyForm()["trunk"])
