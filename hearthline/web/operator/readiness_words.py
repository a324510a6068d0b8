"""The readiness check in words: its items, what each result means and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from hearthline.quality.models import LineCheck
from hearthline.web.operator.texts import LINE_TEXTS

Words = Mapping[str, str | Promise]

# in the order of quality.readiness.ITEMS: the title, and what is looked at
TITLES: dict[str, tuple[str | Promise, str | Promise]] = {
    "browser": (_("Browser"), _("Its version, and whether it has what a line needs.")),
    "noise": (_("Quiet room"), _("How loud it is while nobody speaks.")),
    "echo": (_("Echo"), _("Whether the microphone hears your loudspeaker: the contact would hear themselves.")),
    "microphone": (_("Microphone"), _("How loud your voice comes in.")),
    "round_trip": (_("Delay"), _("How long sound takes to the exchange and back.")),
    "jitter": (_("Evenness"), _("Whether it arrives evenly, without stumbling.")),
    "loss": (_("Loss"), _("How much of it never arrives.")),
    "timers": (_("Free computer"), _("Whether this page is slowed down, by other programs or in the background.")),
}

STATES: dict[str, str | Promise] = {
    "good": _("good"),
    "fair": _("could be better"),
    "bad": _("not good enough"),
    "unknown": _("not measured"),
}

_NOT_REACHED = _("It was not measured. See above what was in the way, then check again.")
_TRIP = _("Sound takes long. Use a cable or come nearer to the router, and switch a VPN off.")
_LOST = _("Sound is lost on the way. A cable instead of Wi-Fi helps most; stop downloads and films on the same line.")

TEXTS: dict[str, str | Promise] = {
    **{key: words for key, words in LINE_TEXTS.items() if key.startswith(("trouble_", "microphone_"))},
    **{f"state_{state}": words for state, words in STATES.items()},
    **{f"remedy_{code}_unknown": _NOT_REACHED for code in TITLES},
    "remedy_browser_fair": _("Your browser is old. Update it: calls may break off or sound badly."),
    "remedy_browser_bad": _("This browser cannot open a line. Use a current Chrome, Edge, Firefox or Safari."),
    "remedy_browser_unknown": _("We do not know this browser; it has all that is needed."),
    "remedy_noise_fair": _("It is a little loud around you. Close the window, or turn the fan away."),
    "remedy_noise_bad": _("It is loud around you: contacts will not understand you well. Look for a quieter place."),
    "remedy_echo_fair": _("The microphone hears your loudspeaker a little. A headset would be better."),
    "remedy_echo_bad": _("The microphone hears your loudspeaker. Put on a headset, or contacts hear their own words."),
    "remedy_microphone_fair": _(
        "Your voice comes in too softly or too loudly. Move the microphone to two fingers from your mouth, or change its level."
    ),
    "remedy_microphone_bad": _(
        "You are hardly heard. Choose the right microphone above, look at the switch on the headset's cable, then check again."
    ),
    "remedy_round_trip_fair": _TRIP,
    "remedy_round_trip_bad": _TRIP,
    "remedy_jitter_fair": _LOST,
    "remedy_jitter_bad": _LOST,
    "remedy_loss_fair": _LOST,
    "remedy_loss_bad": _LOST,
    "remedy_timers_fair": _("The page was slowed down. Close heavy programs, and keep it in a window of its own."),
    "remedy_timers_bad": _(
        "The page was nearly stopped. Keep it in a window of its own, and switch energy saving off."
    ),
    "value_browser": _("version {value}"),
    "value_noise": _("{value} dB"),
    "value_echo": _("{value} dB above the room"),
    "value_microphone": _("{value} dB"),
    "value_round_trip": _("{value} ms"),
    "value_jitter": _("{value} ms"),
    # xgettext:no-python-format
    "value_loss": _("{value} %"),
    "value_timers": _("{value} ms late"),
    "now_quiet": _("Be quiet for three seconds: the room is measured."),
    "now_tone": _("You hear a tone for a second. Say nothing."),
    "now_speak": _("Now speak for five seconds, as you would to a contact. For example, count from one to ten."),
    "now_line": _("A line to the exchange is measured for ten seconds. You need not do anything."),
    "again": _("Check again"),
}

SENTENCES: Words = {
    "good": _("Everything is good. You can begin."),
    "fair": _("You can begin. What could be better is written above."),
    "bad": _("Something is not good enough. You can begin, but calls may suffer; what to do is written above."),
}


def in_one_line(check: LineCheck) -> str:
    """For whoever looks at a call: only what was not good, with its figures."""
    if check.skipped:
        return _now("not made")
    units = {"round_trip": " ms", "jitter": " ms", "timers": " ms", "loss": " %", "noise": " dB", "echo": " dB"}
    units["microphone"] = " dB"
    words = [_item(one, units) for one in check.items if one["state"] in ("fair", "bad")]
    return "; ".join(words) or _now("everything good")


def _item(one: Mapping[str, Any], units: Mapping[str, str]) -> str:
    title = str(TITLES[one["code"]][0]).lower()
    value = "" if one["value"] is None else f" {one['value']:g}{units.get(one['code'], '')}"
    return f"{title}{value}: {STATES[one['state']]}"
