"""What a person may say about themselves."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from hearthline.people.models import Role, User
from hearthline.people.timezones import timezone_choices
from hearthline.web.moderator.keys import KEY_TITLES, LETTERS, chosen_keys


class KeysForm(forms.Form):
    """Whether single keys work; for those who decide in the queue, which letter does what there."""

    on = forms.BooleanField(
        label=_("Single keys work"),
        required=False,
        help_text=_(
            "Off: only Enter, Esc and keys with Ctrl do something. Speech input and screen readers then never collide."
        ),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._user = user
        self.fields["on"].initial = user.shortcuts.get("off") is not True
        if user.role in (Role.MODERATOR, Role.ADMIN):
            for action, code in chosen_keys(user).items():
                self.fields[action] = forms.ChoiceField(label=str(KEY_TITLES[action]), choices=LETTERS, initial=code)

    def letters(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name != "on"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        taken: dict[str, str] = {}
        for action in (name for name in self.fields if name in cleaned and name != "on"):
            other = taken.setdefault(cleaned[action], action)
            if other != action:
                words = _("“%(other)s” has this key already. Choose another letter.")
                self.add_error(action, words % {"other": KEY_TITLES[other]})
        return cleaned

    def shortcuts(self) -> dict[str, Any]:
        """As kept in User.shortcuts; the console's own keys stay as they are."""
        kept = {action: code for action, code in self._user.shortcuts.items() if action != "off"}
        kept |= {name: code for name, code in self.cleaned_data.items() if name != "on"}
        return kept if self.cleaned_data["on"] else {**kept, "off": True}


class ProfileForm(forms.ModelForm[User]):
    timezone = forms.ChoiceField(
        label=_("Time zone"), choices=timezone_choices, help_text=_("Times on your pages are shown in it.")
    )

    class Meta:
        model = User
        fields = ("name", "language", "timezone")
        labels = {"name": _("Your name"), "language": _("Language")}
