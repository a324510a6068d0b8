"""`{% demonstration_entry %}`: the buttons that let one in as somebody, where that is allowed; nothing elsewhere."""

from __future__ import annotations

from django import template
from django.template.context import Context

from hearthline.web.demo.cast import PEOPLE
from hearthline.web.demo.views import is_open_to

register = template.Library()


@register.inclusion_tag("demo/entry.html", takes_context=True)
def demonstration_entry(context: Context) -> dict[str, object]:
    request = context.get("request")
    people = PEOPLE if request is not None and is_open_to(request) else ()
    return {"people": people, "csrf_token": context.get("csrf_token")}
