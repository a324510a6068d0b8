"""Nobody comes in without an invitation; an invitation is used as often as it says."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from hearthline.ledger import selectors
from hearthline.ledger.models import AccountKind
from hearthline.lib import clock
from hearthline.lib.errors import InvalidInputError
from hearthline.people import services
from hearthline.people.models import AuditEntry, Invitation, Membership, MembershipLevel, Organisation, Role, User
from tests.people.conftest import PASSWORD, a_person, signed_in
from tests.races import failures, together

DETAILS = {
    "name": "Anna",
    "email": "Anna@Hearth.example",
    "password1": PASSWORD,
    "language": "ru",
    "timezone": "Asia/Omsk",
}


def path_of(invitation: Invitation) -> str:
    return services.link_of(invitation).removeprefix(settings.HEARTHLINE.public_url)


def test_an_operator_signs_up_by_the_link(db: None, client: Client) -> None:
    inviter = a_person(Role.ADMIN)
    invitation = services.invite(role=Role.OPERATOR, issued_by=inviter)
    shown = client.get(path_of(invitation))
    assert shown.status_code == 200
    assert "organisation_name" not in shown.content.decode()

    response = client.post(path_of(invitation), DETAILS)

    assert response.status_code == 302
    user = User.objects.get(email="anna@hearth.example")
    assert (user.name, user.role, user.language, user.timezone) == ("Anna", Role.OPERATOR, "ru", "Asia/Omsk")
    assert user.invited_by == inviter
    assert not user.is_staff
    assert user.check_password(PASSWORD)
    assert client.session["_auth_user_id"] == str(user.pk)
    invitation.refresh_from_db()
    assert invitation.uses_left == 0
    assert AuditEntry.objects.filter(tag="web:account:created", subject_id=str(user.pk)).exists()


def test_a_new_customer_founds_an_organisation_and_is_given_the_bonus(db: None, client: Client) -> None:
    invitation = services.invite(role=Role.CUSTOMER)
    missing = client.post(path_of(invitation), DETAILS)
    assert missing.status_code == 200
    assert "organisation_name" in missing.context["form"].errors
    assert User.objects.count() == 0

    client.post(path_of(invitation), {**DETAILS, "organisation_name": "Zarya"})

    organisation = Organisation.objects.get()
    assert organisation.name == "Zarya"
    assert Membership.objects.get().level == MembershipLevel.OWNER
    available = selectors.available_of(AccountKind.CUSTOMER, organisation.pk, organisation.currency)
    assert available.minor == settings.HEARTHLINE.registration_bonus_minor > 0
    assert AuditEntry.objects.filter(tag="system:bonus:given").count() == 1


def test_a_manager_joins_the_organisation_that_invites_them(organisation: Organisation, client: Client) -> None:
    invitation = services.invite(
        role=Role.CUSTOMER, organisation=organisation, membership_level=MembershipLevel.MANAGER
    )
    assert "Zarya" in client.get(path_of(invitation)).content.decode()

    client.post(path_of(invitation), DETAILS)

    membership = Membership.objects.get()
    assert (membership.organisation, membership.level) == (organisation, MembershipLevel.MANAGER)
    assert Organisation.objects.count() == 1
    balance = selectors.balance_of(AccountKind.CUSTOMER, organisation.pk, organisation.currency)
    assert balance.minor == settings.HEARTHLINE.registration_bonus_minor  # once, not once a member


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"expires_at": clock.now() - timedelta(seconds=1)}, 410, "expired"),
        ({"uses_left": 0}, 410, "already used"),
        (None, 404, "no such invitation"),
    ],
)
def test_a_link_that_does_not_work_says_why(
    db: None, client: Client, change: dict[str, object] | None, status: int, words: str
) -> None:
    invitation = services.invite(role=Role.OPERATOR)
    path = reverse("invitation", args=["x" * 43])
    if change is not None:
        Invitation.objects.filter(pk=invitation.pk).update(**change)
        path = path_of(invitation)

    for response in (client.get(path), client.post(path, DETAILS)):
        assert response.status_code == status
        assert words in response.content.decode()
    assert User.objects.count() == 0


def test_without_an_invitation_sign_up_is_closed(db: None, client: Client) -> None:
    response = client.post(reverse("account_signup"), DETAILS)
    assert "invitation is needed" in response.content.decode()
    assert User.objects.count() == 0


def test_an_invitation_for_an_address_is_for_that_address(db: None, client: Client) -> None:
    invitation = services.invite(role=Role.OPERATOR, email="Boris@hearth.example")
    response = client.post(path_of(invitation), DETAILS)
    assert "boris@hearth.example" in str(response.context["form"].errors["email"])
    assert User.objects.count() == 0

    client.post(path_of(invitation), {**DETAILS, "email": "boris@hearth.example"})
    assert User.objects.get().email == "boris@hearth.example"


def test_an_address_that_has_an_account_is_told_to_sign_in(db: None, client: Client) -> None:
    a_person(Role.OPERATOR, "anna@hearth.example")
    invitation = services.invite(role=Role.OPERATOR)
    response = client.post(path_of(invitation), DETAILS)
    assert "Sign in" in str(response.context["form"].errors["email"])
    invitation.refresh_from_db()
    assert invitation.uses_left == 1


def test_a_weak_password_is_refused_beside_its_field(db: None, client: Client) -> None:
    invitation = services.invite(role=Role.OPERATOR)
    response = client.post(path_of(invitation), {**DETAILS, "password1": "password12"})
    assert response.context["form"].errors["password1"]
    assert User.objects.count() == 0


def test_a_person_who_is_signed_in_is_not_made_twice(db: None) -> None:
    client = signed_in(a_person(Role.OPERATOR))
    invitation = services.invite(role=Role.OPERATOR)
    response = client.get(path_of(invitation))
    assert response.status_code == 409
    assert "already signed in" in response.content.decode()


@pytest.mark.parametrize(
    "asked",
    [
        {"role": "king"},
        {"role": Role.OPERATOR, "days": 0},
        {"role": Role.OPERATOR, "days": 91},
        {"role": Role.OPERATOR, "uses": 0},
        {"role": Role.OPERATOR, "uses": 1001},
        {"role": Role.OPERATOR, "membership_level": "owner"},
        {"role": Role.CUSTOMER, "membership_level": "manager"},
        {"role": Role.CUSTOMER, "membership_level": "emperor"},
        {"role": Role.OPERATOR, "email": "a@b.example", "uses": 2},
    ],
)
def test_an_invitation_that_makes_no_sense_is_refused(db: None, asked: dict[str, object]) -> None:
    with pytest.raises(InvalidInputError):
        services.invite(**asked)  # type: ignore[arg-type]
    assert Invitation.objects.count() == 0
    assert AuditEntry.objects.count() == 0


def test_an_invitation_for_three_lets_three_of_sixteen_in(database: str) -> None:
    invitation = services.invite(role=Role.OPERATOR, uses=3)

    def accept(number: int) -> User:
        newcomer = services.Newcomer(email=f"p{number}@hearth.example", name=f"P{number}", password=None)
        return services.accept_invitation(token=invitation.token, newcomer=newcomer)

    results = together(16, accept)

    refused = failures(results)
    assert len(refused) == 13
    assert all(isinstance(r, services.InvitationUnusableError) for r in refused)
    assert User.objects.count() == 3
