"""A robot's call in words: what was looked at and why, and who said what when. For the operator and for the moderator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.utils.formats import localize
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from hearthline.calls.models import Attempt
from hearthline.campaigns.models import DispositionKind
from hearthline.lib import clock
from hearthline.quality.analysis.words import Row, microphone_advice, rows, suspicion
from hearthline.quality.hearing import analysis_of
from hearthline.quality.models import Ear, RobotCall
from hearthline.quality.scenarios.scenario import Act, Manner, RubricItem

ANALYSED_WITHIN = timedelta(minutes=10)  # after that nobody is told to wait for it

ACTS: dict[str, str | Promise] = {
    Act.GREETS: gettext_lazy("greeting"),
    Act.ASKS: gettext_lazy("a question"),
    Act.OBJECTS: gettext_lazy("an objection"),
    Act.TELLS: "",
    Act.AGREES: gettext_lazy("agrees"),
    Act.REFUSES: gettext_lazy("refuses"),
    Act.CALL_BACK: gettext_lazy("asks to be called later"),
    Act.WRONG_PERSON: gettext_lazy("the wrong person"),
    Act.FETCHES: gettext_lazy("fetches somebody"),
    Act.ENDS: gettext_lazy("says goodbye"),
    Act.MACHINE: gettext_lazy("an answering machine"),
}


@dataclass(frozen=True, slots=True)
class Reason:
    ok: bool | None  # None: a person has to listen
    sentence: str
    points: int
    of: int


@dataclass(frozen=True, slots=True)
class Moment:
    """A line of the talk. `at_ms` since the answer."""

    at_ms: int
    operator: bool
    text: str
    act: str
    note: str


@dataclass(frozen=True, slots=True)
class Measured:
    """Beside the reasons of a score: whose ear measured, and what the recording tells that does not count."""

    how: str
    microphone: list[str]  # advice; no part of the score
    rows: list[Row]  # the recording's figures, for staff
    suspicions: list[str]  # what a person should listen to, for staff


def measured_of(call: RobotCall, attempt: Attempt, *, staff: bool = False) -> Measured:
    analysis = analysis_of(attempt)
    how = _how(call, attempt, waits=analysis is None)
    if analysis is None:
        return Measured(how, [], [], [])
    advice = microphone_advice(analysis.figures["microphone"])
    if not staff:
        return Measured(how, advice, [], [])
    found = [suspicion(code, analysis.evidence) for code in analysis.suspicions]
    return Measured(how, advice, rows(analysis.figures), found)


def _how(call: RobotCall, attempt: Attempt, *, waits: bool) -> str:
    if call.score is None:
        return ""
    if call.ear == Ear.RECORDING:
        return _("Measured on the recording, by who was heard to speak when.")
    recorded = waits and clock.now() - (attempt.wrapped_up_at or clock.now()) < ANALYSED_WITHIN
    if recorded and settings.HEARTHLINE.analyse_recordings and attempt.campaign.record_calls:
        return _(
            "Measured by the robot's ear. In a minute the recording is measured, too, and the score may change a little."
        )
    return _("Measured by the robot's ear.")


def reasons_of(call: RobotCall, titles: Mapping[str, str]) -> list[Reason]:
    """`titles`: of the form's fields by their key."""
    return [
        Reason(item["ok"], _sentence(item, titles), round(item["points"]), round(item["of"])) for item in call.items
    ]


def field_titles(attempt: Attempt) -> dict[str, str]:
    return dict(attempt.campaign.fields.values_list("key", "title"))


def talk_of(spoken: Sequence[Mapping[str, Any]]) -> list[Moment]:
    return [_moment(one) for one in sorted(spoken, key=lambda one: int(one["begin_ms"]))]


def _moment(one: Mapping[str, Any]) -> Moment:
    operator = one["by"] == "operator"
    seconds = max(1, round((one["end_ms"] - one["begin_ms"]) / 1000))
    spoke = ngettext("spoke for %(n)s second", "spoke for %(n)s seconds", seconds) % {"n": seconds}
    note = ""
    if one.get("cut"):
        note = _("was talked over and stopped")
    elif one.get("broke_in"):
        note = _("broke in")
    text = spoke if operator else one["line"] or _("(a tone)")
    return Moment(one["begin_ms"], operator, text, str(ACTS.get(one.get("act", ""), "")), note)


def outcome_word(kind: str) -> str:
    return str(DispositionKind(kind).label) if kind in DispositionKind.values else _("nothing")


def _sentence(item: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    if item["code"] == "outcome":
        meant = ", ".join(outcome_word(kind) for kind in item["meant"])
        if item["ok"]:
            return _("The outcome is right: %(meant)s.") % {"meant": meant}
        return _("The outcome was written down as: %(written)s. It was: %(meant)s.") % {
            "written": outcome_word(item["written"]),
            "meant": meant,
        }
    if item["code"] == "field":
        return _field(item, titles.get(item["key"], item["key"]))
    return _manner(item)


def _field(item: Mapping[str, Any], title: str) -> str:
    words = {"title": title, "meant": _(" or ").join(item["meant"]), "written": item["written"]}
    if item["ok"]:
        return _("“%(title)s” is right: %(meant)s.") % words
    if not item["written"]:
        return _("“%(title)s” is empty. It was: %(meant)s.") % words
    return _("“%(title)s” says %(written)s. It was: %(meant)s.") % words


def _manner(item: Mapping[str, Any]) -> str:
    good, bad = _SENTENCES[Manner(item["code"])]
    value = item["value"]
    words = {"value": _number(value), "limit": _number(item["limit"]), "words": ", ".join(item["meant"])}
    if item["code"] == Manner.MENTIONS and item["ok"]:
        return _("One of these was said, as far as a machine understood: %(words)s.") % words
    if item["code"] == Manner.SPEAKS_SOON and value is None:
        return _("The operator never said anything.")
    if item["code"] == Manner.GIVES_WAY and value is None:
        return _("It never came to the place where the operator is interrupted.")
    if item["code"] == Manner.GIVES_WAY and value == 0:
        return _("The operator was short enough not to be interrupted.")
    return str(bad if item["ok"] is False else good) % words


def manner_words(item: RubricItem) -> str:
    """What the rubric asks for, before anybody has called."""
    words = {"limit": _number(item.limit), "turn": item.turn, "words": ", ".join(item.words)}
    return str(_ASKED[item.manner]) % words


def _number(value: float | None) -> str:
    return str(localize(Decimal(f"{value:g}"))) if value is not None else ""


_SENTENCES: dict[Manner, tuple[str | Promise, str | Promise]] = {
    Manner.SPEAKS_SOON: (
        gettext_lazy("The first word came %(value)s s after the greeting."),
        gettext_lazy("The first word came %(value)s s after the greeting; at most %(limit)s s is good."),
    ),
    Manner.LETS_SPEAK: (
        gettext_lazy("The other person could finish what they said."),
        gettext_lazy("The operator talked over the other person: %(value)s times, and at most %(limit)s is good."),
    ),
    Manner.LONGEST_SILENCE: (
        gettext_lazy("There was no long silence."),
        gettext_lazy("Nobody spoke for %(value)s s; at most %(limit)s s is good."),
    ),
    Manner.LONGEST_MONOLOGUE: (
        gettext_lazy("The operator spoke in portions that can be followed."),
        gettext_lazy("The operator talked for %(value)s s without a pause; at most %(limit)s s is good."),
    ),
    Manner.GIVES_WAY: (
        gettext_lazy("The operator gave way %(value)s s after being interrupted."),
        gettext_lazy("The operator went on for %(value)s s when interrupted; giving way within %(limit)s s is good."),
    ),
    Manner.STAYS: (
        gettext_lazy("The operator waited until somebody else came to the phone."),
        gettext_lazy("The operator did not wait until somebody else came to the phone."),
    ),
    Manner.HEARS_OUT: (
        gettext_lazy("The operator heard the other person out."),
        gettext_lazy("The operator hung up before the other person had finished."),
    ),
    Manner.MENTIONS: (
        gettext_lazy("Whether one of these was said can be told by listening: %(words)s."),
        gettext_lazy("None of these was heard by the machine that listened: %(words)s."),
    ),
}

_ASKED: dict[Manner, str | Promise] = {
    Manner.SPEAKS_SOON: gettext_lazy("the first word within %(limit)s s of the greeting"),
    Manner.LETS_SPEAK: gettext_lazy("talks over the robot at most so often: %(limit)s"),
    Manner.LONGEST_SILENCE: gettext_lazy("nobody silent for longer than %(limit)s s"),
    Manner.LONGEST_MONOLOGUE: gettext_lazy("talks for at most %(limit)s s without a pause"),
    Manner.GIVES_WAY: gettext_lazy("falls silent within %(limit)s s when the robot breaks in (%(turn)s)"),
    Manner.STAYS: gettext_lazy("stays until somebody else comes (%(turn)s)"),
    Manner.HEARS_OUT: gettext_lazy("does not hang up before the robot has finished"),
    Manner.MENTIONS: gettext_lazy("says one of these: %(words)s"),
}
