"""The tries of a call over several trunks: whole for staff, in words alone for the owner, nothing for anybody else."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from hearthline.calls.models import Attempt, Trunk, TrunkCall
from hearthline.people.models import Role, User
from hearthline.web.trunk_tries import cause_words
from tests.people.conftest import a_person
from tests.web.world import World

pytestmark = pytest.mark.django_db
Signed = Callable[[User], Client]


def tried(attempt: Attempt) -> None:
    """Over a trunk without a free channel, then over one that put it through."""
    first = Trunk.objects.create(name="Cheap one", host="sip.cheap.example", username="100500", password="s3cr3t")
    second = Trunk.objects.create(name="Dear one", host="sip.dear.example")
    for number, (trunk, cause, status) in enumerate([(first, 34, 503), (second, 16, None)]):
        TrunkCall.objects.create(
            id=attempt.pk if number == 0 else uuid.uuid4(), trunk=trunk, node_id=attempt.node_id, attempt=attempt,
            begun_at=attempt.dialled_at + timedelta(seconds=2 * number),
            ended_at=attempt.dialled_at + timedelta(seconds=60), cause=cause, sip_status=status,
        )  # fmt: skip


def answered(world: World) -> Attempt:
    return Attempt.objects.filter(campaign=world.campaign, answered_at__isnull=False).order_by("pk")[0]


@pytest.mark.parametrize("role", [Role.MODERATOR, Role.ADMIN])
def test_staff_see_each_trunk_its_cause_and_which_carried_it(world: World, as_person: Signed, role: Role) -> None:
    attempt = answered(world)
    tried(attempt)
    client = as_person(a_person(role))
    page = client.get(reverse("moderator:call", args=[attempt.pk])).content.decode()
    cheap, dear = page.index("Cheap one"), page.index("Dear one")
    assert cheap < page.index("the provider had no free channel") < page.index("Q.850 34 · SIP 503") < dear
    assert dear < page.index("answered; the conversation went this way")
    assert "s3cr3t" not in page
    assert "100500" not in page
    assert attempt.contact.phone[1:] not in page
    listed = client.get(reverse("moderator:calls"), {"show": "failed"}).content.decode()
    assert listed.count(reverse("moderator:call", args=[attempt.pk])) == 1
    assert listed.count(reverse("moderator:calls") + "calls/") == 1


def test_the_owner_sees_how_it_went_and_no_trunk(world: World, owner: Client) -> None:
    attempt = answered(world)
    tried(attempt)
    page = owner.get(reverse("customer:contact", args=[attempt.contact_id])).content.decode()
    assert "2 providers were tried" in page
    assert "the provider had no free channel" in page
    for secret in ("Cheap one", "Dear one", "sip.cheap.example", "SIP 503", "Q.850"):
        assert secret not in page
    assert owner.get(reverse("moderator:call", args=[attempt.pk])).status_code == 403


def test_a_call_over_one_trunk_says_nothing_to_its_owner(world: World, owner: Client) -> None:
    attempt = answered(world)
    tried(attempt)
    TrunkCall.objects.exclude(pk=attempt.pk).delete()
    page = owner.get(reverse("customer:contact", args=[attempt.contact_id])).content.decode()
    assert "tried" not in page


def test_nobody_else_sees_a_call(world: World, as_person: Signed, stranger: Client) -> None:
    url = reverse("moderator:call", args=[answered(world).pk])
    assert Client().get(url).status_code == 302
    for client in (stranger, as_person(world.operator)):
        assert client.get(url).status_code == 403
    assert as_person(a_person(Role.ADMIN)).get(reverse("moderator:call", args=[uuid.uuid4()])).status_code == 404


@pytest.mark.parametrize(
    ("cause", "status", "words"),
    [
        (21, 403, "the provider refused the account or the caller ID"),
        (21, 603, "declined"),
        (31, 500, "a fault at the provider"),
        (31, None, "ended before an answer"),
        (102, 408, "the provider did not answer in time"),
        (99, None, "the provider did not understand the call"),
        (None, None, "nobody heard how it ended"),
        (55, None, "ended with cause 55"),
    ],
)
def test_causes_are_told_in_words(cause: int | None, status: int | None, words: str) -> None:
    assert cause_words(cause, status) == words
