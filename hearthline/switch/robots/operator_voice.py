"""What a robot operator says: a script's lines as WAV files, spoken by the `operator` voice.

The robot operator plays `opening`, then waits until the contact has answered before each of `lines`, and `closing`
before it hangs up. `briefing` is what it tells a manager; `on_hold` what it tells the contact before that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hearthline.switch.robots.speech import SpeechFolder

OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class OperatorLines:
    """The text of one talk."""

    opening: str
    lines: Sequence[str]
    on_hold: str
    briefing: str
    closing: str


@dataclass(frozen=True, slots=True)
class OperatorSounds:
    """The same as files: 8 kHz 16-bit mono."""

    opening: Path
    lines: Sequence[Path]
    on_hold: Path
    briefing: Path
    closing: Path


RUSSIAN = OperatorLines(
    opening="Здравствуйте! Меня зовут Анна, я звоню от компании Тёплый дом. Вам удобно сейчас говорить?",
    lines=(
        "Мы бесплатно проверяем, как утеплён дом, и показываем, где он теряет тепло.",
        "Проверка занимает около часа и ничего не стоит. Отчёт вы получаете в тот же день.",
        "Скажите, пожалуйста, когда вам удобно принять нашего специалиста?",
        "Хорошо, я всё записала. Правильно ли я понимаю, что вы живёте в частном доме?",
    ),
    on_hold="Одну минуту, пожалуйста, я соединю вас с нашим специалистом.",
    briefing="Добрый день! На линии клиент, ему интересна проверка дома, спрашивает о цене. Соединяю.",
    closing="Спасибо за разговор! Всего вам доброго, до свидания.",
)

ENGLISH = OperatorLines(
    opening="Good afternoon! My name is Anna, I am calling from Warm House. Is this a good moment?",
    lines=(
        "We check, free of charge, how well a house keeps its warmth and show where it is lost.",
        "The check takes about an hour and costs nothing. You get the report on the same day.",
        "When would it suit you to see our specialist?",
        "Good, I have written that down. Am I right that you live in a house of your own?",
    ),
    on_hold="One moment, please, I will put you through to our specialist.",
    briefing="Hello! I have a client on the line who is interested in the check and asks about the price. Go ahead.",
    closing="Thank you for your time! Goodbye.",
)


def operator_lines(language: str) -> OperatorLines:
    """The demonstration campaign's talk."""
    return RUSSIAN if language == "ru" else ENGLISH


def render(folder: Path, language: str, lines: OperatorLines | None = None) -> OperatorSounds:
    """Render a talk (the demonstration's by default) into a folder; what is there already is not made again.
    Takes some tens of milliseconds for each new line: call it in a thread."""
    speech = SpeechFolder(folder)
    text = lines or operator_lines(language)

    def line(said: str) -> Path:
        return speech.line(said, language, OPERATOR)

    return OperatorSounds(
        opening=line(text.opening),
        lines=tuple(line(said) for said in text.lines),
        on_hold=line(text.on_hold),
        briefing=line(text.briefing),
        closing=line(text.closing),
    )
