"""The do-not-call list in the admin interface. Numbers are typed in and never shown whole again."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from hearthline.campaigns.models import DoNotCall
from hearthline.dialing import do_not_call
from hearthline.lib.phone import PhoneNumberError, masked, parse_phone
from hearthline.people.models import User


class DoNotCallForm(forms.ModelForm[DoNotCall]):
    class Meta:
        model = DoNotCall
        fields = ["organisation", "phone", "reason"]
        help_texts = {"organisation": _("Empty: nobody on this exchange calls the number.")}

    def clean_phone(self) -> str:
        try:
            return parse_phone(self.cleaned_data["phone"], _country(self.cleaned_data)).e164
        except PhoneNumberError as error:
            raise forms.ValidationError(_("This is no number that can be called. Write it as +79161234567.")) from error


@admin.register(DoNotCall)
class DoNotCallAdmin(admin.ModelAdmin[DoNotCall]):
    form = DoNotCallForm
    list_display = ["number", "organisation", "reason", "added_by", "created_at"]
    list_select_related = ["organisation", "added_by"]
    list_per_page = 100
    show_full_result_count = False
    list_filter = [("organisation", admin.EmptyFieldListFilter)]  # no search by number: it would be in the address

    @admin.display(description=_("number"))
    def number(self, entry: DoNotCall) -> str:
        return masked(entry.phone)

    def has_change_permission(self, request: HttpRequest, obj: DoNotCall | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: DoNotCall, form: forms.ModelForm[DoNotCall], change: bool) -> None:
        assert isinstance(request.user, User)
        do_not_call.add(phone=obj.phone, organisation=obj.organisation, added_by=request.user, reason=obj.reason)
        obj.pk = DoNotCall.objects.get(phone=obj.phone, organisation=obj.organisation).pk

    def delete_model(self, request: HttpRequest, obj: DoNotCall) -> None:
        assert isinstance(request.user, User)
        do_not_call.remove(entry=obj, removed_by=request.user)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[DoNotCall]) -> None:
        for entry in queryset:
            self.delete_model(request, entry)


def _country(cleaned: dict[str, Any]) -> str:
    organisation = cleaned.get("organisation")
    return organisation.country if organisation else "RU"
