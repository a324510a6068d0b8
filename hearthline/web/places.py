"""Places in a recording as people write them."""

from __future__ import annotations

import re

_PLACE = re.compile(r"(?:(\d{1,3}):)?(\d{1,4})")


def place_of(text: str) -> int | None:
    """ "1:05" or "65" in milliseconds; None when it is no place."""
    match = _PLACE.fullmatch(text.strip())
    return (int(match[1] or 0) * 60 + int(match[2])) * 1000 if match else None
