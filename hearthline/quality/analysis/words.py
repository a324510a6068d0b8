"""The figures of a call in words: for staff and owners as they are, for its operator with advice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from hearthline.quality.analysis.suspicions import SILENT_SPEECH_MS

SUSPICIONS: dict[str, str | Promise] = {
    "machine": gettext_lazy("An answering machine or an announcement seems to have answered, not a person."),
    "fax": gettext_lazy("A fax answered: its tones are in the recording."),
    "one_way_audio": gettext_lazy("Only one side can be heard."),
    "silent_operator": gettext_lazy("The operator says nothing, though there is a line to them."),
    "interrupting": gettext_lazy("The operator often talks into what the contact is saying."),
    "clipped": gettext_lazy("The operator's microphone is cut off: it is turned up too far."),
    "noisy": gettext_lazy("The operator's voice hardly stands out from the noise around them."),
    "short": gettext_lazy("It was paid as a conversation, and the contact said hardly anything."),
    "idle": gettext_lazy("For much of the call nobody speaks."),
}
ONE_WAY: dict[str, str | Promise] = {
    "contact": gettext_lazy("Nothing can be heard of the contact."),
    "operator": gettext_lazy("Nothing came from the operator's microphone."),
}
ERRORS: dict[str, str | Promise] = {
    "gone": gettext_lazy("The file of this recording was removed before it could be analysed."),
    "damaged": gettext_lazy("The file of this recording is damaged and cannot be analysed."),
    "empty": gettext_lazy("There is no sound in this recording."),
    "gave_up": gettext_lazy("The analysis of this recording failed several times. The worker's log says why."),
}

# what an operator is advised of; unlike suspicions these are nobody's business but the operator's own
SLOW_ANSWER_MS = 2000
SLOW_FIRST_WORD_MS = 2500
LONG_MONOLOGUE_MS = 45_000
FAST_SYLLABLES = 7.0
QUIET_DB = -38.0
NOISY_SNR_DB = 15.0
CLIPPED_SHARE = 0.01
MUCH_SILENCE = 0.3
TALKS_MOST = 0.85
MACHINE_LIKELIHOOD = 0.6
LEAST_SPEECH_MS = 3000  # of the operator: with less there is nothing to advise


@dataclass(frozen=True, slots=True)
class Row:
    """A figure: what it is, its value, and what to make of it."""

    name: str
    value: str
    hint: str = ""


def suspicion(code: str, evidence: Mapping[str, Any]) -> str:
    side = str(evidence.get(code, {}).get("side", ""))
    if code == "one_way_audio" and side in ONE_WAY:
        return str(ONE_WAY[side])
    return str(SUSPICIONS.get(code, code))


def error(code: str) -> str:
    return str(ERRORS.get(code, code))


def rows(figures: Mapping[str, Any]) -> list[Row]:
    """The figures as they are, those that are known."""
    talk, microphone = figures["talk"], figures["microphone"]
    found = [
        _row(_("First word of the contact"), _seconds(talk["contact_first_word_ms"]), _("after the answer")),
        _row(_("First word of the operator"), _seconds(talk["operator_first_word_ms"]), _("after the answer")),
        _row(_("The operator speaks"), _percent(talk["talk_ratio"]), _("of all that is said")),
        _row(_("The operator answers after"), _seconds(talk["operator_latency_ms"]), _latency_hint(talk)),
        _row(_("Longest monologue of the operator"), _length(talk["operator_monologue"]), _from(talk["operator_monologue"])),
        _row(_("Longest monologue of the contact"), _length(talk["contact_monologue"]), _from(talk["contact_monologue"])),
        _row(_("Longest silence"), _length(talk["longest_silence"]), _from(talk["longest_silence"])),
        _row(_("Nobody speaks"), _percent(talk["silence_share"]), _("of the call, in silences of two seconds and more")),
        _row(_("Interruptions"), _interruptions(talk)),
        _row(_("The operator's pace"), _pace(microphone["syllables_per_s"]), _("four to six are easy to follow")),
        _row(_("Voice above noise"), _decibels(microphone["snr_db"]), _("the operator's microphone; 20 and more is good")),
        _row(_("Microphone cut off"), _percent(microphone["clipped_share"]), _("of the operator's speech")),
        _row(_("An answering machine"), _percent(figures["machine"]["likelihood"]), _("likely")),
    ]  # fmt: skip
    return [row for row in found if row is not None]


def advice(figures: Mapping[str, Any], suspicions: list[str]) -> list[str]:
    """What the operator could do about it, the most useful first; empty: nothing needs to be done."""
    talk, microphone = figures["talk"], figures["microphone"]
    if "one_way_audio" in suspicions and talk["operator_speech_ms"] < SILENT_SPEECH_MS:
        return [
            _("Nothing came from your microphone. Check that it is not muted and that the browser uses the right one.")
        ]
    if talk["operator_speech_ms"] < LEAST_SPEECH_MS:
        return []
    if figures["machine"]["likelihood"] >= MACHINE_LIKELIHOOD:
        return microphone_advice(microphone)  # how to talk with a machine nobody needs to know
    return [*microphone_advice(microphone), *_talk_advice(talk, microphone)]


def microphone_advice(microphone: Mapping[str, Any]) -> list[str]:
    """What of the operator's sound could be better: nobody's fault, and no part of a score."""
    found = []
    if microphone["clipped_share"] >= CLIPPED_SHARE:
        found.append(_("Your microphone is clipping: turn it down, or move it a little away from your mouth."))
    if microphone["snr_db"] is not None and microphone["snr_db"] < NOISY_SNR_DB:
        found.append(
            _("It is noisy around you: find a quieter place, or a headset whose microphone is near your mouth.")
        )
    if microphone["speech_db"] is not None and microphone["speech_db"] < QUIET_DB:
        found.append(_("You are hard to hear: turn your microphone up, or bring it nearer."))
    return found


def _talk_advice(talk: Mapping[str, Any], microphone: Mapping[str, Any]) -> list[str]:
    found = []
    if (
        talk["operator_first_word_ms"] is not None
        and talk["operator_first_word_ms"] - (talk["contact_first_word_ms"] or 0) > SLOW_FIRST_WORD_MS
    ):
        found.append(_("You began late: people hang up when nobody speaks in the first two seconds."))
    if len(talk["interruptions_by_operator"]) >= 2:
        found.append(_("You talked into what the contact was saying. Let them finish; count to one before you answer."))
    if talk["operator_latency_ms"] is not None and talk["operator_latency_ms"] > SLOW_ANSWER_MS:
        found.append(_("Your answers came late. A short “I see” shows that you are there while you look something up."))
    if talk["operator_monologue"] is not None and _span_ms(talk["operator_monologue"]) > LONG_MONOLOGUE_MS:
        found.append(_("You spoke long without a pause. Ask something now and then, and the contact stays with you."))
    if talk["talk_ratio"] is not None and talk["talk_ratio"] > TALKS_MOST:
        found.append(_("You did nearly all of the talking. Questions that cannot be answered with yes or no help."))
    if microphone["syllables_per_s"] is not None and microphone["syllables_per_s"] > FAST_SYLLABLES:
        found.append(_("You speak fast. Slow down for names, dates and prices."))
    if talk["silence_share"] > MUCH_SILENCE:
        found.append(_("There was much silence. Say what you are doing while you write."))
    return found


def clock(ms: int) -> str:
    """A place in a recording: '1:05'."""
    minutes, seconds = divmod(ms // 1000, 60)
    return f"{minutes}:{seconds:02}"


def _row(name: str, value: str, hint: str = "") -> Row | None:
    return Row(name, value, hint) if value else None


def _seconds(ms: int | None) -> str:
    return _("%(seconds)s s") % {"seconds": number_format(ms / 1000, 1)} if ms is not None else ""


def _length(span: list[int] | None) -> str:
    return _seconds(_span_ms(span)) if span is not None else ""


def _from(span: list[int] | None) -> str:
    return _("from %(place)s on") % {"place": clock(span[0])} if span is not None else ""


def _span_ms(span: list[int]) -> int:
    return span[1] - span[0]


def _percent(share: float | None) -> str:
    return _("%(percent)s %%") % {"percent": round(100 * share)} if share is not None else ""


def _decibels(value: float | None) -> str:
    return _("%(decibels)s dB") % {"decibels": round(value)} if value is not None else ""


def _pace(value: float | None) -> str:
    return _("%(syllables)s syllables a second") % {"syllables": number_format(value, 1)} if value else ""


def _latency_hint(talk: Mapping[str, Any]) -> str:
    p90 = talk["operator_latency_p90_ms"]
    return _("nine of ten within %(time)s") % {"time": _seconds(p90)} if p90 is not None else ""


def _interruptions(talk: Mapping[str, Any]) -> str:
    ours, theirs = len(talk["interruptions_by_operator"]), len(talk["interruptions_by_contact"])
    by_operator = ngettext("%(n)s by the operator", "%(n)s by the operator", ours) % {"n": ours}
    by_contact = ngettext("%(n)s by the contact", "%(n)s by the contact", theirs) % {"n": theirs}
    return f"{by_operator}, {by_contact}"
