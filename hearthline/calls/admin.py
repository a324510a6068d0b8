"""Trunks and nodes in the admin interface."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from hearthline.calls.models import Node, Trunk
from hearthline.calls.trunk_rules import FIELD_HELP
from hearthline.people import audit
from hearthline.people.audit import Tag
from hearthline.people.models import User


class TrunkForm(forms.ModelForm[Trunk]):
    """The password is written, never shown: empty keeps the one there is."""

    password = forms.CharField(
        label=_("password"),
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("Empty keeps the one there is."),
    )

    class Meta:
        model = Trunk
        fields = [
            "name", "active", "priority", "prefixes", "host", "port", "transport", "tls_verify", "username", "password",
            "from_domain", "register", "number_format", "caller_id", "calls_from", "max_channels", "max_calls_per_s",
        ]  # fmt: skip
        help_texts = FIELD_HELP

    def clean_password(self) -> str:
        return self.cleaned_data["password"] or (self.instance.password if self.instance.pk else "")


@admin.register(Trunk)
class TrunkAdmin(admin.ModelAdmin[Trunk]):
    form = TrunkForm
    list_display = ["name", "host", "prefixes", "transport", "register", "max_channels", "priority", "active"]
    list_filter = ["active"]

    def save_model(self, request: HttpRequest, obj: Trunk, form: forms.ModelForm[Trunk], change: bool) -> None:
        super().save_model(request, obj, form, change)
        assert isinstance(request.user, User)
        audit.record(Tag.ADMIN_TRUNK_CHANGED, request.user, obj.pk, {"fields": form.changed_data}, request)

    def has_delete_permission(self, request: HttpRequest, obj: Trunk | None = None) -> bool:
        return False  # calls point to it; take it out of use instead


@admin.register(Node)
class NodeAdmin(admin.ModelAdmin[Node]):
    """Nodes announce themselves; an admin may only ask one to take no new lines."""

    list_display = ["name", "engine", "heartbeat_at", "draining"]
    fields = ["name", "engine", "heartbeat_at", "load", "draining"]
    readonly_fields = ["name", "engine", "heartbeat_at", "load"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Node, form: forms.ModelForm[Node], change: bool) -> None:
        Node.objects.filter(pk=obj.pk).update(draining=obj.draining)  # not the heartbeat, which goes on meanwhile
        assert isinstance(request.user, User)
        audit.record(Tag.ADMIN_NODE_CHANGED, request.user, obj.pk, {"draining": obj.draining}, request)
