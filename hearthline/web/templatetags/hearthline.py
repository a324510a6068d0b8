"""What the templates may say: icons, money, durations, masked numbers, form fields."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import phonenumbers
from babel.dates import format_date
from django import template
from django.conf import settings
from django.forms import BoundField, CheckboxInput, Select, Textarea
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext, to_locale

from hearthline.lib.money import Money
from hearthline.lib.phone import masked
from hearthline.web import words
from hearthline.web.icons import icon as draw_icon
from hearthline.web.navigation import Place, places_for

register = template.Library()

_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@register.simple_tag
def icon(name: str, css: str = "") -> SafeString:
    return draw_icon(name, css)


@register.filter
def money(minor: int | str | None, currency: str = "") -> str:
    """Minor units as a person writes them, with the currency: '214.00 ₽'. Nothing known is a dash (a template's lookup
    through None arrives as an empty text)."""
    if minor is None or minor == "":
        return "–"
    return Money(int(minor), currency or settings.HEARTHLINE.currency_code).format(get_language() or "en")


@register.filter
def about_money(minor: int, currency: str) -> str:
    """An estimate: '185 ₽' rather than '185.14 ₽'."""
    return Money(minor, currency).format_about(get_language() or "en")


@register.filter
def duration(milliseconds: int | None) -> str:
    """'2:10' or '1:02:10'; a dash for nothing."""
    if not milliseconds:
        return "–"
    seconds = round(milliseconds / 1000)
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


@register.filter
def mask(e164: str) -> str:
    return masked(e164) if e164 else ""


@register.filter
def international(e164: str) -> str:
    """The whole number for its owner's eyes: '+7 916 123-45-67'."""
    try:
        parsed = phonenumbers.parse(e164, None)
    except phonenumbers.NumberParseException:
        return e164
    return str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL))


@register.filter
def percent(part: int | None, whole: int | None) -> str:
    """'46 %' of `whole`; a dash when there is nothing to divide."""
    if not whole or part is None:
        return "–"
    return f"{round(100 * part / whole)} %"


@register.simple_tag
def moment(at: datetime | None, zone: str = "") -> SafeString | str:
    """A <time> in the reader's zone: the hour for today, the day as well for other days. With `zone`, in that zone, which is named."""
    if at is None:
        return "–"
    tz = ZoneInfo(zone) if zone else timezone.get_current_timezone()
    local = at.astimezone(tz)
    today = timezone.now().astimezone(tz).date()
    if local.date() == today:
        text = f"{local:%H:%M}"
    else:
        text = f"{day(local, with_year=abs(local.date() - today) >= timedelta(days=200))} {local:%H:%M}"
    if zone:
        text = f"{text} ({zone})"
    return format_html('<time datetime="{}">{}</time>', local.isoformat(timespec="seconds"), text)


def day(local: datetime, *, with_year: bool) -> str:
    """'28 Nov' or '28 Nov 2026', with the month as the reader's language writes it within a date: '28 нояб.'"""
    return str(format_date(local, "d MMM y" if with_year else "d MMM", locale=to_locale(get_language() or "en")))


@register.filter
def day_and_hour(at: datetime) -> str:
    """'28 Nov 14:05' in the reader's zone, where only text can stand."""
    local = timezone.localtime(at)
    return f"{day(local, with_year=False)} {local:%H:%M}"


@register.filter
def short_day(at: datetime) -> str:
    """'28 Nov 2026' in the reader's zone."""
    return day(timezone.localtime(at), with_year=True)


@register.simple_tag
def outcome_words(code: str) -> str:
    return words.outcome_words(code)


@register.filter
def not_payable(code: str) -> str:
    return words.not_payable_words(code)


@register.filter
def phase(code: str) -> str:
    return str(words.PHASES.get(code, code))


@register.filter
def answer_words(code: str) -> str:
    """A reviewer's answer."""
    return str(words.ANSWERS.get(code, code))


@register.filter
def question(text: str) -> str:
    """A question of the scorecard: those that came with the exchange are translated, an administrator's stay as they are."""
    return gettext(text) if text else ""


@register.filter
def own_unpaid(code: str) -> str:
    """Why a call was not paid, as its operator reads it."""
    return words.own_unpaid_words(code)


@register.filter
def answer(value: Any) -> str:
    """An answer of the operator's form as a person reads it: a bool as yes or no, an ISO date by the locale."""
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    text = str(value)
    if _ISO_DAY.fullmatch(text) and (day := parse_date(text)):
        return date_format(day, "SHORT_DATE_FORMAT")
    return text


@register.filter
def each(rows: Iterable[Any], attribute: str) -> set[Any]:
    """One attribute of each row, to ask whether something is among them."""
    return {getattr(row, attribute) for row in rows}


@register.filter
def get(mapping: dict[str, Any], key: str) -> Any:
    """A value of a mapping by a key that is itself a variable; empty when absent."""
    value = mapping.get(key)
    return "" if value is None else value


@register.inclusion_tag("shared/field.html")
def field(bound: BoundField, hint: str = "", suffix: str = "", label_class: str = "") -> dict[str, Any]:
    """A form field with its label, hint and error, joined for screen readers; `suffix` is a unit after the box."""
    widget = bound.field.widget
    kind = "check" if isinstance(widget, CheckboxInput) else "select" if isinstance(widget, Select) else "box"
    css = {"check": "form-check-input", "select": "form-select", "box": "form-control"}[kind]
    described = " ".join(
        part
        for part, there in (
            (f"{bound.id_for_label}_hint", hint or bound.help_text),
            (f"{bound.id_for_label}_error", bound.errors),
        )
        if there
    )
    attributes: dict[str, Any] = {"class": f"{widget.attrs.get('class', '')} {css}".strip()}
    if bound.errors:
        attributes["class"] += " is-invalid"
        attributes["aria-invalid"] = "true"
    if described:
        attributes["aria-describedby"] = described
    if isinstance(widget, Textarea):
        attributes.setdefault("rows", widget.attrs.get("rows", 4))
    return {
        "bound": bound,
        "widget": bound.as_widget(attrs=attributes),
        "hint": hint or bound.help_text,
        "suffix": suffix,
        "kind": kind,
        "label_class": label_class,
    }


@register.simple_tag(takes_context=True)
def places(context: template.RequestContext) -> list[Place]:
    """The entries of the navigation for the person who reads."""
    request = context.get("request")
    if request is None or not hasattr(request, "user"):
        return []
    return places_for(request.user, request.path, getattr(request, "session", None))
