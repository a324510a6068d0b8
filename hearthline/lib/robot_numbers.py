"""Numbers of robots. "+0" and fourteen digits: no country's code begins with 0 (ITU-T E.164 §6.2.1), so that such a number
reaches nobody on any telephone network, whatever else goes wrong on the way."""

from __future__ import annotations

import secrets

ROBOT_ACCOUNT = "hearthline"  # as which call control signs in at the robots
PREFIX = "+0"
DIGITS = 14
RESERVED = 1000  # the first ones belong to robots that are always there


def new_robot_number() -> str:
    """A number that no other robot has."""
    return f"{PREFIX}{RESERVED + secrets.randbelow(10**DIGITS - RESERVED):0{DIGITS}}"


def is_robot_number(number: str) -> bool:
    """With or without its plus."""
    return number.removeprefix("+").startswith("0") and len(number.removeprefix("+")) == DIGITS + 1
