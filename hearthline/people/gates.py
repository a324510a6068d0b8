"""Who may do what. Each gate names who asks and what they get; it raises, so that a view cannot forget to look.

`NotFoundError` where the person may not know that the thing exists, `NotAllowedError` where they may know.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from hearthline.lib.errors import NotAllowedError, NotFoundError
from hearthline.people.demonstration import is_demonstration_person
from hearthline.people.models import MembershipLevel, Organisation, Role, User

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]
_FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)  # recovery codes alone are no factor


class SecondFactorMissingError(NotAllowedError):
    code = "second_factor_missing"

    def __init__(self) -> None:
        super().__init__(
            _(
                "This touches money or people, so your account needs a second step at sign-in. Set one up under Security."
            )
        )


def require_role(user: User | AnonymousUser, *roles: Role | str) -> User:
    """The person, who has one of the roles. Raises NotAllowedError."""
    if not isinstance(user, User) or not user.is_active or user.role not in roles:
        raise NotAllowedError(_("This page is not for your role on the exchange."))
    return user


def require_second_factor(user: User | AnonymousUser) -> User:
    """The person, who may touch money or people. Operators touch neither and are let through.

    Whoever has a second factor was asked for it at sign-in; so it is enough that there is one.
    """
    if not isinstance(user, User) or not user.is_active:
        raise NotAllowedError(_("Sign in first."))
    if user.role == Role.OPERATOR or has_second_factor(user) or is_demonstration_person(user):
        return user
    raise SecondFactorMissingError


def has_second_factor(user: User) -> bool:
    """TOTP or a passkey. Asked of the database each time: it may have been removed in another tab."""
    return bool(Authenticator.objects.filter(user=user, type__in=_FACTORS).exists())


def organisation_for_owner(user: User | AnonymousUser, id: uuid.UUID | str | None = None) -> Organisation:
    """The organisation that the person owns (`id` None: their only or first one). Raises NotFoundError."""
    return _organisation(user, id, [MembershipLevel.OWNER])


def organisation_for_member(user: User | AnonymousUser, id: uuid.UUID | str | None = None) -> Organisation:
    """The organisation in which the person is owner or manager. Raises NotFoundError."""
    return _organisation(user, id, list(MembershipLevel))


def organisation_for_admin(user: User | AnonymousUser, id: uuid.UUID | str) -> Organisation:
    """Any organisation, for an admin with a second factor."""
    require_second_factor(require_role(user, Role.ADMIN))
    found = Organisation.objects.filter(pk=_uuid(id)).first()
    if found is None:
        raise NotFoundError(_("There is no such customer."))
    return found


def _organisation(
    user: User | AnonymousUser, id: uuid.UUID | str | None, levels: list[MembershipLevel]
) -> Organisation:
    if isinstance(user, User) and user.is_active:
        found = Organisation.objects.filter(memberships__user=user, memberships__level__in=levels)
        if id is not None:
            found = found.filter(pk=_uuid(id))
        if organisation := found.order_by("created_at", "pk").first():
            return organisation
    raise NotFoundError(_("There is no such customer, or you do not belong to it."))


def _uuid(id: uuid.UUID | str) -> uuid.UUID:
    if isinstance(id, uuid.UUID):
        return id
    try:
        return uuid.UUID(id)
    except ValueError:
        raise NotFoundError(_("There is nothing at this address.")) from None


def for_roles(*roles: Role | str) -> Callable[[View[P]], View[P]]:
    """A view for these roles: visitors are asked to sign in, others are refused."""

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            require_role(request.user, *roles)
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def with_second_factor(view: View[P]) -> View[P]:
    """A view that touches money or people: whoever has no second factor is led to where one is set up."""

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        try:
            require_second_factor(request.user)
        except SecondFactorMissingError as missing:
            messages.warning(request, str(missing.sentence))
            return redirect("mfa_index")
        return view(request, *args, **kwargs)

    return guarded
