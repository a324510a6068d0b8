"""What an owner fills in. Forms read and word things; the rules are the campaign services', whose sentences are put beside
the fields they speak of."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils.translation import gettext_lazy as _

from hearthline.campaigns.announcement_sounds import MAX_BYTES, telephone_sound
from hearthline.campaigns.models import Campaign, Consent, DispositionKind, FieldKind
from hearthline.campaigns.script_kinds import ScriptKind
from hearthline.lib.errors import InvalidInputError
from hearthline.lib.money import Money, minor_digits
from hearthline.people.models import Membership
from hearthline.people.timezones import timezone_choices

WEEKDAYS = (
    (1, _("Mon")),
    (2, _("Tue")),
    (3, _("Wed")),
    (4, _("Thu")),
    (5, _("Fri")),
    (6, _("Sat")),
    (7, _("Sun")),
)
LANGUAGES = (
    ("ru", _("Russian")),
    ("en", _("English")),
    ("uk", _("Ukrainian")),
    ("kk", _("Kazakh")),
    ("de", _("German")),
    ("fr", _("French")),
    ("es", _("Spanish")),
    ("tr", _("Turkish")),
)


def add_refusal(form: forms.Form, refusal: InvalidInputError) -> None:
    """Put a service's sentences beside the fields they speak of; the others stand above the form."""
    sentences = refusal.details.get("fields")
    placed = False
    if isinstance(sentences, dict):
        for name, sentence in sentences.items():
            form.add_error(_FORM_NAME.get(name, name) if _FORM_NAME.get(name, name) in form.fields else None, sentence)
            placed = True
    if not placed:
        form.add_error(None, str(refusal.sentence))


_FORM_NAME = {"price_minor": "price", "ring_pay_minor": "ring_pay", "max_duration_s": "max_duration_min"}


class NewCampaignForm(forms.Form):
    name = forms.CharField(
        label=_("What do you call it?"),
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=_("Operators see this name."),
    )
    kind = forms.ChoiceField(
        label=_("What are the calls for?"),
        choices=[*ScriptKind.choices, ("", _("something else: start from an empty script"))],
        initial=ScriptKind.FIND_NEED,
        required=False,
        widget=forms.RadioSelect,
    )
    language = forms.ChoiceField(label=_("Language of the calls"), choices=LANGUAGES)


class PriceForm(forms.Form):
    """The third step: what a conversation is worth and when people may be called."""

    price = forms.DecimalField(label=_("Price of a conversation"), min_value=0, max_value=1_000_000)
    window_start = forms.TimeField(label=_("Call from"), widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"))
    window_end = forms.TimeField(label=_("until"), widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"))
    window_days = forms.TypedMultipleChoiceField(
        label=_("On"), choices=WEEKDAYS, coerce=int, required=False, widget=forms.CheckboxSelectMultiple
    )
    max_attempts = forms.IntegerField(label=_("Tries per contact"), min_value=1, max_value=20)
    ring_pay = forms.DecimalField(
        label=_("Pay for a minute of unanswered ringing"),
        min_value=0,
        max_value=1_000_000,
        required=False,
        help_text=_(
            "0: none. By the second, while the telephone network really rings and nobody is paid for a conversation. It draws "
            "operators to lists that are hard to reach."
        ),
    )

    def __init__(self, *args: Any, campaign: Campaign, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.campaign = campaign
        for name in ("price", "ring_pay"):
            amount = self.fields[name]
            assert isinstance(amount, forms.DecimalField)
            amount.decimal_places = minor_digits(campaign.currency)
            amount.widget.attrs["step"] = "any"
        self.initial = {**self.values_of(campaign), **self.initial}

    @staticmethod
    def values_of(campaign: Campaign) -> dict[str, Any]:
        return {
            "price": Money(campaign.price_minor, campaign.currency).as_decimal() if campaign.price_minor else None,
            "window_start": campaign.window_start,
            "window_end": campaign.window_end,
            "window_days": campaign.window_days or [day for day, _label in WEEKDAYS],
            "max_attempts": campaign.max_attempts,
            "ring_pay": Money(campaign.ring_pay_minor, campaign.currency).as_decimal(),
        }

    def changes(self) -> dict[str, Any]:
        """What `change_campaign` is asked for. Every day is kept as no restriction."""
        data = dict(self.cleaned_data)
        price: Decimal = data.pop("price")
        data["price_minor"] = Money.from_decimal(price, self.campaign.currency).minor
        ring_pay: Decimal = data.pop("ring_pay") or Decimal(0)
        data["ring_pay_minor"] = Money.from_decimal(ring_pay, self.campaign.currency).minor
        days = sorted(data["window_days"])
        data["window_days"] = [] if len(days) == len(WEEKDAYS) else days
        return data

    def clean_window_days(self) -> list[int]:
        days: list[int] = self.cleaned_data["window_days"]
        if not days:
            raise forms.ValidationError(_("Choose at least one day."))
        return days


class RulesForm(PriceForm):
    """Everything about a campaign that is one value."""

    name = forms.CharField(label=_("Name"), max_length=120)
    brief = forms.CharField(
        label=_("Brief for the operators"),
        max_length=4000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("Who you are, what the people called know already, what matters to you."),
    )
    language = forms.ChoiceField(label=_("Language of the calls"), choices=LANGUAGES)
    country = forms.RegexField(
        r"^[A-Za-z]{2}$",
        label=_("Country of the numbers"),
        max_length=2,
        help_text=_("Two letters, such as RU: how numbers without a country code are read."),
    )
    timezone = forms.ChoiceField(
        label=_("Time zone"),
        choices=timezone_choices,
        help_text=_("For contacts whose own zone is not known from their number."),
    )
    max_duration_min = forms.IntegerField(label=_("Longest call"), min_value=1, max_value=120)
    min_talk_s = forms.IntegerField(
        label=_("A conversation lasts at least"),
        min_value=0,
        max_value=600,
        help_text=_("Shorter ones are not paid for."),
    )
    caller_id = forms.CharField(
        label=_("Number shown to contacts"),
        max_length=20,
        required=False,
        help_text=_(
            "With + and country code. Empty: the provider's own. Many providers refuse a number they did not issue."
        ),
    )
    level_required = forms.IntegerField(label=_("Operator's level, at least"), min_value=1, max_value=9)
    show_name = forms.BooleanField(label=_("Operators see the contact's name"), required=False)
    record_calls = forms.BooleanField(label=_("Record the calls"), required=False)
    recording_days = forms.IntegerField(label=_("Keep recordings for"), min_value=1, required=False)
    consent = forms.ChoiceField(
        label=_("How contacts learn of the recording"),
        choices=Consent.choices,
        required=False,
        widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
    )
    consent_text = forms.CharField(
        label=_("What they are told"),
        max_length=400,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("One or two sentences: who calls, that the call is recorded, what for."),
    )
    consent_upload = forms.FileField(
        label=_("Your own voice instead, a WAV file"),
        required=False,
        widget=forms.FileInput(attrs={"accept": ".wav,audio/wav"}),
        help_text=_("Without one, the sentences are spoken by the exchange's own voice. A minute at most."),
    )
    consent_spoken = forms.BooleanField(label=_("Remove the uploaded file"), required=False)
    consent_in_recording = forms.BooleanField(
        label=_("The recording begins with the announcement"),
        required=False,
        help_text=_("Otherwise it begins when the announcement is over. Some countries demand that."),
    )

    @staticmethod
    def values_of(campaign: Campaign) -> dict[str, Any]:
        plain = ("name", "brief", "language", "country", "timezone", "min_talk_s", "caller_id", "level_required")
        return {
            **PriceForm.values_of(campaign),
            **{name: getattr(campaign, name) for name in plain},
            "max_duration_min": max(1, campaign.max_duration_s // 60),
            "show_name": campaign.show_name,
            "record_calls": campaign.record_calls,
            "recording_days": campaign.recording_days,
            "consent": campaign.consent,
            "consent_text": campaign.consent_text,
            "consent_in_recording": campaign.consent_in_recording,
        }

    def __init__(self, *args: Any, campaign: Campaign, **kwargs: Any) -> None:
        super().__init__(*args, campaign=campaign, **kwargs)
        exchange = settings.HEARTHLINE
        days = self.fields["recording_days"]
        days.widget.attrs |= {"placeholder": str(exchange.recordings_days), "max": exchange.recordings_most_days}
        days.help_text = _("Empty: %(usual)s, as usual here. At most %(most)s; then they are deleted for good.") % {
            "usual": exchange.recordings_days, "most": exchange.recordings_most_days,
        }  # fmt: skip

    def clean_consent_upload(self) -> bytes | None:
        upload = self.cleaned_data["consent_upload"]
        if not upload:
            return None
        if upload.size > MAX_BYTES:
            raise forms.ValidationError(_("This file is too large for an announcement. Shorten it."))
        try:
            return telephone_sound(upload)
        except InvalidInputError as refusal:
            raise forms.ValidationError(str(refusal.sentence)) from refusal

    def changes(self) -> dict[str, Any]:
        data = super().changes()
        data["max_duration_s"] = data.pop("max_duration_min") * 60
        data["country"] = data["country"].upper()
        sound, removed = data.pop("consent_upload"), data.pop("consent_spoken")
        if sound is not None:
            name = f"announcements/{uuid.uuid4().hex}.wav"
            data["consent_sound"] = default_storage.save(name, ContentFile(sound))
        elif removed:
            data["consent_sound"] = ""
        return data


class QuestionForm(forms.Form):
    id = forms.IntegerField(required=False, widget=forms.HiddenInput)
    title = forms.CharField(label=_("Question"), max_length=120)
    kind = forms.ChoiceField(label=_("Answer"), choices=FieldKind.choices, initial=FieldKind.TEXT)
    choices = forms.CharField(label=_("Choices, separated by commas"), max_length=2000, required=False)
    required = forms.BooleanField(label=_("Must be answered in a paid conversation"), required=False)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        parts = [part.strip() for part in str(data.get("choices", "")).split(",")]
        data["choices"] = list(dict.fromkeys(part for part in parts if part))
        if data.get("kind") == FieldKind.CHOICE and len(data["choices"]) < 2:
            self.add_error("choices", _("Write at least two choices, separated by commas."))
        return data


class OutcomeForm(forms.Form):
    id = forms.IntegerField(required=False, widget=forms.HiddenInput)
    key = forms.TypedChoiceField(label=_("Key"), choices=[(n, str(n)) for n in range(1, 10)], coerce=int)
    title = forms.CharField(label=_("What the operator sees"), max_length=60)
    kind = forms.ChoiceField(label=_("Counts as"), choices=DispositionKind.choices)
    payable = forms.BooleanField(label=_("You pay for it"), required=False)
    retry_after_min = forms.IntegerField(
        label=_("Call again after, minutes"), min_value=1, max_value=43_200, required=False
    )


class ManagerForm(forms.Form):
    id = forms.IntegerField(required=False, widget=forms.HiddenInput)
    name = forms.CharField(label=_("Name"), max_length=120)
    user = forms.ModelChoiceField(
        label=_("Account here"), queryset=Membership.objects.none(), required=False, empty_label=_("none")
    )
    phone = forms.CharField(label=_("Phone"), max_length=40, required=False)
    sip_uri = forms.CharField(label=_("SIP address"), max_length=200, required=False)
    email = forms.EmailField(label=_("E-mail for a link"), required=False)

    def __init__(self, *args: Any, members: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice = self.fields["user"]
        assert isinstance(choice, forms.ModelChoiceField)
        choice.queryset = members

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("name") and not any(data.get(way) for way in ("user", "phone", "sip_uri", "email")):
            self.add_error(
                "phone", _("Say how this manager is reached: an account, a phone, a SIP address or an e-mail.")
            )
        return data


QuestionSet = forms.formset_factory(
    QuestionForm, extra=0, can_order=True, can_delete=True, max_num=40, validate_max=True, absolute_max=60
)
OutcomeSet = forms.formset_factory(OutcomeForm, extra=0, can_delete=True, max_num=9, validate_max=True, absolute_max=20)
ManagerSet = forms.formset_factory(
    ManagerForm, extra=0, can_order=True, can_delete=True, max_num=50, validate_max=True, absolute_max=60
)
