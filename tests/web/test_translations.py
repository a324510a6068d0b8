"""The Russian catalogue: whole, and with the same places to fill in as the English sentences."""

from __future__ import annotations

import re
from pathlib import Path

from babel.messages.catalog import Message
from babel.messages.pofile import read_po

CATALOGUE = Path(__file__).resolve().parents[2] / "locale" / "ru" / "LC_MESSAGES" / "django.po"
_PLACE = re.compile(r"%\(\w+\)[sd]|\{\w+\}")


def texts(value: object) -> list[str]:
    return [str(text) for text in value] if isinstance(value, list | tuple) else [str(value)]


def messages() -> list[Message]:
    with CATALOGUE.open("rb") as file:
        return [message for message in read_po(file) if message.id]


def test_every_sentence_is_translated() -> None:
    missing = [message.id for message in messages() if message.fuzzy or not all(texts(message.string))]
    assert missing == []


def test_translations_fill_in_the_same_places() -> None:
    wrong = []
    for message in messages():
        wanted = set(_PLACE.findall(texts(message.id)[-1]))
        wrong += [(message.id, text) for text in texts(message.string) if set(_PLACE.findall(text)) != wanted]
    assert wrong == []
