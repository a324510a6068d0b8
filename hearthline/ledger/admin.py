"""The books in the admin interface: to look at. Money moves through services only; tariffs are imported from a file."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext, ngettext
from django.utils.translation import gettext_lazy as _

from hearthline.ledger import tariff_import
from hearthline.ledger.models import Account, Tariff, TariffRow, Transfer
from hearthline.lib.money import Money
from hearthline.lib.read_only_admin import ReadOnlyAdmin
from hearthline.people import audit
from hearthline.people.audit import Tag
from hearthline.people.models import User


@admin.register(Account)
class AccountAdmin(ReadOnlyAdmin):
    list_display = ["kind", "owner", "currency", "balance_written", "available_written"]
    list_filter = ["kind", "currency"]
    search_fields = ["owner"]

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        return _by_uuid(queryset, "owner", search_term)

    @admin.display(description=_("balance"))
    def balance_written(self, account: Account) -> str:
        return _written(account.balance, account.currency)

    @admin.display(description=_("available"))
    def available_written(self, account: Account) -> str:
        return _written(account.available, account.currency)


@admin.register(Transfer)
class TransferAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "code", "state", "amount", "posted", "debit", "credit", "reference"]
    list_filter = ["state", "code"]
    list_select_related = ["debit", "credit"]
    search_fields = ["reference"]
    ordering = ["-created_at"]

    @admin.display(description=_("amount"))
    def amount(self, transfer: Transfer) -> str:
        return _written(transfer.amount_minor, transfer.debit.currency)

    @admin.display(description=_("posted"))
    def posted(self, transfer: Transfer) -> str:
        return _written(transfer.posted_minor, transfer.debit.currency)


class TariffFileForm(forms.Form):
    file = forms.FileField(
        label=_("Price list (CSV)"),
        help_text=_(
            "Columns: prefix; per_minute; connection; description. Prices in the currency's major unit (1.25). "
            "The rows that the tariff has now are replaced."
        ),
    )

    def clean_file(self) -> bytes:
        file = self.cleaned_data["file"]
        if (file.size or 0) > tariff_import.MAX_BYTES:
            raise forms.ValidationError(_("The file is larger than 20 MB. Split it into several tariffs."))
        content: bytes = file.read()
        return content


@admin.register(Tariff)
class TariffAdmin(admin.ModelAdmin[Tariff]):
    list_display = ["name", "currency", "active", "rows_link"]
    fields = ["name", "currency", "active", "rows_link"]
    readonly_fields = ["rows_link"]

    @admin.display(description=_("prices"))
    def rows_link(self, tariff: Tariff) -> SafeString | str:
        if tariff._state.adding:
            return gettext("Save first, then import the prices.")
        return format_html(
            '{} · <a href="{}?tariff__id__exact={}">{}</a> · <a href="{}">{}</a>',
            tariff.rows.count(),
            reverse("admin:ledger_tariffrow_changelist"),
            tariff.pk,
            _("Look at them"),
            reverse("admin:ledger_tariff_import", args=[tariff.pk]),
            _("Import from a file"),
        )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.import_rows)
        return [path("<int:id>/import/", view, name="ledger_tariff_import"), *super().get_urls()]

    def import_rows(self, request: HttpRequest, id: int) -> HttpResponse:
        tariff = get_object_or_404(Tariff, pk=id)
        form = TariffFileForm(request.POST or None, request.FILES or None)
        faults: list[str] = []
        if request.method == "POST" and form.is_valid():
            try:
                count = tariff_import.import_rows(tariff=tariff, file=form.cleaned_data["file"])
            except tariff_import.TariffFileError as error:
                faults = [str(fault) for fault in error.faults]
            else:
                assert isinstance(request.user, User)
                audit.record(Tag.ADMIN_TARIFF_IMPORTED, request.user, tariff.pk, {"rows": count}, request)
                message = ngettext("%(count)d price is in force.", "%(count)d prices are in force.", count)
                self.message_user(request, message % {"count": count}, messages.SUCCESS)
                return redirect("admin:ledger_tariff_change", tariff.pk)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Import prices: %(name)s") % {"name": tariff.name},
            "form": form,
            "faults": faults,
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/ledger/tariff/import.html", context)

    def save_model(self, request: HttpRequest, obj: Tariff, form: forms.ModelForm[Tariff], change: bool) -> None:
        super().save_model(request, obj, form, change)
        assert isinstance(request.user, User)
        details = {field: str(getattr(obj, field)) for field in form.changed_data}
        audit.record(Tag.ADMIN_TARIFF_CHANGED, request.user, obj.pk, details, request)

    def has_delete_permission(self, request: HttpRequest, obj: Tariff | None = None) -> bool:
        return False  # take it out of use instead


@admin.register(TariffRow)
class TariffRowAdmin(ReadOnlyAdmin):
    list_display = ["prefix", "per_minute", "connection", "description", "tariff"]
    list_filter = ["tariff"]
    list_select_related = ["tariff"]
    search_fields = ["prefix__startswith", "description"]
    ordering = ["prefix"]

    @admin.display(description=_("a minute"))
    def per_minute(self, row: TariffRow) -> str:
        return f"{row.per_minute_micro / 1_000_000:g} {row.tariff.currency}"

    @admin.display(description=_("connection"))
    def connection(self, row: TariffRow) -> str:
        return f"{row.connection_micro / 1_000_000:g} {row.tariff.currency}"


def _by_uuid(queryset: Any, field: str, text: str) -> tuple[Any, bool]:
    if not text.strip():
        return queryset, False
    try:
        return queryset.filter(**{field: uuid.UUID(text.strip())}), False
    except ValueError:
        return queryset.none(), False


def _written(minor: int, currency: str) -> str:
    return Money(minor, currency).format(get_language() or "en")
