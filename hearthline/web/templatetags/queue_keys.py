"""The moderators' keys: shown beside what they do, and handed to the page's script. Neither when the person has switched them off."""

from __future__ import annotations

import json

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from hearthline.people.models import User
from hearthline.web.moderator.keys import keys_of

register = template.Library()
_NOTHING = SafeString("")


@register.simple_tag(takes_context=True)
def queue_key(context: template.RequestContext, action: str | int) -> SafeString:
    """<kbd>n</kbd> of an action ("reasons") or of a decision's digit."""
    keys = _keys(context)
    if not keys:
        return _NOTHING
    sign = action if isinstance(action, int) else keys[f"queue_{action}"].removeprefix("Key").lower()
    return format_html("<kbd>{}</kbd>", sign)


@register.simple_tag(takes_context=True)
def queue_keys(context: template.RequestContext) -> SafeString:
    """An element that says them to the script; none at all when they are off."""
    keys = _keys(context)
    return format_html('<span data-keys="{}" hidden></span>', json.dumps(keys)) if keys else _NOTHING


def _keys(context: template.RequestContext) -> dict[str, str]:
    user = context["request"].user
    return keys_of(user) if isinstance(user, User) else {}
