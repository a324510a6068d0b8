"""The scorecard in the admin interface."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from hearthline.quality.models import ScorecardItem


@admin.register(ScorecardItem)
class ScorecardItemAdmin(admin.ModelAdmin[ScorecardItem]):
    """A question out of use stays in the reviews that answered it."""

    list_display = ["title", "weight", "fatal", "position", "active"]
    list_editable = ["weight", "fatal", "position", "active"]
    fields = ["key", "title", "help", "weight", "fatal", "position", "active"]

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> type[forms.ModelForm[ScorecardItem]]:
        """Each box of the list names itself: a column's heading is no label (WCAG 2.2, 1.3.1)."""
        form: type[forms.ModelForm[ScorecardItem]] = super().get_changelist_form(request, **kwargs)

        class Named(form):  # type: ignore[valid-type, misc] # made for this request
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                super().__init__(*args, **kwargs)
                for field in self.fields.values():
                    field.widget.attrs["aria-label"] = f"{field.label}: {self.instance.title}"

        return Named
