"""The scorecard in the admin interface."""

from __future__ import annotations

from django.contrib import admin

from hearthline.quality.models import ScorecardItem


@admin.register(ScorecardItem)
class ScorecardItemAdmin(admin.ModelAdmin[ScorecardItem]):
    """A question out of use stays in the reviews that answered it."""

    list_display = ["title", "weight", "fatal", "position", "active"]
    list_editable = ["weight", "fatal", "position", "active"]
    fields = ["key", "title", "help", "weight", "fatal", "position", "active"]
