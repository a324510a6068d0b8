"""The time zones a person may choose from."""

from __future__ import annotations

from functools import cache
from zoneinfo import available_timezones

_REGIONS = frozenset({"Africa", "America", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific"})


@cache
def timezone_choices() -> list[tuple[str, str]]:
    """Every zone that is a place, and UTC."""
    zones = sorted(z for z in available_timezones() if "/" in z and z.split("/")[0] in _REGIONS)
    return [("UTC", "UTC"), *((zone, zone.replace("_", " ")) for zone in zones)]
