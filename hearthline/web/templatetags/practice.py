"""Practice, as pages show it."""

from __future__ import annotations

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from hearthline.dialing.services import level_of
from hearthline.people.models import User

register = template.Library()


@register.filter
def duration_from_zero(milliseconds: int) -> str:
    """'0:00', '1:05': a place in a call."""
    minutes, seconds = divmod(milliseconds // 1000, 60)
    return f"{minutes}:{seconds:02}"


@register.simple_tag
def way_to_test(operator: User) -> SafeString:
    """A link to what opens campaigns to this operator: the test call, or what is missing to the next level."""
    if level_of(operator) == 0:
        return format_html('<a href="{}">{}</a>', reverse("operator:test"), _("To the test call"))
    return format_html(
        '<a href="{}#level">{}</a>', reverse("operator:feedback"), _("What is missing to the next level")
    )
