"""People of each kind, and what a browser would do."""

from __future__ import annotations

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.core.cache import cache
from django.test import Client

from hearthline.people import services
from hearthline.people.models import Organisation, Role, User

PASSWORD = "a sentence of my own 7"


@pytest.fixture(autouse=True)
def _no_attempts_before() -> None:
    cache.clear()  # attempts at sign-in are counted there


def a_person(role: Role, email: str = "") -> User:
    return User.objects.create_user(
        email or f"{role.value}@hearth.example",
        PASSWORD,
        name=role.value.title(),
        role=role,
        is_staff=role == Role.ADMIN,
    )


def a_second_factor(user: User) -> str:
    """Returns the secret."""
    secret: str = generate_totp_secret()
    TOTP.activate(user, secret)
    return secret


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def admin(db: None) -> User:
    """With a second factor."""
    person = a_person(Role.ADMIN)
    a_second_factor(person)
    assert Authenticator.objects.filter(user=person).exists()
    return person


@pytest.fixture
def organisation(db: None) -> Organisation:
    return services.create_organisation(name="Zarya", by=None)
