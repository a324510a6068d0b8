"""A campaign's own columns: what a heading of a spreadsheet becomes, and how a script names it.

A key is the heading in lower case with everything but letters and digits as `_`, in any alphabet: "Last visit" is
`last_visit`, "Дата визита" is `дата_визита`. Scripts may write either: `{{Last visit}}` is `{{last_visit}}`.
"""

from __future__ import annotations

import re
import unicodedata

MAX_COLUMNS = 60
MAX_KEY = 40
MAX_TITLE = 120

RESERVED = frozenset({"name", "operator", "customer", "local_time"})  # script variables that are not columns

_NOT_WORD = re.compile(r"[^\w]+|_+")


def key_of(title: str) -> str:
    """'' when the title has no letter or digit."""
    text = unicodedata.normalize("NFKC", title).casefold()
    return _NOT_WORD.sub("_", text).strip("_")[:MAX_KEY].rstrip("_")


def keyed(titles: dict[int, str], taken: list[dict[str, str]]) -> dict[int, dict[str, str]]:
    """Columns for the titles (by their place in the file), equal to the campaign's where the key is known.

    Two titles with one key become `key` and `key_2`; a reserved word becomes `word_2`; no title becomes `column_3`.
    """
    known = {column["key"]: column for column in taken}
    used: set[str] = set()
    result: dict[int, dict[str, str]] = {}
    for place, title in sorted(titles.items()):
        key = stem = key_of(title) or f"column_{place + 1}"
        number = 2
        while key in used or key in RESERVED:
            key = f"{stem[: MAX_KEY - 3]}_{number}"
            number += 1
        used.add(key)
        result[place] = known.get(key) or {"key": key, "title": title.strip()[:MAX_TITLE] or key}
    return result
