"""E-mails that tell a person of something that concerns them: composed in their language, sent by the worker, tried again for a while."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.conf import settings
from django.urls import reverse
from django.utils import translation
from django.utils.functional import Promise

from hearthline.people.models import User
from hearthline.people.tasks import deliver


@dataclass(frozen=True, slots=True)
class Letter:
    subject: str | Promise
    text: str | Promise
    link: str = ""  # to the page where it goes on


def write(people: Iterable[User], compose: Callable[[], Letter]) -> None:
    """Queue one letter to each of them, in the caller's transaction. `compose` is called under each one's language. No phone numbers and no
    names of contacts in it: it leaves the exchange. Robots have no letter-box."""
    for person in people:
        if person.is_robot:
            continue
        with translation.override(person.language):
            letter = compose()
            subject = " ".join(str(letter.subject).split())
            text = f"{letter.text}\n\n{letter.link}\n" if letter.link else f"{letter.text}\n"
        deliver.enqueue(str(person.pk), subject, text)


def page(name: str, *args: object) -> str:
    """The full address of a page."""
    return f"{settings.HEARTHLINE.public_url}{reverse(name, args=args)}"
