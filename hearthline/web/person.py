"""Each page in the language and the time zone of the person who reads it."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation
from django.utils.deprecation import MiddlewareMixin

from hearthline.people.models import User

_LANGUAGES = frozenset(code for code, _label in settings.LANGUAGES)


class PersonMiddleware(MiddlewareMixin):
    """Stands after authentication. A visitor's language is LocaleMiddleware's (cookie, then what the browser asks for)."""

    def process_request(self, request: HttpRequest) -> None:
        user = request.user
        if not isinstance(user, User) and not user.is_authenticated:
            timezone.deactivate()
            return
        language = getattr(user, "language", "")
        if language in _LANGUAGES:
            translation.activate(language)
            request.LANGUAGE_CODE = language
        try:
            timezone.activate(ZoneInfo(getattr(user, "timezone", "UTC")))
        except (ZoneInfoNotFoundError, ValueError):
            timezone.deactivate()

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        timezone.deactivate()
        if request.user.is_authenticated and not response.has_header("Cache-Control"):
            response["Cache-Control"] = "private, no-store"  # names and numbers of people: not into a shared disk cache
        return response
