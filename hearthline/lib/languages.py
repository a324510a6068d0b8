"""What languages are called, for a person (CLDR)."""

from __future__ import annotations

import functools

from babel import Locale, UnknownLocaleError
from django.utils.translation import get_language, to_locale


def language_name(tag: str) -> str:
    """`tag`: BCP 47 ("ru"); in the reader's language, or the tag itself where nobody knows it."""
    return _language_name(tag, to_locale(get_language() or "en").split("_")[0])


@functools.lru_cache(maxsize=500)
def _language_name(tag: str, reader: str) -> str:
    try:
        locale = Locale.parse(tag, sep="-")
    except (ValueError, UnknownLocaleError):
        return tag
    return locale.get_display_name(reader) or tag
