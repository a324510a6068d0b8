"""The admin interface: for admins with a second factor, signed in by the same door as everybody else."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from hearthline.lib.errors import NotAllowedError
from hearthline.people import gates
from hearthline.people.models import Role


class ExchangeAdminSite(AdminSite):
    site_header = site_title = _("Data of the exchange")
    index_title = _("What there is")
    enable_nav_sidebar = False

    def has_permission(self, request: HttpRequest) -> bool:
        try:
            person = gates.require_role(request.user, Role.ADMIN)
            gates.require_second_factor(person)
        except NotAllowedError:
            return False
        return person.is_staff

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Reached by whoever may not see the page they asked for; says why, or where to go."""
        target = request.GET.get("next") or request.get_full_path()
        if not request.user.is_authenticated:
            return redirect_to_login(target)
        gates.require_role(request.user, Role.ADMIN)
        try:
            gates.require_second_factor(request.user)
        except gates.SecondFactorMissingError as missing:
            messages.warning(request, str(missing.sentence))
            return redirect("mfa_index")
        return redirect("admin:index")
