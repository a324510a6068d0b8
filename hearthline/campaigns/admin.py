"""Campaigns in the admin interface: to look at. Contacts are not shown here; their numbers are nobody's to browse."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from hearthline.campaigns.models import Campaign, ContactImport
from hearthline.lib.money import Money


class _ReadOnlyAdmin(admin.ModelAdmin[Any]):
    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Campaign)
class CampaignAdmin(_ReadOnlyAdmin):
    list_display = ["name", "organisation", "state", "pause_reason", "price", "created_at"]
    list_filter = ["state"]
    list_select_related = ["organisation"]
    search_fields = ["name", "organisation__name"]

    @admin.display(description=_("price per conversation"))
    def price(self, campaign: Campaign) -> str:
        return Money(campaign.price_minor, campaign.currency).format(get_language() or "en")


@admin.register(ContactImport)
class ContactImportAdmin(_ReadOnlyAdmin):
    list_display = ["created_at", "campaign", "state", "rows_total", "rows_read", "added", "duplicates", "rejected"]
    list_filter = ["state"]
    list_select_related = ["campaign"]
    exclude = ["file", "rejects_file", "original_name"]
