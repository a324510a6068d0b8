"""What an admin does in the admin interface, through its pages."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib import admin as django_admin
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from hearthline.calls.models import Trunk
from hearthline.campaigns.models import DoNotCall
from hearthline.ledger import check, selectors, tariffs
from hearthline.ledger.models import AccountKind, Tariff
from hearthline.lib.ids import new_id
from hearthline.people import gates, services
from hearthline.people.models import AuditEntry, Invitation, Organisation, Role, User
from tests.people.conftest import a_person, a_second_factor, signed_in


def available(organisation: Organisation) -> int:
    return selectors.available_of(AccountKind.CUSTOMER, organisation.pk, organisation.currency).minor


def test_an_invitation_is_issued_and_its_link_shown(admin: User) -> None:
    client = signed_in(admin)
    response = client.post(
        reverse("admin:people_invitation_add"), {"role": "operator", "days": "3", "uses": "5"}, follow=True
    )
    invitation = Invitation.objects.get()
    assert services.link_of(invitation) in response.content.decode()
    assert (invitation.uses_left, invitation.issued_by) == (5, admin)
    assert AuditEntry.objects.filter(tag="admin:invitation:issued", actor=admin).count() == 1

    client.post(
        reverse("admin:people_invitation_changelist"), {"action": "withdraw", "_selected_action": [invitation.pk]}
    )
    with pytest.raises(services.InvitationUnusableError):
        services.usable_invitation(invitation.token)


def test_a_senseless_invitation_is_refused_with_a_sentence(admin: User) -> None:
    asked = {"role": "operator", "membership_level": "owner", "days": "3", "uses": "5"}
    response = signed_in(admin).post(reverse("admin:people_invitation_add"), asked)
    assert "Only a customer" in response.content.decode()
    assert Invitation.objects.count() == 0


def test_a_balance_is_topped_up_once_however_often_the_form_is_sent(admin: User, organisation: Organisation) -> None:
    client, before = signed_in(admin), available(organisation)
    page = reverse("admin:people_organisation_top_up", args=[organisation.pk])
    assert client.get(page).status_code == 200
    form = {"amount": "1250.50", "note": "order 17", "id": str(new_id())}

    for _ in range(2):
        assert client.post(page, form).status_code == 302

    assert available(organisation) == before + 125_050
    entry = AuditEntry.objects.get(tag="admin:balance:topped_up")
    assert (entry.actor, entry.subject_id, entry.details["note"]) == (admin, str(organisation.pk), "order 17")
    assert check.prove().sound


@pytest.mark.parametrize("amount", ["0", "-5", "0.001", "many", ""])
def test_an_amount_that_cannot_be_is_refused(admin: User, organisation: Organisation, amount: str) -> None:
    before = available(organisation)
    page = reverse("admin:people_organisation_top_up", args=[organisation.pk])
    response = signed_in(admin).post(page, {"amount": amount, "note": "x", "id": str(new_id())})
    assert response.status_code == 200
    assert response.context["form"].errors["amount"]
    assert available(organisation) == before
    assert not AuditEntry.objects.filter(tag="admin:balance:topped_up").exists()


def test_without_a_second_factor_no_money_moves(organisation: Organisation) -> None:
    before = available(organisation)
    page = reverse("admin:people_organisation_top_up", args=[organisation.pk])
    response = signed_in(a_person(Role.ADMIN)).post(page, {"amount": "5", "note": "x", "id": str(new_id())})
    assert response.status_code == 302
    assert available(organisation) == before


def test_a_customer_made_here_is_welcomed_with_the_bonus(admin: User) -> None:
    empty = {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}
    made = {"name": "Luch", "country": "RU", "timezone": "Europe/Moscow", "currency": "RUB", **empty}
    response = signed_in(admin).post(reverse("admin:people_organisation_add"), made)
    assert response.status_code == 302
    organisation = Organisation.objects.get(name="Luch")
    assert available(organisation) > 0
    assert signed_in(admin).get(reverse("admin:people_organisation_change", args=[organisation.pk])).status_code == 200


def test_a_lost_second_factor_is_removed(admin: User) -> None:
    loser = a_person(Role.MODERATOR)
    a_second_factor(loser)
    selection = {"action": "remove_second_factor", "_selected_action": [loser.pk]}
    signed_in(admin).post(reverse("admin:people_user_changelist"), selection)
    assert not gates.has_second_factor(loser)
    assert AuditEntry.objects.get(tag="admin:account:second_factor_removed").subject_id == str(loser.pk)


def test_a_changed_role_changes_who_is_staff(admin: User) -> None:
    person = a_person(Role.OPERATOR)
    form = {"name": person.name, "role": "admin", "level": "1", "language": "en", "timezone": "UTC", "is_active": "on"}
    response = signed_in(admin).post(reverse("admin:people_user_change", args=[person.pk]), form)
    assert response.status_code == 302
    person.refresh_from_db()
    assert (person.role, person.is_staff) == (Role.ADMIN, True)


def test_prices_are_imported_from_a_file(admin: User) -> None:
    client = signed_in(admin)
    client.post(reverse("admin:ledger_tariff_add"), {"name": "Provider", "currency": "RUB", "active": "on"})
    tariff = Tariff.objects.get()
    page = reverse("admin:ledger_tariff_import", args=[tariff.pk])
    bad = SimpleUploadedFile("bad.csv", b"prefix;per_minute\n79;cheap\n")
    assert "Row 2" in client.post(page, {"file": bad}).content.decode()
    assert not tariffs.is_priced("+79161234567")

    good = SimpleUploadedFile("good.csv", b"prefix;per_minute\n79;1,5\n")
    assert client.post(page, {"file": good}).status_code == 302
    assert tariffs.telephone_cost("+79161234567", 60).minor == 150
    assert AuditEntry.objects.filter(tag="admin:tariff:imported").count() == 1


def test_a_trunk_keeps_its_password_and_never_shows_it(admin: User) -> None:
    client = signed_in(admin)
    form = {
        "name": "one", "active": "on", "priority": "0", "host": "sip.provider.example", "transport": "udp", "username": "u",
        "password": "s3cret-s3cret", "number_format": "{e164}", "max_channels": "0", "max_calls_per_s": "0",
    }  # fmt: skip
    assert client.post(reverse("admin:calls_trunk_add"), form).status_code == 302
    trunk = Trunk.objects.get()
    page = reverse("admin:calls_trunk_change", args=[trunk.pk])
    assert "s3cret" not in client.get(page).content.decode()

    assert client.post(page, {**form, "host": "other.example", "password": ""}).status_code == 302

    trunk.refresh_from_db()
    assert (trunk.host, trunk.password) == ("other.example", "s3cret-s3cret")
    assert "s3cret" not in str(AuditEntry.objects.filter(tag="admin:trunk:changed").values())


def test_a_number_that_is_not_called_is_kept_whole_and_shown_masked(admin: User) -> None:
    client = signed_in(admin)
    response = client.post(
        reverse("admin:campaigns_donotcall_add"), {"phone": "8 (916) 123-45-67", "reason": "asked"}, follow=True
    )
    assert DoNotCall.objects.get().phone == "+79161234567"
    assert "1234567" not in response.content.decode().replace(" ", "").replace("-", "")
    assert "67" in client.get(reverse("admin:campaigns_donotcall_changelist")).content.decode()


def test_every_page_of_the_admin_interface_opens(admin: User, organisation: Organisation) -> None:
    client = signed_in(admin)
    services.invite(role=Role.OPERATOR, issued_by=admin)
    for model in django_admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
        assert client.get(reverse(name)).status_code == 200, name
    names = {model.__name__ for model in django_admin.site._registry}
    assert names >= {
        "User",
        "Organisation",
        "Invitation",
        "AuditEntry",
        "Account",
        "Transfer",
        "Tariff",
        "Trunk",
        "Node",
    }
    assert apps.get_model("people", "User") in django_admin.site._registry


def test_the_trail_and_the_books_cannot_be_changed_here(admin: User, organisation: Organisation) -> None:
    client = signed_in(admin)
    entry = AuditEntry.objects.first()
    assert entry is not None
    change = reverse("admin:people_auditentry_change", args=[entry.pk])
    assert client.post(change, {"tag": "web:account:created"}).status_code == 403
    assert client.post(reverse("admin:people_auditentry_delete", args=[entry.pk]), {"post": "yes"}).status_code == 403
    assert client.get(reverse("admin:ledger_transfer_add")).status_code == 403
    assert AuditEntry.objects.filter(pk=entry.pk).exists()
