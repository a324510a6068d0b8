"""A moderator tries a scenario: a shift of training in the operator's console, in which that scenario answers and no other."""

from __future__ import annotations

from django.http import HttpRequest
from django.urls import reverse

from hearthline.people.models import Role, User

_KEY = "tried_scenario"


def begin(request: HttpRequest, slug: str) -> None:
    request.session[_KEY] = slug


def tried_by(request: HttpRequest) -> str:
    """The slug, "" when this is no trial."""
    if not isinstance(request.user, User) or request.user.role == Role.OPERATOR:
        return ""
    return str(request.session.get(_KEY, ""))


def end(request: HttpRequest) -> str:
    """The page that the trial began on; "" when this is none."""
    if not isinstance(request.user, User) or request.user.role == Role.OPERATOR:
        return ""
    language, _slash, name = str(request.session.pop(_KEY, "")).partition("/")
    return reverse("moderator:scenario", args=[language, name]) if name else reverse("moderator:scenarios")
