"""The page where a person says how their line is opened: what it offers, whom it refuses, what it shows once."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from hearthline.calls.models import Line, LineKind, LineState, Node, OwnPhone
from hearthline.people.models import AuditEntry, Role, User
from tests.campaigns.worlds import an_operator, price_list
from tests.people.conftest import a_person, a_second_factor

pytestmark = pytest.mark.django_db
NUMBER = "8 (495) 777-00-42"
Signed = Callable[[User], Client]


@pytest.fixture(autouse=True)
def allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings.HEARTHLINE, "callback_countries", ["RU"])
    monkeypatch.setattr(settings.HEARTHLINE, "phones_server", "sip.example.org:5060")


def test_an_operator_chooses_a_telephone_and_sees_its_price(as_person: Signed) -> None:
    price_list()
    operator = an_operator(language="en")
    client = as_person(operator)
    answer = client.post("/account/line/choose/", {"kind": "callback", "number": NUMBER}, follow=True)
    page = answer.content.decode()
    assert "+7 495 777-00-42" in page
    assert "1.00\xa0₽ a minute" in page
    phone = OwnPhone.objects.get(user=operator)
    assert (phone.kind, phone.number, phone.confirmed_at) == (LineKind.CALLBACK, "+74957770042", None)
    entry = AuditEntry.objects.get(tag="web:line:chosen")
    assert "4957770042" not in str(entry.details)


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        ("12", "This is no telephone number"),
        ("+44 7911 123456", "in this country"),
        ("+881 6 1234 5678 90", "telephone"),
        ("8-809-505-12-34", "ordinary telephones only"),
        ("8-800-555-35-35", "ordinary telephones only"),
    ],
)
def test_a_number_that_is_not_called_says_why(as_person: Signed, number: str, sentence: str) -> None:
    price_list()
    operator = an_operator(language="en")
    answer = as_person(operator).post("/account/line/choose/", {"kind": "callback", "number": number})
    assert answer.status_code in (403, 422)
    assert sentence in answer.content.decode()
    assert not OwnPhone.objects.exists()


def test_a_number_without_a_price_is_refused(as_person: Signed) -> None:
    price_list("44")
    answer = as_person(an_operator(language="en")).post("/account/line/choose/", {"kind": "callback", "number": NUMBER})
    assert "no price" in answer.content.decode()
    assert not OwnPhone.objects.exists()


def test_a_password_is_shown_once(as_person: Signed) -> None:
    operator = an_operator(language="en")
    client = as_person(operator)
    page = client.post("/account/line/sip/issue/").content.decode()
    server, name, password = re.findall(r"<dd><code>(.+?)</code></dd>", page)
    assert (server, len(password)) == ("sip.example.org:5060", 24)
    again = client.get("/account/line/").content.decode()
    assert name in again
    assert password not in again
    assert client.post("/account/line/choose/", {"kind": "sip_phone"}).status_code == 302
    renewed = client.post("/account/line/sip/issue/").content.decode()
    assert name in renewed
    assert password not in renewed
    client.post("/account/line/sip/withdraw/")
    phone = OwnPhone.objects.get(user=operator)
    assert (phone.sip_name, phone.sip_ha1, phone.kind) == ("", "", LineKind.BROWSER)


def test_a_manager_needs_a_second_factor_first(as_person: Signed) -> None:
    price_list()
    manager = a_person(Role.CUSTOMER)
    client = as_person(manager)
    answer = client.post("/account/line/choose/", {"kind": "callback", "number": NUMBER})
    assert answer.status_code == 302
    assert "2fa" in answer["Location"]
    assert client.post("/account/line/sip/issue/").status_code == 302
    assert not OwnPhone.objects.exists()
    a_second_factor(manager)
    client.post("/account/line/choose/", {"kind": "callback", "number": NUMBER})
    assert OwnPhone.objects.get(user=manager).kind == LineKind.CALLBACK


def test_who_has_no_line_has_no_such_page(as_person: Signed) -> None:
    moderator = a_person(Role.MODERATOR)
    assert as_person(moderator).get("/account/line/").status_code == 403
    assert as_person(moderator).post("/account/line/choose/", {"kind": "browser"}).status_code == 403
    assert not OwnPhone.objects.exists()


def test_what_the_exchange_does_not_offer_is_said(as_person: Signed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings.HEARTHLINE, "callback_countries", [])
    monkeypatch.setattr(settings.HEARTHLINE, "phones_server", "")
    client = as_person(an_operator(language="en"))
    page = client.get("/account/line/").content.decode()
    assert "calls no telephones back" in page
    assert "takes no SIP phones" in page
    assert client.post("/account/line/choose/", {"kind": "callback", "number": NUMBER}).status_code == 403
    client.post("/account/line/sip/issue/")
    assert not OwnPhone.objects.exists()


def test_a_line_that_the_switch_has_let_go_meanwhile_is_closed_without_a_word(as_person: Signed) -> None:
    """The page ends its connection and says so: the switch may have noticed first, and its node may be gone."""
    operator = an_operator()
    lost = Node.objects.create(name="lost", engine="embedded")
    line = Line.objects.create(user=operator, node=lost, state=LineState.CLOSED, close_reason="grace_expired")
    body = {"key": uuid.uuid4().hex, "line": str(line.pk)}
    close = reverse("operator:close_line")
    reply = as_person(operator).post(close, body, content_type="application/json")
    assert (reply.status_code, reply.json()) == (200, {"line": str(line.pk)})
    assert as_person(an_operator()).post(close, body, content_type="application/json").status_code == 404
    line.refresh_from_db()
    assert line.close_reason == "grace_expired"
