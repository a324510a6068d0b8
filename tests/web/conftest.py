"""A world for the pages, and clients that are signed in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import AsyncClient, Client

from hearthline.people.gates import has_second_factor
from hearthline.people.models import Role, User
from tests.people.conftest import a_person, a_second_factor
from tests.web.world import World, a_world


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Recordings and uploads stay in the test's own folder."""
    monkeypatch.setattr(settings.HEARTHLINE, "data", tmp_path)
    storages: dict[str, Any] = settings.STORAGES
    monkeypatch.setitem(storages["default"]["OPTIONS"], "location", tmp_path / "files")
    from django.core.files.storage import storages as kept

    kept._storages.clear()  # type: ignore[attr-defined]  # made again with the folder above
    cache.clear()
    yield
    kept._storages.clear()  # type: ignore[attr-defined]


@pytest.fixture
def world(db: None) -> World:
    return a_world()


@pytest.fixture
def as_person() -> Callable[[User], Client]:
    def signed_in(user: User) -> Client:
        if user.role == Role.MODERATOR and not has_second_factor(user):
            a_second_factor(user)
        client = Client()
        client.force_login(user)
        return client

    return signed_in


@pytest.fixture
def owner(world: World, as_person: Callable[[User], Client]) -> Client:
    return as_person(world.owner)


@pytest.fixture
def stranger(db: None, as_person: Callable[[User], Client]) -> Client:
    """Owns another organisation."""
    from tests.campaigns.worlds import an_organisation, an_owner

    return as_person(an_owner(an_organisation()))


@pytest.fixture
def admin(db: None, as_person: Callable[[User], Client]) -> Client:
    person = a_person(Role.ADMIN)
    a_second_factor(person)
    return as_person(person)


@pytest.fixture
def async_owner(world: World) -> AsyncClient:
    client = AsyncClient()
    client.force_login(world.owner)
    return client
