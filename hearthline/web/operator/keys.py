"""The console's keys: physical ones (`KeyboardEvent.code`), so that they work under every layout."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

DEFAULT_KEYS: dict[str, str] = {
    "dial": "KeyD",
    "skip": "KeyS",
    "hang_up": "KeyH",
    "transfer": "KeyT",
    "take_back": "Escape",
    "mute": "KeyM",
    "hold": "KeyL",
    "keypad": "KeyK",
    "record": "KeyR",
    "notes": "KeyN",
    "add_contact": "KeyA",
    "break": "KeyB",
}

KEY_TITLES: dict[str, str | Promise] = {
    "dial": _("Dial"),
    "skip": _("Skip this contact"),
    "hang_up": _("Hang up"),
    "transfer": _("Transfer; again: complete"),
    "take_back": _("Take the contact back"),
    "mute": _("Mute"),
    "hold": _("Hold"),
    "keypad": _("Keypad"),
    "record": _("Pause or resume the recording"),
    "notes": _("Notes"),
    "add_contact": _("Add a contact"),
    "break": _("Break"),
}
