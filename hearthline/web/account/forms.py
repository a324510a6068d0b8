"""What a person may say about themselves."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from hearthline.people.models import User
from hearthline.people.timezones import timezone_choices


class ProfileForm(forms.ModelForm[User]):
    timezone = forms.ChoiceField(
        label=_("Time zone"), choices=timezone_choices, help_text=_("Times on your pages are shown in it.")
    )

    class Meta:
        model = User
        fields = ("name", "language", "timezone")
        labels = {"name": _("Your name"), "language": _("Language")}
