"""The moderators' single keys: physical ones (`KeyboardEvent.code`), each of which can be another letter, or all be off (WCAG 2.2, 2.1.4).
The digits of the decisions are no letters and stay; they go off with the rest."""

from __future__ import annotations

import re
from string import ascii_uppercase

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from hearthline.people.models import User

DEFAULT_KEYS: dict[str, str] = {
    "queue_reasons": "KeyN",
    "queue_play": "KeyP",
    "queue_mark": "KeyM",
    "queue_leave": "KeyS",
}

KEY_TITLES: dict[str, str | Promise] = {
    "queue_reasons": _("Write the reasons"),
    "queue_play": _("Play the recording"),
    "queue_mark": _("Note the place that is playing"),
    "queue_leave": _("Leave it to others"),
}

LETTERS = [(f"Key{letter}", letter.lower()) for letter in ascii_uppercase]
_CODE = re.compile(r"Key[A-Z]")


def keys_of(user: User) -> dict[str, str]:
    """Action to code, with the person's own choices; empty when their single keys are off."""
    return {} if user.shortcuts.get("off") is True else chosen_keys(user)


def chosen_keys(user: User) -> dict[str, str]:
    """What they have chosen, also while single keys are off."""
    own = {action: code for action, code in user.shortcuts.items() if isinstance(code, str) and _CODE.fullmatch(code)}
    return {action: own.get(action, code) for action, code in DEFAULT_KEYS.items()}
