"""The built-in provider's configuration file (JSON).

{"bind": "127.0.0.1", "port": 0, "realm": "robots.invalid",
 "accounts": {"hearthline": "password"},
 "caller_ids": ["+74950000001"],            // optional: others are refused with 403
 "language": "ru", "languages": {"1": "en"},  // the second: by how a number begins, the longest prefix counts
 "seed": 7, "sounds": "/var/cache/robots",
 "contacts": {"+79161234567": "agrees"},     // a character each
 "others": "absent",                         // any other number: a character, or "drawn" by number and seed
 "rtp_ports": [0, 0], "max_calls": 200}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hearthline.switch.robots.characters import Character, Plan, plan_for
from hearthline.switch.robots.phrases import LANGUAGES

DRAWN = "drawn"


class ConfigError(Exception):
    """A configuration that cannot be used; the text says what to change."""


@dataclass(frozen=True, slots=True)
class ProviderConfig:
    accounts: Mapping[str, str] = field(repr=False)
    sounds: Path
    bind: str = "127.0.0.1"
    port: int = 0
    realm: str = "robots.invalid"
    caller_ids: frozenset[str] = frozenset()
    language: str = "ru"
    languages: Mapping[str, str] = field(default_factory=dict)
    seed: int = 1
    contacts: Mapping[str, Character] = field(default_factory=dict)
    others: str = Character.ABSENT
    rtp_ports: tuple[int, int] = (0, 0)
    max_calls: int = 200

    def plan(self, number: str) -> Plan:
        """Who answers at a number, as the caller dialled it."""
        digits = number.lstrip("+")
        character = self.contacts.get(digits)
        if character is None and self.others != DRAWN:
            character = Character(self.others)
        return plan_for(digits, self.seed, self.language_of(digits), character)

    def language_of(self, number: str) -> str:
        """What is spoken at a number."""
        digits = number.lstrip("+")
        fitting = [prefix for prefix in self.languages if digits.startswith(prefix)]
        return self.languages[max(fitting, key=len)] if fitting else self.language

    @property
    def spoken(self) -> list[str]:
        """Every language that some robot speaks."""
        return list(dict.fromkeys([self.language, *self.languages.values()]))


def read_config(path: Path) -> ProviderConfig:
    """Raises ConfigError."""
    try:
        data = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"The configuration cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise ConfigError(f"The configuration is not JSON: {error}.") from error
    if not isinstance(data, dict):
        raise ConfigError("The configuration must be a JSON object.")
    return config_of(data)


def config_of(data: Mapping[str, Any]) -> ProviderConfig:
    """Raises ConfigError."""
    known = set(ProviderConfig.__dataclass_fields__)
    unknown = set(data) - known
    if unknown:
        raise ConfigError(f"The configuration has unknown keys: {', '.join(sorted(unknown))}.")
    for name in ("accounts", "sounds"):
        if not data.get(name):
            raise ConfigError(f"The configuration lacks {name!r}.")
    values = dict(data)
    try:
        values["sounds"] = Path(values["sounds"])
        values["accounts"] = {str(user): str(word) for user, word in values["accounts"].items()}
        values["caller_ids"] = frozenset(str(one).lstrip("+") for one in values.get("caller_ids", ()))
        contacts = values.get("contacts", {})
        values["contacts"] = {str(number).lstrip("+"): Character(who) for number, who in contacts.items()}
        low, high = values.get("rtp_ports", (0, 0))
        values["rtp_ports"] = (int(low), int(high))
        if values.get("others", Character.ABSENT) != DRAWN:
            Character(values.get("others", Character.ABSENT))
    except (TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"The configuration cannot be used: {error}.") from error
    values["languages"] = {str(prefix).lstrip("+"): code for prefix, code in dict(values.get("languages", {})).items()}
    if not {values.get("language", "ru"), *values["languages"].values()} <= set(LANGUAGES):
        raise ConfigError(f"Robots speak {' and '.join(LANGUAGES)} only.")
    return ProviderConfig(**values)
