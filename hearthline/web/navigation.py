"""Where each role may go: the entries of the top bar, and the home page of a person."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import SessionBase
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from hearthline.people.models import Membership, MembershipLevel, Role, User


@dataclass(frozen=True, slots=True)
class Place:
    label: str | Promise
    url: str
    icon: str
    current: bool


REMEMBERED_S = 600
_SESSION_KEY = "navigation"
_Entry = tuple[str | Promise, str, str]  # label, name of the address, icon

_OPERATOR: tuple[_Entry, ...] = (
    (_("Work"), "operator:choose", "headset"),
    (_("My calls"), "operator:history", "list"),
    (_("Earnings"), "operator:earnings", "wallet"),
    (_("Feedback"), "operator:feedback", "check"),
)
_OWNER: tuple[_Entry, ...] = (
    (_("Campaigns"), "customer:campaigns", "campaign"),
    (_("Balance"), "customer:balance", "wallet"),
)
_MANAGER: tuple[_Entry, ...] = ((_("Hand-overs"), "manager:home", "phone"),)
_MODERATOR: tuple[_Entry, ...] = (
    (_("To decide"), "moderator:queue", "check"),
    (_("Live"), "moderator:live", "headset"),
    (_("Calls"), "moderator:calls", "list"),
    (_("Operators"), "moderator:operators", "people"),
    (_("Scenarios"), "moderator:scenarios", "play"),
)
_ADMIN: tuple[_Entry, ...] = (  # the rest of the moderators' pages stands on "To decide": the bar has no room for more
    (_("Exchange"), "staff:wall", "chart"),
    (_("People"), "staff:people", "people"),
    (_("Invitations"), "staff:invitations", "link"),
    (_("Payouts"), "staff:payouts", "wallet"),
    (_("Trunks"), "staff:trunks", "phone"),
    (_("To decide"), "moderator:queue", "check"),
    (_("Live"), "moderator:live", "headset"),
    (_("Calls"), "moderator:calls", "list"),
    (_("Data"), "admin:index", "gear"),
)


def entries_for(user: User | AnonymousUser, session: SessionBase | None = None) -> tuple[_Entry, ...]:
    """What the bar offers."""
    if not isinstance(user, User):
        return ()
    if user.role == Role.OPERATOR:
        return _OPERATOR
    if user.role == Role.MODERATOR:
        return _MODERATOR
    if user.role == Role.ADMIN:
        return _ADMIN
    return _OWNER + _MANAGER if _owns(user, session) else _MANAGER


def _owns(user: User, session: SessionBase | None) -> bool:
    """Whether to show an owner's entries. Remembered in the session for a while: it decides what is offered, never what is
    allowed, which the gates ask anew each time."""
    remembered = session.get(_SESSION_KEY) if session is not None else None
    if (
        isinstance(remembered, dict)
        and remembered.get("until", 0) > time.time()
        and remembered.get("user") == str(user.pk)
    ):
        return bool(remembered.get("owns"))
    owns = Membership.objects.filter(user=user, level=MembershipLevel.OWNER).exists()
    if session is not None:
        session[_SESSION_KEY] = {"owns": owns, "until": time.time() + REMEMBERED_S, "user": str(user.pk)}
    return owns


def _resolved(entries: Iterable[_Entry]) -> list[tuple[str | Promise, str, str]]:
    found = []
    for label, name, icon in entries:
        try:
            found.append((label, reverse(name), icon))
        except NoReverseMatch:
            continue  # a page that this installation does not serve
    return found


def places_for(user: User | AnonymousUser, path: str, session: SessionBase | None = None) -> list[Place]:
    found = _resolved(entries_for(user, session))
    best = max((url for _label, url, _icon in found if path.startswith(url)), key=len, default="")
    return [Place(label, url, icon, url == best) for label, url, icon in found]


def home_of(user: User) -> str:
    """The address where this person's work begins."""
    found = _resolved(entries_for(user))
    return found[0][1] if found else reverse("account:profile")
