"""What every template knows besides the request and the person."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest

THEME_COOKIE = "hearthline_theme"
THEMES = ("auto", "light", "dark")


def theme_of(request: HttpRequest) -> str:
    chosen = request.COOKIES.get(THEME_COOKIE, "auto")
    return chosen if chosen in THEMES else "auto"


def page(request: HttpRequest) -> dict[str, object]:
    return {
        "exchange_name": settings.HEARTHLINE.name,
        "theme": theme_of(request),
        "csrf_cookie_name": settings.CSRF_COOKIE_NAME,
        "has_relays": bool(settings.HEARTHLINE.turn_urls),
        "demonstration": settings.HEARTHLINE.demonstration,
    }
