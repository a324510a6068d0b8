"""Entering as somebody without a password. Every condition must hold at every request; else the page does not exist."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from hearthline.lib.addresses import is_loopback
from hearthline.lib.errors import NotFoundError
from hearthline.people.models import User
from hearthline.web.demo.cast import BY_KEY
from hearthline.web.navigation import home_of

_PASSED_ON = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_VIA")


def is_open_to(request: HttpRequest) -> bool:
    """Demonstration mode, served on a loopback address, asked for from this machine and not through a proxy."""
    return (
        bool(settings.HEARTHLINE.demonstration)
        and is_loopback(settings.HEARTHLINE.listen_host)
        and is_loopback(request.META.get("REMOTE_ADDR", ""))
        and not any(name in request.META for name in _PASSED_ON)
    )


@require_POST
def enter(request: HttpRequest) -> HttpResponse:
    """POST person=KEY of `cast.EVERYBODY`; a session as that person begins, on their first page."""
    person = BY_KEY.get(request.POST.get("person", ""))
    if not is_open_to(request) or person is None:
        raise NotFoundError(_("There is no such page."))
    user = User.objects.filter(email=person.email, is_active=True).first()
    if user is None:
        raise NotFoundError(_("This person is not in the database yet. Start the exchange with --demo."))
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    return redirect(home_of(user))
