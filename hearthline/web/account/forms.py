"""What a person may say about themselves."""

from __future__ import annotations

from zoneinfo import available_timezones

from django import forms
from django.utils.translation import gettext_lazy as _

from hearthline.people.models import User

_REGIONS = ("Africa", "America", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")


def timezone_choices() -> list[tuple[str, str]]:
    """Every zone that is a place, and UTC."""
    zones = sorted(z for z in available_timezones() if z.split("/")[0] in _REGIONS and "/" in z)
    return [("UTC", "UTC"), *((z, z.replace("_", " ")) for z in zones)]


class ProfileForm(forms.ModelForm[User]):
    timezone = forms.ChoiceField(
        label=_("Time zone"), choices=timezone_choices, help_text=_("Times on your pages are shown in it.")
    )

    class Meta:
        model = User
        fields = ("name", "language", "timezone")
        labels = {"name": _("Your name"), "language": _("Language")}
