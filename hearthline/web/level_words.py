"""Levels in words: what the next one asks for, and what is missing to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from hearthline.quality.levels import Lack, Prospect


@dataclass(frozen=True, slots=True)
class ShownProspect:
    level: int
    by_rule: bool
    lacks: Sequence[str]


def shown(prospect: Prospect) -> ShownProspect:
    return ShownProspect(prospect.level, prospect.rule is not None, [lack_words(lack) for lack in prospect.lacks])


def lack_words(lack: Lack) -> str:
    """To the operator."""
    words = {"n": lack.needed - lack.has, "has": lack.has, "needed": lack.needed}
    match lack.code:
        case "conversations":
            return (
                ngettext(
                    "%(n)s more paid conversation: %(has)s of %(needed)s are there.",
                    "%(n)s more paid conversations: %(has)s of %(needed)s are there.",
                    lack.needed - lack.has,
                )
                % words
            )
        case "scored":
            return (
                ngettext(
                    "%(n)s more scored call: moderators listen to some. %(has)s of %(needed)s are there.",
                    "%(n)s more scored calls: moderators listen to some. %(has)s of %(needed)s are there.",
                    lack.needed - lack.has,
                )
                % words
            )
        case "score":
            return _("A mean score of %(needed)s; yours is %(has)s.") % words
    assert lack.until is not None
    until = date_format(localtime(lack.until), "j F")
    return _("Until %(until)s no other call with an answer that makes its score 0.") % {"until": until}
