"""Calls of every kind that the analysis has to tell apart, and what is known of them."""

from __future__ import annotations

import numpy as np

from hearthline.switch.robots.operator_voice import operator_lines
from hearthline.switch.robots.phrases import lines
from tests.quality.synthesis import SynthesisedCall, latency, tone

MACHINE_GREETINGS = {
    "en": (
        "Hello! You have reached the mailbox of the Parker family. We cannot come to the phone right now. "
        "Please leave your name and number after the tone.",
        "Hello! I can't answer right now. Please leave a message after the tone.",
    ),
    "ru": (
        "Здравствуйте! Вы позвонили семье Петровых. Сейчас мы не можем подойти к телефону. Оставьте сообщение после сигнала.",
        "Здравствуйте! Сейчас я не могу ответить. Оставьте сообщение после сигнала.",
    ),
}


def voicemail(seed: int, language: str = "en") -> SynthesisedCall:
    """A greeting, a beep; the operator talks to it and waits."""
    dice = np.random.default_rng(seed)
    call = SynthesisedCall(language, contact_voice=("woman", "man")[seed % 2], contact_level=0.4)
    call.pause(int(dice.integers(300, 900)))
    call.say("contact", MACHINE_GREETINGS[language][seed % 2], 0)
    call.sound("contact", tone(float(dice.choice([440, 800, 1000, 1400])), int(dice.integers(250, 600))), 700)
    latency(call, "operator", operator_lines(language).opening, 900)
    call.pause(int(dice.integers(6000, 12_000)))
    return call


def fax(seed: int, *, calling: bool = False) -> SynthesisedCall:
    """A fax that answers (CED) or calls (CNG); the operator says hello to it."""
    call = SynthesisedCall("en")
    call.pause(300 + 100 * (seed % 5))
    if calling:
        for _round in range(3):
            call.sound("contact", tone(1100, 500), 3000)
    else:
        call.sound("contact", tone(2100, 3000), 200)
    latency(call, "operator", operator_lines("en").opening, 500)
    call.pause(5000)
    return call


def patient_person(seed: int, language: str = "en") -> SynthesisedCall:
    """Answers with a long sentence, as machines do, and then talks as people do."""
    call = SynthesisedCall(language, contact_voice="old_man")
    call.pause(600)
    call.say("contact", lines(language)["long_talker"][3][0], 0)
    for turn in range(3):
        latency(call, "operator", operator_lines(language).lines[(turn + seed) % 4], 500)
        latency(call, "contact", lines(language)["long_talker"][turn + 4][0], 700)
    return call


def silent_operator(seed: int, language: str = "en") -> SynthesisedCall:
    """The contact asks who is there, twice, and hears nothing."""
    call = SynthesisedCall(language, contact_voice="woman")
    call.pause(500)
    call.say("contact", lines(language)["greeting"][0][seed % 3], 0)
    for nudge in lines(language)["nudge"]:
        call.say("contact", nudge[0], 3000)
    call.pause(3000)
    return call


def one_way(seed: int, language: str = "en") -> SynthesisedCall:
    """The operator talks, and of the contact nothing comes, not even noise."""
    call = SynthesisedCall(language)
    call.pause(800)
    for line in operator_lines(language).lines:
        call.say("operator", line, 1500 + 100 * (seed % 5))
    return call


def interrupting_operator(seed: int, language: str = "en") -> SynthesisedCall:
    """Whatever the contact says, the operator talks into it."""
    call = SynthesisedCall(language, contact_voice=("woman", "man")[seed % 2], contact_level=0.4)
    call.pause(500)
    call.say("contact", lines(language)["greeting"][0][0], 0)
    latency(call, "operator", operator_lines(language).opening, 400)
    for turn in range(4):
        latency(call, "contact", lines(language)["long_talker"][turn + seed % 3][0], 500)
        before = call.at
        call.say("operator", operator_lines(language).lines[turn], -1800)
        call.cut_last("contact", before - 900)
        call.interruptions["operator"] += 1
    return call
