"""Signing in, and signing up with an invitation."""

from __future__ import annotations

from typing import Any

from allauth.account import forms as allauth_forms
from allauth.mfa.webauthn.forms import AddWebAuthnForm
from django import forms
from django.conf import settings
from django.http import HttpRequest
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from hearthline.people import services
from hearthline.people.models import Invitation, User
from hearthline.people.timezones import timezone_choices


def without_placeholders(form: forms.Form) -> None:
    """A label is enough, and it stays when one types."""
    for field in form.fields.values():
        field.widget.attrs.pop("placeholder", None)


class LoginForm(allauth_forms.LoginForm):  # type: ignore[misc]  # allauth is untyped
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        without_placeholders(self)
        self.fields["login"].label = _("E-mail")
        self.fields["remember"].label = _("Stay signed in on this device")


class AddPasskeyForm(AddWebAuthnForm):  # type: ignore[misc]  # allauth is untyped
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].label = _("What you call it")
        self.fields["name"].help_text = _("To tell your keys apart: “phone”, “blue key”.")
        alone = self.fields["passwordless"]
        alone.label = _("Sign in with it alone, without the password")
        alone.help_text = _("The device then asks for your finger, face or PIN.")


class SignupForm(allauth_forms.SignupForm):  # type: ignore[misc]  # allauth is untyped
    """Given `invitation`, asks what it leaves open. Without one it is never shown: sign-up is closed."""

    field_order = ["name", "organisation_name", "email", "password1", "language", "timezone"]

    name = forms.CharField(
        label=_("Your name"),
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        help_text=_("As others on the exchange will see it."),
    )
    organisation_name = forms.CharField(
        label=_("Organisation"), max_length=200, widget=forms.TextInput(attrs={"autocomplete": "organization"})
    )
    language = forms.ChoiceField(
        label=_("Language"), choices=settings.LANGUAGES, widget=forms.Select(attrs={"autocomplete": "language"})
    )
    timezone = forms.ChoiceField(
        label=_("Time zone"), choices=timezone_choices, help_text=_("Times on your pages are shown in it.")
    )

    def __init__(self, *args: Any, invitation: Invitation | None = None, **kwargs: Any) -> None:
        initial = kwargs.setdefault("initial", {})
        language = (translation.get_language() or "en").split("-")[0]
        initial.setdefault("language", language if language in dict(settings.LANGUAGES) else "en")
        initial.setdefault("timezone", "Europe/Moscow")
        if invitation and invitation.email:
            initial["email"] = invitation.email
        super().__init__(*args, **kwargs)
        self.invitation = invitation
        self.fields["password1"].help_text = _("At least 10 characters. A sentence of your own is good.")
        self.fields["email"].label = _("E-mail")
        without_placeholders(self)
        if invitation and invitation.email:
            self.fields["email"].widget.attrs["readonly"] = True
        if not (invitation and services.founds_organisation(invitation)):
            del self.fields["organisation_name"]

    def clean_email(self) -> str:
        email = str(super().clean_email())
        if self.invitation and self.invitation.email and email != self.invitation.email:
            raise forms.ValidationError(_("This invitation is for %(email)s."), params={"email": self.invitation.email})
        return email

    def validate_unique_email(self, value: str) -> str:
        """Called by allauth. Whoever holds an invitation may know that the address has an account: it is theirs."""
        if User.objects.filter(email__iexact=value).exists():
            raise forms.ValidationError(_("There is already an account with this e-mail address. Sign in."))
        return value

    def newcomer(self) -> services.Newcomer:
        data = self.cleaned_data
        return services.Newcomer(
            email=data["email"],
            name=data["name"],
            password=data["password1"],
            language=data["language"],
            timezone=data["timezone"],
            organisation_name=data.get("organisation_name", ""),
        )

    def signup(self, request: HttpRequest, user: User) -> None:
        """allauth asks for this method; all is done by `services.accept_invitation` already."""
