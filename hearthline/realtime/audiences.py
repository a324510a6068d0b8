"""Who may hear what: the audiences of a person, one function per role, and of a guest with a signed link."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypedDict

from django.contrib.sessions.backends.base import SessionBase

from hearthline.people.models import MembershipLevel, Role, User
from hearthline.realtime.bus import Audience

GUEST_SESSION_KEY = "guest_handover"

TopicGate = Callable[[User, str], bool]


class GuestScope(TypedDict):
    """What a signed link of a hand-over puts into the visitor's session, and nothing else."""

    handover: str
    until: float  # seconds since the epoch


def user_audience(user_id: object) -> Audience:
    return f"user:{user_id}"


def guest_audience(handover_id: object) -> Audience:
    return f"guest:{handover_id}"


def organisation_audience(organisation_id: object) -> Audience:
    return f"organisation:{organisation_id}"


def campaign_audience(campaign_id: object) -> Audience:
    return f"campaign:{campaign_id}"


STAFF: Audience = "exchange"


def _operator(user: User) -> set[Audience]:
    return {user_audience(user.pk)}


def _customer(user: User) -> set[Audience]:
    """An owner hears what concerns the organisation; a manager only what is addressed to them."""
    owned = user.memberships.filter(level=MembershipLevel.OWNER).values_list("organisation_id", flat=True)
    return {user_audience(user.pk)} | {organisation_audience(pk) for pk in owned}


def _staff(user: User) -> set[Audience]:
    return {user_audience(user.pk), STAFF}


BY_ROLE: dict[str, Callable[[User], set[Audience]]] = {
    Role.OPERATOR: _operator,
    Role.CUSTOMER: _customer,
    Role.MODERATOR: _staff,
    Role.ADMIN: _staff,
}

_topics: dict[str, TopicGate] = {}


def register_topic(kind: str, gate: TopicGate) -> None:
    """Let pages ask for `/events/?topic=kind:id`. `gate(user, id)` says whether this person may hear it. Called by the
    package that owns the kind, from its AppConfig.ready."""
    _topics[kind] = gate


def audiences_of(user: User, topics: list[str]) -> set[Audience]:
    """What the person hears by their role, and those of the topics that their gates allow."""
    found = BY_ROLE[user.role](user)
    for topic in topics:
        kind, _, subject = topic.partition(":")
        gate = _topics.get(kind)
        if gate is not None and subject and gate(user, subject):
            found.add(topic)
    return found


def guest_scope(session: SessionBase) -> GuestScope | None:
    """The hand-over that this session's signed link opened, while it lasts."""
    scope: GuestScope | None = session.get(GUEST_SESSION_KEY)
    if scope is None or scope["until"] < time.time():
        return None
    return scope
