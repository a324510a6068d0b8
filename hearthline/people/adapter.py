"""Where allauth asks how this exchange does it: sign-up needs an invitation, and what happens is written down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest, HttpResponseBase

from hearthline.people import audit, devices, services
from hearthline.people.audit import Tag
from hearthline.people.models import Invitation, User

if TYPE_CHECKING:
    from hearthline.people.forms import SignupForm


def invitation_of(request: HttpRequest) -> Invitation | None:
    """The usable invitation whose link this request came by; `views.InvitationView` put it there."""
    found = getattr(request, "invitation", None)
    return found if isinstance(found, Invitation) else None


class InvitationAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth is untyped
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return invitation_of(request) is not None

    def save_user(self, request: HttpRequest, user: User, form: SignupForm, commit: bool = True) -> User:
        """Raises InvitationUnusableError or InvalidInputError."""
        invitation = invitation_of(request)
        if invitation is None:
            raise services.InvitationUnusableError(services.Unusable.UNKNOWN)
        return services.accept_invitation(token=invitation.token, newcomer=form.newcomer(), request=request)

    def post_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponseBase:
        audit.record(Tag.WEB_ACCOUNT_SIGNED_IN, user, user.pk, request=request)
        response: HttpResponseBase = super().post_login(request, user, **kwargs)
        mark = devices.mark_of(request) or devices.new_mark()
        devices.put(response, mark)
        devices.seen(user, mark)
        return response

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Without the address that was tried: it may be a password typed into the wrong field."""
        audit.record(Tag.WEB_ACCOUNT_SIGN_IN_FAILED, None, request=request)
        super().authentication_failed(request, **credentials)
