"""Entering without a password works in the demonstration on this machine, and is not there anywhere else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from hearthline.configuration import Configuration
from hearthline.people.models import User
from hearthline.web.demo.cast import BY_KEY, EVERYBODY

ENTER = "/demo/enter/"


@pytest.fixture
def anna(db: None) -> User:
    person = BY_KEY["anna"]
    return User.objects.create_user(person.email, None, name=person.name, role=person.role)


@dataclass
class World:
    configuration: Configuration


@pytest.fixture
def demonstration(settings: Any) -> World:
    world = World(settings.HEARTHLINE.model_copy(update={"demonstration": True, "listen_host": "127.0.0.1"}))
    settings.HEARTHLINE = world.configuration
    return world


def test_one_click_makes_a_session_as_that_person(anna: User, demonstration: World, client: Client) -> None:
    page = client.get(reverse("home")).content.decode()
    assert 'value="anna"' in page
    assert "robot-vera" not in page
    response = client.post(ENTER, {"person": "anna"})
    assert response.status_code == 302
    assert client.session["_auth_user_id"] == str(anna.pk)


def test_it_takes_a_token_of_the_page(anna: User, demonstration: World) -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.post(ENTER, {"person": "anna"}).status_code == 403
    client.get(reverse("home"))
    token = client.cookies["csrftoken"].value
    assert client.post(ENTER, {"person": "anna", "csrfmiddlewaretoken": token}).status_code == 302


@pytest.mark.parametrize(
    ("change", "extra"),
    [
        ({"demonstration": False}, {}),
        ({"listen_host": "0.0.0.0"}, {}),
        ({"listen_host": "192.0.2.4"}, {}),
        ({}, {"REMOTE_ADDR": "192.0.2.9"}),
        ({}, {"REMOTE_ADDR": ""}),
        ({}, {"HTTP_X_FORWARDED_FOR": "192.0.2.9"}),
        ({}, {"HTTP_FORWARDED": "for=192.0.2.9"}),
    ],
)
def test_elsewhere_there_is_no_such_page(
    anna: User, demonstration: World, settings: Any, client: Client, change: dict[str, Any], extra: dict[str, str]
) -> None:
    settings.HEARTHLINE = demonstration.configuration.model_copy(update=change)
    assert "/demo/enter/" not in client.get(reverse("home"), **extra).content.decode()
    assert client.post(ENTER, {"person": "anna"}, **extra).status_code == 404
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize("person", ["", "nobody", "anna@demo.example"])
def test_nobody_else_can_be_entered(anna: User, demonstration: World, client: Client, person: str) -> None:
    assert client.post(ENTER, {"person": person}).status_code == 404
    assert client.get(ENTER).status_code == 405
    assert "_auth_user_id" not in client.session


def test_a_person_who_was_switched_off_cannot_be_entered(anna: User, demonstration: World, client: Client) -> None:
    User.objects.filter(pk=anna.pk).update(is_active=False)
    assert client.post(ENTER, {"person": "anna"}).status_code == 404


def test_keys_are_unique() -> None:
    assert len({person.key for person in EVERYBODY}) == len(EVERYBODY)
