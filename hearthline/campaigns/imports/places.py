"""Where a contact is, as spreadsheets say it: a time zone's name, an offset, or a city."""

from __future__ import annotations

import re
from functools import lru_cache
from zoneinfo import available_timezones

from babel import Locale

_OFFSET = re.compile(r"^(?:UTC|GMT|МСК|MSK)?\s*([+\-−]?\s*\d{1,2})?(?::?00)?$", re.IGNORECASE)
_MOSCOW_HOURS = 3

# Large cities that no IANA zone is named after, in the language of the countries that write them so.
_MORE_CITIES = {
    "Europe/Moscow": (
        "санкт-петербург", "петербург", "спб", "мск", "казань", "нижний новгород", "ростов-на-дону", "краснодар", "воронеж",
        "сочи", "ярославль", "тула", "рязань", "тверь", "белгород", "курск", "липецк", "мурманск", "архангельск",
        "ставрополь", "махачкала", "пенза", "севастополь", "saint petersburg", "st petersburg", "kazan",
    ),
    "Asia/Yekaterinburg": ("челябинск", "уфа", "пермь", "тюмень", "оренбург", "сургут", "магнитогорск", "курган"),
    "Europe/Samara": ("тольятти", "ижевск"),
    "Asia/Novosibirsk": ("нск",),
    "Asia/Krasnoyarsk": ("абакан", "норильск"),
    "Asia/Novokuznetsk": ("кемерово",),
    "Asia/Irkutsk": ("улан-удэ", "братск"),
    "Asia/Yakutsk": ("благовещенск",),
    "Asia/Vladivostok": ("хабаровск", "комсомольск-на-амуре"),
    "America/New_York": ("boston", "miami", "atlanta", "philadelphia", "washington"),
    "America/Chicago": ("houston", "dallas", "austin", "minneapolis"),
    "America/Los_Angeles": ("san francisco", "seattle", "san diego", "las vegas", "portland"),
    "Europe/London": ("manchester", "birmingham", "leeds", "glasgow", "edinburgh", "liverpool", "bristol"),
    "Europe/Berlin": ("münchen", "munich", "hamburg", "köln", "cologne", "frankfurt"),
}  # fmt: skip


@lru_cache(maxsize=10_000)
def zone_of_place(text: str) -> str | None:
    """The IANA zone, or None when the text is no place that is known."""
    text = text.strip()
    if not text or len(text) > 60:
        return None
    if text in available():
        return text
    word = text.casefold().replace("ё", "е").removeprefix("г. ").removeprefix("г.").strip()
    return _cities().get(word) or _by_offset(text)


@lru_cache(maxsize=1)
def available() -> frozenset[str]:
    return frozenset(available_timezones())


@lru_cache(maxsize=1)
def _cities() -> dict[str, str]:
    """City names by CLDR in English and Russian, and the table above."""
    cities: dict[str, str] = {}
    for zone in sorted(available()):
        if zone.count("/") and not zone.startswith(("Etc/", "US/", "Canada/", "posix/", "right/")):
            cities.setdefault(zone.rsplit("/", 1)[1].replace("_", " ").casefold(), zone)
    for language in ("en", "ru"):
        for zone, names in Locale.parse(language).time_zones.items():
            if zone in available() and "city" in names:
                cities[names["city"].casefold().replace("ё", "е")] = zone
    for zone, names in _MORE_CITIES.items():
        cities.update(dict.fromkeys(names, zone))
    return cities


def _by_offset(text: str) -> str | None:
    """'UTC+5', 'МСК+2', '+3': the zone without summer time. IANA writes the sign the other way round."""
    match = _OFFSET.match(text)
    if match is None:
        return None
    moscow = text[:3].upper() in ("МСК", "MSK")
    if match[1] is None:
        return "Europe/Moscow" if moscow else "Etc/UTC"
    hours = int(match[1].replace(" ", "").replace("−", "-")) + (_MOSCOW_HOURS if moscow else 0)
    if match[1][0] not in "+-−" and not moscow and text[:3].upper() not in ("UTC", "GMT"):
        return None  # a bare number is something else
    zone = "Etc/UTC" if hours == 0 else f"Etc/GMT{-hours:+d}"
    return zone if zone in available() else None
