"""Single keys of those who decide in the queue: another letter, or none at all (WCAG 2.2, 2.1.4), on the page and in its words."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from hearthline.people.models import Role, User
from hearthline.quality import reports
from tests.calls.worlds import a_conversation
from tests.campaigns.worlds import an_operator
from tests.people.conftest import a_person
from tests.quality.test_moderation import owner_of
from tests.web.world import World

pytestmark = pytest.mark.django_db
As = Callable[[User], Client]

USUAL = {"queue_reasons": "KeyN", "queue_play": "KeyP", "queue_mark": "KeyM", "queue_leave": "KeyS"}
KEYS = "account:keys"


@pytest.fixture
def moderator() -> User:
    return a_person(Role.MODERATOR)


@pytest.fixture
def item() -> str:
    """The address of something to decide."""
    conversation = a_conversation()
    owner = owner_of(conversation.campaign)
    report = reports.tell(by=owner, words="He was rude.", attempt=conversation.attempt)
    return reverse("moderator:item", args=["report", report.pk])


def test_a_letter_of_ones_own_is_what_the_page_shows_and_its_script_gets(
    moderator: User, item: str, as_person: As
) -> None:
    client = as_person(moderator)
    assert "<kbd>s</kbd>" in client.get(item).content.decode()
    answer = client.post(reverse(KEYS), {"on": "on", **USUAL, "queue_leave": "KeyX"})
    assert answer.status_code == 302
    page = client.get(item).content.decode()
    assert "<kbd>x</kbd>" in page
    assert "<kbd>s</kbd>" not in page
    assert "&quot;queue_leave&quot;: &quot;KeyX&quot;" in page


def test_switched_off_there_are_no_keys_on_the_page_and_none_for_its_script(
    moderator: User, item: str, as_person: As
) -> None:
    client = as_person(moderator)
    client.post(reverse(KEYS), {**USUAL, "queue_play": "KeyL"})
    page = client.get(item).content.decode()
    assert "data-keys=" not in page
    assert page.count("<kbd>") == 1, "Ctrl+Enter, which is no single key"
    assert "Leave it to others" in page
    client.post(reverse(KEYS), {"on": "on", **USUAL, "queue_play": "KeyL"})
    assert "KeyL" in client.get(item).content.decode(), "what was chosen before is there again"


def test_two_actions_cannot_have_one_letter(moderator: User, as_person: As) -> None:
    answer = as_person(moderator).post(reverse(KEYS), {"on": "on", **USUAL, "queue_leave": "KeyP"})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "“Play the recording” has this key already." in page
    assert 'aria-describedby="id_queue_leave_error"' in page
    moderator.refresh_from_db()
    assert moderator.shortcuts == {}


def test_an_operator_switches_them_off_and_keeps_the_letters_of_the_console(as_person: As) -> None:
    operator = an_operator()
    User.objects.filter(pk=operator.pk).update(shortcuts={"hang_up": "KeyX"})
    client = as_person(operator)
    assert "queue_leave" not in client.get(reverse("account:profile")).content.decode()
    client.post(reverse(KEYS), {"queue_leave": "KeyX"})
    operator.refresh_from_db()
    assert operator.shortcuts == {"hang_up": "KeyX", "off": True}


def test_nobody_changes_keys_without_signing_in(client: Client, world: World) -> None:
    answer = client.post(reverse(KEYS), {"on": "on"})
    assert answer.status_code == 302
    assert answer.headers["location"].startswith(reverse("account_login"))
    assert not User.objects.exclude(shortcuts={}).exists()
