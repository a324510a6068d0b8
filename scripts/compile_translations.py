"""Compile locale/*/LC_MESSAGES/*.po with Babel, so that no gettext is needed. Exit status 1 when a catalogue is broken."""

from __future__ import annotations

import sys
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po

LOCALE = Path(__file__).resolve().parent.parent / "locale"


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
            for fault in message.check(catalogue) if message.id else ():
                print(f"{po.relative_to(LOCALE.parent)}:{message.lineno}: {fault}")
                broken += 1
        with po.with_suffix(".mo").open("wb") as file:
            write_mo(file, catalogue)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
