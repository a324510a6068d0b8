"""The page behind an invitation's link."""

from __future__ import annotations

from typing import Any

from allauth.account.views import SignupView
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.debug import sensitive_variables

from hearthline.lib.errors import InvalidInputError
from hearthline.people import services
from hearthline.people.forms import SignupForm
from hearthline.people.models import Invitation

_STATUS = {services.Unusable.UNKNOWN: 404, services.Unusable.EXPIRED: 410, services.Unusable.USED: 410}


class InvitationView(SignupView):  # type: ignore[misc]  # allauth is untyped
    """Sign up by `/invitation/<token>/`; a link that does not work says why and what to do."""

    template_name = "account/invitation.html"
    invitation: Invitation

    @sensitive_variables("token")
    def dispatch(self, request: HttpRequest, *args: Any, token: str, **kwargs: Any) -> HttpResponseBase:
        try:
            self.invitation = services.usable_invitation(token)
        except services.InvitationUnusableError as error:
            return _unusable(request, error)
        if request.user.is_authenticated:
            return render(request, "account/invitation_signed_in.html", {"invitation": self.invitation}, status=409)
        request.invitation = self.invitation  # type: ignore[attr-defined]  # the adapter looks for it
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return response

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "invitation": self.invitation}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {**super().get_context_data(**kwargs), "invitation": self.invitation}

    def form_valid(self, form: SignupForm) -> HttpResponse:
        try:
            response: HttpResponse = super().form_valid(form)
        except services.InvitationUnusableError as error:  # somebody used it while the form was being filled in
            return _unusable(self.request, error)
        except InvalidInputError as error:
            form.add_error(str(error.details.get("field", "")) or None, str(error.sentence))
            invalid: HttpResponse = self.form_invalid(form)
            return invalid
        return response


def _unusable(request: HttpRequest, error: services.InvitationUnusableError) -> HttpResponse:
    context = {"why": error.why.value, "sentence": error.sentence}
    return render(request, "account/invitation_unusable.html", context, status=_STATUS[error.why])
