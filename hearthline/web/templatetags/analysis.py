"""`{% call_analysis recording "staff" %}`: what the analysis of a recording says to staff, an owner or its operator."""

from __future__ import annotations

from typing import Any

from django import template

from hearthline.calls.models import Recording
from hearthline.quality.analysis.selectors import Audience
from hearthline.quality.analysis.selectors import shown as shown_to

register = template.Library()


@register.inclusion_tag("quality/analysis.html")
def call_analysis(recording: Recording, audience: Audience) -> dict[str, Any]:
    return {"shown": shown_to(recording, audience), "recording": recording}
