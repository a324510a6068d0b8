"""Run in a process of its own on an empty exchange: the world of `world.py` and one person of each role. Prints sessions and ids."""

from __future__ import annotations

import json

import django

django.setup()

from django.contrib.auth import login  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.http import HttpRequest  # noqa: E402

from hearthline.calls.models import Trunk  # noqa: E402
from hearthline.people.models import Role, User  # noqa: E402
from tests.people.conftest import a_person, a_second_factor  # noqa: E402
from tests.web.world import a_world  # noqa: E402


def session_of(user: User) -> str:
    request = HttpRequest()
    request.session = SessionStore()
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    request.session.save()
    return str(request.session.session_key)


world = a_world(contacts=40, calls=24)
admin, moderator = a_person(Role.ADMIN), a_person(Role.MODERATOR)
a_second_factor(admin)
Trunk.objects.create(name="A provider", host="127.0.0.1", port=9, username="100", password="-")
print(
    json.dumps(
        {
            "owner": session_of(world.owner),
            "admin": session_of(admin),
            "moderator": session_of(moderator),
            "campaign": str(world.campaign.pk),
            "draft": str(world.draft.pk),
            "contact": str(world.contact().pk),
        }
    )
)
