"""A person's own settings."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from hearthline.people.models import User
from hearthline.web.account.forms import KeysForm, ProfileForm
from hearthline.web.context import THEME_COOKIE, THEMES

_YEAR_S = 365 * 24 * 3600


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    form = ProfileForm(request.POST or None, instance=request.user)
    if request.method == "POST" and form.is_valid():
        form.save()
        translation.activate(request.user.language)
        messages.success(request, _("Saved."))
        return redirect("account:profile")
    return _profile(request, form, KeysForm(user=request.user))


@login_required
@require_POST
def keys(request: HttpRequest) -> HttpResponse:
    """The person's single keys (WCAG 2.2, 2.1.4)."""
    assert isinstance(request.user, User)
    form = KeysForm(request.POST, user=request.user)
    if not form.is_valid():
        return _profile(request, ProfileForm(instance=request.user), form, status=422)
    User.objects.filter(pk=request.user.pk).update(shortcuts=form.shortcuts())
    messages.success(request, _("Saved."))
    return redirect("account:profile")


def _profile(request: HttpRequest, form: ProfileForm, keys_form: KeysForm, status: int = 200) -> HttpResponse:
    return render(request, "account/profile.html", {"form": form, "keys_form": keys_form}, status=status)


@require_POST
def preferences(request: HttpRequest) -> HttpResponse:
    """The language and the colours, from the menu of any page: for the device, and for the person if there is one."""
    back = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure()):
        back = reverse("home")
    response = redirect(back)
    secure = settings.SESSION_COOKIE_SECURE
    theme, language = request.POST.get("theme", ""), request.POST.get("language", "")
    if theme in THEMES:
        response.set_cookie(THEME_COOKIE, theme, max_age=_YEAR_S, samesite="Lax", httponly=True, secure=secure)
    if language in dict(settings.LANGUAGES):
        response.set_cookie(settings.LANGUAGE_COOKIE_NAME, language, max_age=_YEAR_S, samesite="Lax", secure=secure)
        if isinstance(request.user, User):
            User.objects.filter(pk=request.user.pk).update(language=language)
    return response
