"""What an admin fills in."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from hearthline.calls.models import Trunk
from hearthline.calls.trunk_rules import FIELD_HELP
from hearthline.people import services
from hearthline.people.models import MembershipLevel, Organisation, Role


class InvitationForm(forms.Form):
    role = forms.ChoiceField(label=_("Role"), choices=Role.choices)
    organisation = forms.ModelChoiceField(
        label=_("Customer"),
        queryset=Organisation.objects.none(),
        required=False,
        empty_label=_("a new one, or none"),
        help_text=_("For a customer's people. Left empty, a customer's invitation founds a new one."),
    )
    membership_level = forms.ChoiceField(label=_("As"), choices=[("", "–"), *MembershipLevel.choices], required=False)
    email = forms.EmailField(label=_("E-mail"), required=False, help_text=_("Empty: whoever has the link may use it."))
    days = forms.IntegerField(label=_("Valid for"), min_value=1, max_value=services.MAX_INVITATION_DAYS, initial=14)
    uses = forms.IntegerField(label=_("Can be used"), min_value=1, max_value=services.MAX_INVITATION_USES, initial=1)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice = self.fields["organisation"]
        assert isinstance(choice, forms.ModelChoiceField)
        choice.queryset = Organisation.objects.order_by("name")[:500]

    def clean_organisation(self) -> Organisation | None:
        found: Organisation | None = self.cleaned_data["organisation"]
        return found


class TrunkForm(forms.ModelForm[Trunk]):
    """A trunk as an admin sees it. The password is never shown again: an empty box keeps the old one."""

    class Meta:
        model = Trunk
        fields = (
            "name", "host", "port", "transport", "username", "password", "from_domain", "register", "number_format",
            "caller_id", "calls_from", "prefixes", "max_channels", "max_calls_per_s", "tls_verify", "priority", "active",
        )  # fmt: skip
        help_texts = FIELD_HELP
        widgets = {"password": forms.PasswordInput(attrs={"autocomplete": "new-password"})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._kept = self.instance.password
        if self.instance.pk:
            self.fields["password"].help_text = _("Empty: the one that is kept stays.")

    def clean_password(self) -> str:
        return str(self.cleaned_data.get("password") or self._kept)


class DecoyForm(forms.Form):
    phone = forms.CharField(
        label=_("Number"),
        max_length=40,
        help_text=_("One of yours, with its country code: +74951234567. Nothing else may ring on it."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "tel"}),
    )
    trunk = forms.ModelChoiceField(
        label=_("Comes in on"), queryset=Trunk.objects.none(), help_text=_("The trunk whose provider issued it to you.")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice = self.fields["trunk"]
        assert isinstance(choice, forms.ModelChoiceField)
        trunks = Trunk.objects.order_by("name")
        if len(trunks[:2]) == 1:
            choice.empty_label = None  # there is nothing to choose
        choice.queryset = trunks
