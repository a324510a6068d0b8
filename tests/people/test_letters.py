"""Letters: in the reader's language, tried again when the server is away."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.core import mail
from django.utils.translation import gettext as _
from django_tasks_db.models import DBTaskResult

from hearthline.people import letters
from hearthline.people.models import Role
from hearthline.people.tasks import TRIES, deliver
from tests.people.conftest import a_person
from tests.people.letter_box import letters_to

pytestmark = pytest.mark.django_db


def a_letter() -> letters.Letter:
    return letters.Letter(_("Your appeal is decided"), "First\nsecond", letters.page("operator:feedback"))


def test_each_reads_their_own_language() -> None:
    anna, boris = a_person(Role.OPERATOR, "anna@hearth.example"), a_person(Role.OPERATOR, "boris@hearth.example")
    boris.language = "ru"
    boris.save()
    letters.write([anna, boris], a_letter)
    assert mail.outbox == [], "the worker sends it, nobody waits for the server"
    [to_anna], [to_boris] = letters_to(anna), letters_to(boris)
    assert (to_anna.subject, to_boris.subject) == ("Your appeal is decided", "Решение по вашему обращению")
    assert to_anna.body.endswith(f"{settings.HEARTHLINE.public_url}/work/feedback/\n")


def test_robots_have_no_letter_box() -> None:
    robot = a_person(Role.OPERATOR, "robot@hearth.example")
    robot.is_robot = True
    letters.write([robot], a_letter)
    assert not DBTaskResult.objects.exists()


def test_a_server_that_is_away_is_tried_again_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    anna = a_person(Role.OPERATOR, "anna@hearth.example")
    monkeypatch.setattr(settings, "EMAIL_BACKEND", "django.core.mail.backends.smtp.EmailBackend")
    monkeypatch.setattr(settings, "EMAIL_HOST", "127.0.0.1")
    monkeypatch.setattr(settings, "EMAIL_PORT", 1)  # nobody listens there
    args = (str(anna.pk), "Subject", "Text")
    for tries in range(1, TRIES + 1):
        assert not deliver.func(*args, tries)
    assert [row.args_kwargs["args"][3] for row in DBTaskResult.objects.order_by("enqueued_at")] == [2, 3, 4]
    assert all(row.run_after > row.enqueued_at for row in DBTaskResult.objects.all())
