"""Who may see which campaign. Each gate names who asks; it raises NotFoundError for what the person may not know of."""

from __future__ import annotations

import uuid
from typing import TypeGuard

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from hearthline.campaigns.models import (
    Campaign,
    CampaignKind,
    CampaignManager,
    CampaignState,
    Contact,
    ContactImport,
    ResultExport,
)
from hearthline.lib.errors import NotFoundError
from hearthline.people.models import MembershipLevel, Role, User

Id = uuid.UUID | str
Person = User | AnonymousUser


def campaigns_for_owner(user: Person) -> QuerySet[Campaign]:
    """Of the organisations that the person owns."""
    if not _active(user):
        return Campaign.objects.none()
    return Campaign.objects.filter(
        organisation__memberships__user=user, organisation__memberships__level=MembershipLevel.OWNER
    )


def campaigns_for_manager(user: Person) -> QuerySet[Campaign]:
    """Those whose hand-overs the person takes, and those of organisations in which they are a member."""
    if not _active(user):
        return Campaign.objects.none()
    named = CampaignManager.objects.filter(user=user).values("campaign")
    return Campaign.objects.filter(Q(organisation__memberships__user=user) | Q(pk__in=named)).distinct()


def campaigns_for_operator(user: Person) -> QuerySet[Campaign]:
    """All that run: every operator sees every running campaign; whether they may call in it, `why_closed` says. What the
    exchange has for practice is not among them."""
    if not _active(user, Role.OPERATOR):
        return Campaign.objects.none()
    return Campaign.objects.filter(state=CampaignState.RUNNING, kind=CampaignKind.REAL)


def campaign_for_owner(user: Person, id: Id) -> Campaign:
    return _one(campaigns_for_owner(user), id)


def campaign_for_manager(user: Person, id: Id) -> Campaign:
    return _one(campaigns_for_manager(user), id)


def campaign_for_operator(user: Person, id: Id) -> Campaign:
    """A running campaign, or one in which this operator has worked (its last call may still be open)."""
    if not _active(user, Role.OPERATOR):
        raise _no_campaign()
    worked_in = Q(assignments__operator=user, assignments__state="active")
    running = Q(state=CampaignState.RUNNING, kind=CampaignKind.REAL)
    return _one(Campaign.objects.filter(running | worked_in).distinct(), id)


def campaign_for_moderator(user: Person, id: Id) -> Campaign:
    if not (_active(user, Role.MODERATOR) or _active(user, Role.ADMIN)):
        raise _no_campaign()
    return _one(Campaign.objects.all(), id)


def contact_for_owner(user: Person, id: Id) -> Contact:
    found = Contact.objects.filter(pk=_uuid(id), campaign__in=campaigns_for_owner(user))
    contact = found.select_related("campaign", "disposition", "last_operator").first()
    if contact is None:
        raise NotFoundError(_("There is no such contact, or it is not yours."))
    return contact


def import_for_owner(user: Person, id: Id) -> ContactImport:
    found = ContactImport.objects.filter(pk=_uuid(id), campaign__in=campaigns_for_owner(user))
    upload = found.select_related("campaign").first()
    if upload is None:
        raise NotFoundError(_("There is no such import, or it is not yours."))
    return upload


def export_for_owner(user: Person, id: Id) -> ResultExport:
    found = ResultExport.objects.filter(pk=_uuid(id), campaign__in=campaigns_for_owner(user))
    export = found.select_related("campaign").first()
    if export is None:
        raise NotFoundError(_("There is no such export, or it is not yours."))
    return export


def _active(user: Person, role: Role | None = None) -> TypeGuard[User]:
    return isinstance(user, User) and user.is_active and (role is None or user.role == role)


def _one(rows: QuerySet[Campaign], id: Id) -> Campaign:
    campaign = rows.filter(pk=_uuid(id)).select_related("organisation").first()
    if campaign is None:
        raise _no_campaign()
    return campaign


def _no_campaign() -> NotFoundError:
    return NotFoundError(_("There is no such campaign, or it is not open to you."))


def _uuid(id: Id) -> uuid.UUID:
    if isinstance(id, uuid.UUID):
        return id
    try:
        return uuid.UUID(id)
    except (ValueError, AttributeError):
        raise NotFoundError(_("There is nothing at this address.")) from None
