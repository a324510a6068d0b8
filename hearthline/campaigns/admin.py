"""Campaigns in the admin interface: to look at. Contacts are not shown here; their numbers are nobody's to browse."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from hearthline.campaigns.models import Campaign, ContactImport
from hearthline.lib.money import Money
from hearthline.lib.read_only_admin import ReadOnlyAdmin


@admin.register(Campaign)
class CampaignAdmin(ReadOnlyAdmin):
    list_display = ["name", "organisation", "state", "pause_reason", "price", "created_at"]
    list_filter = ["state"]
    list_select_related = ["organisation"]
    search_fields = ["name", "organisation__name"]

    @admin.display(description=_("price per conversation"))
    def price(self, campaign: Campaign) -> str:
        return Money(campaign.price_minor, campaign.currency).format(get_language() or "en")


@admin.register(ContactImport)
class ContactImportAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "campaign", "state", "rows_total", "rows_read", "added", "duplicates", "rejected"]
    list_filter = ["state"]
    list_select_related = ["campaign"]
    exclude = ["file", "rejects_file", "original_name"]
