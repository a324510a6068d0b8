"""Where each role may go: the entries of the top bar, and the home page of a person."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
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


_Entry = tuple[str | Promise, str, str]  # label, name of the address, icon

_OPERATOR: tuple[_Entry, ...] = (
    (_("Work"), "operator:choose", "headset"),
    (_("Earnings"), "operator:earnings", "wallet"),
)
_OWNER: tuple[_Entry, ...] = (
    (_("Campaigns"), "customer:campaigns", "campaign"),
    (_("Balance"), "customer:balance", "wallet"),
)
_MANAGER: tuple[_Entry, ...] = ((_("Hand-overs"), "manager:home", "phone"),)
_MODERATOR: tuple[_Entry, ...] = ((_("Calls"), "moderator:calls", "list"),)
_ADMIN: tuple[_Entry, ...] = (
    (_("Exchange"), "staff:wall", "chart"),
    (_("People"), "staff:people", "people"),
    (_("Invitations"), "staff:invitations", "link"),
    (_("Trunks"), "staff:trunks", "phone"),
    (_("Calls"), "moderator:calls", "list"),
    (_("Data"), "admin:index", "gear"),
)


def entries_for(user: User | AnonymousUser) -> tuple[_Entry, ...]:
    """What the bar offers. One query for a customer's member, none for the others."""
    if not isinstance(user, User):
        return ()
    if user.role == Role.OPERATOR:
        return _OPERATOR
    if user.role == Role.MODERATOR:
        return _MODERATOR
    if user.role == Role.ADMIN:
        return _ADMIN
    levels = set(Membership.objects.filter(user=user).values_list("level", flat=True)[:50])
    return _OWNER + _MANAGER if MembershipLevel.OWNER in levels else _MANAGER


def _resolved(entries: Iterable[_Entry]) -> list[tuple[str | Promise, str, str]]:
    found = []
    for label, name, icon in entries:
        try:
            found.append((label, reverse(name), icon))
        except NoReverseMatch:
            continue  # a page that this installation does not serve
    return found


def places_for(user: User | AnonymousUser, path: str) -> list[Place]:
    found = _resolved(entries_for(user))
    best = max((url for _label, url, _icon in found if path.startswith(url)), key=len, default="")
    return [Place(label, url, icon, url == best) for label, url, icon in found]


def home_of(user: User) -> str:
    """The address where this person's work begins."""
    found = _resolved(entries_for(user))
    return found[0][1] if found else reverse("account:profile")
