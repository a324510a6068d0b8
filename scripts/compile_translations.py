"""Compile locale/*/LC_MESSAGES/*.po with Babel, so that no gettext is needed. Exit status 1 when a catalogue is broken."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from babel.messages.catalog import Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po

PLACE = re.compile(r"%\(\w+\)[sd]|\{\w+\}")
LOCALE = Path(__file__).resolve().parent.parent / "locale"


def unknown_places(message: Message) -> str:
    """Places of a translation that neither form of the original has: they would fail where the sentence is shown.

    Babel's own check takes "21 контакт" for a mistake, because the English singular needs no number.
    """
    originals = message.id if isinstance(message.id, tuple | list) else (message.id,)
    forms = message.string if isinstance(message.string, tuple | list) else (message.string,)
    known = {place for original in originals for place in PLACE.findall(original)}
    return ", ".join(sorted({place for form in forms for place in PLACE.findall(form or "")} - known))


def main() -> int:
    broken = 0
    for po in sorted(LOCALE.rglob("*.po")):
        try:
            with po.open("rb") as file:
                catalogue = read_po(file, locale=po.parent.parent.name, abort_invalid=True)
        except PoFileError as error:
            print(f"{po.relative_to(LOCALE.parent)}: {error}")
            broken += 1
            continue
        for message in catalogue:
            if message.id and (unknown := unknown_places(message)):
                print(f"{po.relative_to(LOCALE.parent)}:{message.lineno}: no such place in the original: {unknown}")
                broken += 1
        with po.with_suffix(".mo").open("wb") as file:
            write_mo(file, catalogue)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
