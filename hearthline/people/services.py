"""Letting people in: invitations, sign-up, organisations and who belongs to them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from hearthline.ledger import services as ledger
from hearthline.ledger.models import Transfer
from hearthline.lib import clock
from hearthline.lib.errors import ConflictError, InvalidInputError
from hearthline.lib.money import Money
from hearthline.people import audit
from hearthline.people.audit import Tag
from hearthline.people.models import Invitation, Membership, MembershipLevel, Organisation, Role, User

MAX_INVITATION_DAYS = 90
MAX_INVITATION_USES = 1000


class Unusable(StrEnum):
    """Why an invitation cannot be used."""

    UNKNOWN = "unknown"
    EXPIRED = "expired"
    USED = "used"


UNUSABLE_SENTENCES: dict[Unusable, str | Promise] = {
    Unusable.UNKNOWN: _("There is no such invitation. Copy the whole link from the message you received."),
    Unusable.EXPIRED: _("This invitation has expired. Ask whoever sent it for a new one."),
    Unusable.USED: _("This invitation was already used. If it was you, sign in; if not, ask for a new one."),
}


class InvitationUnusableError(ConflictError):
    code = "invitation_unusable"

    def __init__(self, why: Unusable) -> None:
        super().__init__(UNUSABLE_SENTENCES[why], why=why.value)
        self.why = why


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomer:
    """Who signs up. `organisation_name` is for the first person of a new customer."""

    email: str
    name: str
    password: str | None
    language: str = "en"
    timezone: str = "Europe/Moscow"
    organisation_name: str = ""


def invite(
    *,
    role: Role | str,
    organisation: Organisation | None = None,
    membership_level: MembershipLevel | str = "",
    email: str = "",
    days: int = 14,
    uses: int = 1,
    issued_by: User | None = None,
    tag: Tag = Tag.CLI_INVITATION_ISSUED,
    request: HttpRequest | None = None,
) -> Invitation:
    """Issue an invitation; `link_of` makes its link.

    A customer's invitation without an organisation founds a new one, and the newcomer owns it. Raises InvalidInputError.
    """
    email = email.strip().lower()
    check_invitation(
        role=role, organisation=organisation, membership_level=membership_level, email=email, days=days, uses=uses
    )
    if role == Role.CUSTOMER and not membership_level:
        membership_level = MembershipLevel.OWNER
    with transaction.atomic():
        invitation = Invitation.objects.create(
            role=role,
            organisation=organisation,
            membership_level=membership_level,
            email=email,
            issued_by=issued_by,
            expires_at=clock.now() + timedelta(days=days),
            uses_left=uses,
        )
        audit.record(tag, issued_by, invitation.pk, {"role": str(role), "uses": uses, "days": days}, request)
    return invitation


def check_invitation(
    *,
    role: Role | str,
    organisation: Organisation | None,
    membership_level: MembershipLevel | str,
    email: str,
    days: int,
    uses: int,
) -> None:
    """Raises InvalidInputError for an invitation that makes no sense."""
    if role not in Role.values:
        raise InvalidInputError(_("There is no such role. Choose operator, customer, moderator or admin."))
    if not 1 <= days <= MAX_INVITATION_DAYS:
        raise InvalidInputError(_("An invitation lasts from 1 to 90 days."))
    if not 1 <= uses <= MAX_INVITATION_USES:
        raise InvalidInputError(_("An invitation can be used from 1 to 1000 times."))
    if organisation is not None and role != Role.CUSTOMER:
        raise InvalidInputError(_("Only a customer's people belong to an organisation. Leave it empty."))
    if membership_level and membership_level not in MembershipLevel.values:
        raise InvalidInputError(_("There is no such level. Choose owner or manager."))
    if membership_level and role != Role.CUSTOMER:
        raise InvalidInputError(_("Only a customer's people are owners or managers. Leave it empty."))
    if membership_level == MembershipLevel.MANAGER and organisation is None:
        raise InvalidInputError(_("A manager needs an organisation to belong to. Choose one."))
    if email and uses != 1:
        raise InvalidInputError(_("An invitation for one e-mail address can be used once."))


def link_of(invitation: Invitation) -> str:
    """The link to send. It is a secret: whoever has it can sign up."""
    return settings.HEARTHLINE.public_url.rstrip("/") + reverse("invitation", args=[invitation.token])


def withdraw_invitation(*, invitation: Invitation, by: User, tag: Tag, request: HttpRequest | None = None) -> None:
    """Nobody can use it from now on."""
    with transaction.atomic():
        Invitation.objects.filter(pk=invitation.pk).update(uses_left=0)
        audit.record(tag, by, invitation.pk, request=request)


def usable_invitation(token: str) -> Invitation:
    """The invitation of a link. Raises InvitationUnusableError with the reason."""
    invitation = Invitation.objects.select_related("organisation", "issued_by").filter(token=token[:64]).first()
    if invitation is None:
        raise InvitationUnusableError(Unusable.UNKNOWN)
    if invitation.uses_left < 1:
        raise InvitationUnusableError(Unusable.USED)
    if invitation.expires_at <= clock.now():
        raise InvitationUnusableError(Unusable.EXPIRED)
    return invitation


def founds_organisation(invitation: Invitation) -> bool:
    """Whether the newcomer is asked what their organisation is called."""
    return invitation.role == Role.CUSTOMER and invitation.organisation_id is None


def accept_invitation(*, token: str, newcomer: Newcomer, request: HttpRequest | None = None) -> User:
    """Use an invitation once and make the person, with their place in an organisation.

    Raises InvitationUnusableError (also when somebody used it a moment before), InvalidInputError.
    """
    invitation = usable_invitation(token)
    email = newcomer.email.strip().lower()
    if invitation.email and invitation.email != email:
        raise InvalidInputError(_("This invitation is for another e-mail address."), field="email")
    founding = founds_organisation(invitation)
    if founding and not newcomer.organisation_name.strip():
        raise InvalidInputError(_("Say what your organisation is called."), field="organisation_name")
    user = User(
        email=email,
        password=make_password(newcomer.password),  # slow by design: before the transaction, not in it
        name=newcomer.name.strip(),
        role=invitation.role,
        language=newcomer.language,
        timezone=newcomer.timezone,
        invited_by=invitation.issued_by,
        level=0 if settings.HEARTHLINE.fitness_test and invitation.role == Role.OPERATOR else 1,
    )
    with transaction.atomic():
        _use(invitation)
        if User.objects.filter(email__iexact=email).exists():
            raise InvalidInputError(_("There is already an account with this e-mail address. Sign in."), field="email")
        user.save(force_insert=True)
        audit.record(Tag.WEB_ACCOUNT_CREATED, user, user.pk, {"role": user.role, "invitation": invitation.pk}, request)
        organisation = invitation.organisation
        if founding:
            organisation = create_organisation(
                name=newcomer.organisation_name, timezone=newcomer.timezone, by=user, request=request
            )
        if organisation is not None:
            add_member(
                organisation=organisation, user=user, level=invitation.membership_level, by=user, request=request
            )
    return user


def create_organisation(
    *,
    name: str,
    country: str = "RU",
    timezone: str = "Europe/Moscow",
    currency: str | None = None,
    by: User | None,
    tag: Tag = Tag.WEB_ORGANISATION_CREATED,
    request: HttpRequest | None = None,
) -> Organisation:
    """A new customer, welcomed with the registration bonus."""
    with transaction.atomic():
        organisation = Organisation.objects.create(
            name=name.strip(),
            country=country,
            timezone=timezone,
            currency=currency or settings.HEARTHLINE.currency_code,
        )
        audit.record(tag, by, organisation.pk, request=request)
        bonus = Money(settings.HEARTHLINE.registration_bonus_minor, organisation.currency)
        if ledger.give_bonus(organisation=organisation.pk, amount=bonus):
            audit.record(Tag.SYSTEM_BONUS_GIVEN, None, organisation.pk, {"minor": bonus.minor}, request)
    return organisation


def add_member(
    *,
    organisation: Organisation,
    user: User,
    level: MembershipLevel | str,
    by: User | None,
    request: HttpRequest | None = None,
) -> Membership:
    """Raises InvalidInputError for somebody who is not a customer's person."""
    if user.role != Role.CUSTOMER:
        raise InvalidInputError(_("Only people with the role customer can belong to a customer."))
    with transaction.atomic():
        membership, created = Membership.objects.update_or_create(
            organisation=organisation, user=user, defaults={"level": level}
        )
        if created:
            details = {"organisation": organisation.pk, "level": str(level)}
            audit.record(Tag.WEB_MEMBERSHIP_CREATED, by, user.pk, details, request)
    return membership


def top_up(
    *,
    organisation: Organisation,
    amount: Money,
    note: str,
    id: uuid.UUID,
    by: User,
    tag: Tag = Tag.ADMIN_BALANCE_TOPPED_UP,
    request: HttpRequest | None = None,
) -> Transfer:
    """An admin notes money that arrived at the bank for a customer. The same id twice is once, also in the trail."""
    with transaction.atomic():
        Organisation.objects.select_for_update().get(pk=organisation.pk)  # one after the other, for the trail's sake
        known = Transfer.objects.filter(pk=id).exists()
        transfer = ledger.top_up(organisation=organisation.pk, amount=amount, id=id)
        if not known:
            details = {"minor": amount.minor, "currency": amount.currency, "note": note, "transfer": id}
            audit.record(tag, by, organisation.pk, details, request)
    return transfer


def remove_second_factor(*, user: User, by: User, request: HttpRequest | None = None) -> None:
    """For somebody who lost phone and key. They sign in by password and set up a new one before touching money."""
    with transaction.atomic():
        Authenticator.objects.filter(user=user).delete()
        audit.record(Tag.ADMIN_ACCOUNT_SECOND_FACTOR_REMOVED, by, user.pk, request=request)


def _use(invitation: Invitation) -> None:
    """Take one use. Of all who try at once, as many as there are uses succeed."""
    usable = Invitation.objects.filter(pk=invitation.pk, uses_left__gt=0, expires_at__gt=clock.now())
    if usable.update(uses_left=F("uses_left") - 1) != 1:
        raise InvitationUnusableError(Unusable.USED)
