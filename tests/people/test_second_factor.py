"""A second factor: asked for at sign-in, needed for money and people."""

from __future__ import annotations

from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse

from hearthline.lib.errors import NotAllowedError
from hearthline.people import gates
from hearthline.people.demonstration import DEMONSTRATION_DOMAIN
from hearthline.people.models import AuditEntry, Role, User
from tests.people.conftest import PASSWORD, a_person, a_second_factor, signed_in

NOON = "2026-03-02 12:00:00Z"


def code_of(secret: str) -> str:
    return str(format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time())))))


def sign_in(client: Client, user: User) -> str:
    """Where the password leads."""
    response = client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    assert response.status_code == 302
    return response["Location"]


@time_machine.travel(NOON, tick=False)
def test_whoever_has_one_is_asked_for_it(db: None, client: Client) -> None:
    user = a_person(Role.ADMIN)
    secret = a_second_factor(user)
    assert sign_in(client, user) == reverse("mfa_authenticate")
    assert "_auth_user_id" not in client.session

    wrong = client.post(reverse("mfa_authenticate"), {"code": "000000"})
    assert wrong.status_code == 200
    assert "_auth_user_id" not in client.session

    client.post(reverse("mfa_authenticate"), {"code": code_of(secret)})
    assert client.session["_auth_user_id"] == str(user.pk)
    assert AuditEntry.objects.filter(tag="web:account:signed_in", actor=user).count() == 1


@time_machine.travel(NOON, tick=False)
def test_it_is_set_up_with_a_code_and_comes_with_recovery_codes(
    db: None, client: Client, django_capture_on_commit_callbacks: Any
) -> None:
    user = a_person(Role.CUSTOMER)
    sign_in(client, user)
    asked_again = client.get(reverse("mfa_activate_totp"))
    assert asked_again["Location"].startswith(reverse("account_reauthenticate"))
    page = client.post(asked_again["Location"], {"password": PASSWORD}, follow=True)
    assert page.status_code == 200

    with django_capture_on_commit_callbacks(execute=True):
        client.post(reverse("mfa_activate_totp"), {"code": code_of(page.context["form"].secret)})

    kinds = set(Authenticator.objects.filter(user=user).values_list("type", flat=True))
    assert kinds == {"totp", "recovery_codes"}
    assert AuditEntry.objects.filter(tag="web:account:second_factor_added", actor=user).exists()
    assert client.get(reverse("mfa_index")).status_code == 200


def test_a_recovery_code_lets_in_once(db: None) -> None:
    user = a_person(Role.MODERATOR)
    a_second_factor(user)
    from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes

    code = RecoveryCodes.activate(user).get_unused_codes()[0]
    for expected in (True, False):
        client = Client()
        sign_in(client, user)
        client.post(reverse("mfa_authenticate"), {"code": code})
        assert ("_auth_user_id" in client.session) is expected


@pytest.mark.parametrize("role", [Role.CUSTOMER, Role.MODERATOR, Role.ADMIN])
def test_whoever_touches_money_or_people_needs_one(db: None, role: Role) -> None:
    user = a_person(role)
    with pytest.raises(gates.SecondFactorMissingError):
        gates.require_second_factor(user)
    a_second_factor(user)
    assert gates.require_second_factor(user) == user


def test_recovery_codes_alone_are_no_second_factor(db: None) -> None:
    user = a_person(Role.CUSTOMER)
    Authenticator.objects.create(user=user, type=Authenticator.Type.RECOVERY_CODES, data={})
    with pytest.raises(gates.SecondFactorMissingError):
        gates.require_second_factor(user)


def test_operators_need_none(db: None) -> None:
    user = a_person(Role.OPERATOR)
    assert gates.require_second_factor(user) == user


def test_demonstration_people_are_excused_in_demonstration_mode_only(db: None, settings) -> None:  # type: ignore[no-untyped-def]
    demonstrator = a_person(Role.CUSTOMER, f"olga@{DEMONSTRATION_DOMAIN}")
    somebody = a_person(Role.CUSTOMER)
    with pytest.raises(gates.SecondFactorMissingError):
        gates.require_second_factor(demonstrator)

    settings.HEARTHLINE = settings.HEARTHLINE.model_copy(update={"demonstration": True})

    assert gates.require_second_factor(demonstrator) == demonstrator
    with pytest.raises(gates.SecondFactorMissingError):
        gates.require_second_factor(somebody)


def test_a_guarded_view_leads_to_where_one_is_set_up(db: None) -> None:
    reached = []

    @gates.for_roles(Role.CUSTOMER)
    @gates.with_second_factor
    def view(request: HttpRequest) -> HttpResponse:
        reached.append(request.user)
        return HttpResponse("money")

    from django.contrib.auth.models import AnonymousUser
    from django.contrib.messages.storage.cookie import CookieStorage

    def asked_by(user: User | AnonymousUser) -> HttpRequest:
        request = RequestFactory().get("/money/")
        request.user = user
        request._messages = CookieStorage(request)  # type: ignore[attr-defined]
        return request

    customer = a_person(Role.CUSTOMER)
    assert view(asked_by(AnonymousUser()))["Location"].startswith(reverse("account_login"))
    assert view(asked_by(customer))["Location"] == reverse("mfa_index")
    with pytest.raises(NotAllowedError):
        view(asked_by(a_person(Role.OPERATOR)))
    assert reached == []
    a_second_factor(customer)
    assert view(asked_by(customer)).status_code == 200
    assert reached == [customer]


def test_guessing_a_password_is_stopped(db: None, client: Client) -> None:
    user = a_person(Role.OPERATOR)
    for _ in range(5):
        client.post(reverse("account_login"), {"login": user.email, "password": "not this one"})
    assert AuditEntry.objects.filter(tag="web:account:sign_in_failed").count() == 5

    response = client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})

    assert response.status_code == 200  # the right one, but too late: wait
    assert "_auth_user_id" not in client.session
    assert "Too many" in response.content.decode()


def test_the_admin_interface_is_for_admins_with_a_second_factor(db: None, client: Client, admin: User) -> None:
    index = reverse("admin:index")
    assert client.get(index, follow=True).redirect_chain[-1][0].startswith(reverse("account_login"))
    assert signed_in(a_person(Role.MODERATOR)).get(index, follow=True).status_code == 403
    bare = signed_in(a_person(Role.ADMIN, "bare@hearth.example")).get(index, follow=True)
    assert bare.redirect_chain[-1][0] == reverse("mfa_index")
    assert signed_in(admin).get(index).status_code == 200
