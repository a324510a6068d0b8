"""What the embedded engine is told when it starts, as data and as a JSON file."""

from __future__ import annotations

import dataclasses
import ipaddress
import json
from dataclasses import dataclass
from typing import Any

from hearthline.switch.embedded.codecs import OPUS, PCMA, PCMU


class ConfigError(Exception):
    """A configuration that cannot be used; the sentence names the field."""


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """Everything has a default that works on one machine. Addresses are literal (no names)."""

    media_bind: tuple[str, ...] = ("127.0.0.1",)  # addresses of the one UDP port of all browser legs
    media_port: int = 0  # 0: the system chooses
    media_advertise: tuple[str, ...] = ()  # what answers name, best first; empty: the bound addresses
    browser_codecs: tuple[str, ...] = (PCMU, PCMA, OPUS)  # preference for browsers; a leg's tag "codec" puts one first
    sip_bind: str = "127.0.0.1"  # address of the SIP port (UDP and TCP) and of phone legs' RTP
    sip_port: int = 0
    sip_advertise: str = ""  # the host in Via, Contact and SDP; empty: the bound address
    rtp_ports: tuple[int, int] = (0, 0)  # range of phone legs' RTP ports, inclusive; (0, 0): the system chooses
    max_legs: int = 400
    overloaded_late_percent: int = 50  # no further legs while more ticks than this are late (100: never refused)
    connect_timeout_s: int = 30  # from a browser's offer to a finished DTLS handshake
    consent_timeout_s: int = 15  # RFC 7675
    stalled_after_ms: int = 2000  # nothing has come from a leg that is up: LegMediaStalled
    orphan_limit_s: int = 900  # nobody has controlled it for so long: all legs are hung up
    stats_interval_s: int = 5

    def __post_init__(self) -> None:
        if not self.media_bind:
            raise ConfigError("media_bind needs at least one address.")
        for name, values in (
            ("media_bind", self.media_bind),
            ("media_advertise", self.media_advertise),
            ("sip_bind", (self.sip_bind,)),
        ):
            for value in values:
                try:
                    ipaddress.ip_address(value)
                except ValueError:
                    raise ConfigError(f"{name} must hold literal IP addresses; {value!r} is none.") from None
        if any(ipaddress.ip_address(value).is_unspecified for value in self.media_bind) and not self.media_advertise:
            raise ConfigError(
                "media_bind is a wildcard address: say in media_advertise which addresses browsers reach."
            )
        if not self.browser_codecs or any(codec not in (PCMU, PCMA, OPUS) for codec in self.browser_codecs):
            raise ConfigError("browser_codecs must be chosen from PCMU, PCMA and opus.")
        for name, port in (("media_port", self.media_port), ("sip_port", self.sip_port)):
            if not 0 <= port <= 65535:
                raise ConfigError(f"{name} must be between 0 and 65535.")
        if len(self.rtp_ports) != 2 or not 0 <= self.rtp_ports[0] <= self.rtp_ports[1] <= 65535:
            raise ConfigError("rtp_ports must be two ports, the lower first.")
        for name in (
            "max_legs",
            "overloaded_late_percent",
            "connect_timeout_s",
            "consent_timeout_s",
            "stalled_after_ms",
            "orphan_limit_s",
            "stats_interval_s",
        ):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1.")

    @classmethod
    def from_json(cls, text: str) -> EngineConfig:
        """Read a JSON object with any of the fields. ConfigError for a field unknown or of the wrong type."""
        try:
            raw: Any = json.loads(text)
        except json.JSONDecodeError as error:
            raise ConfigError(f"The configuration is not JSON: {error}.") from None
        if not isinstance(raw, dict):
            raise ConfigError("The configuration must be a JSON object.")
        values: dict[str, Any] = {}
        fields = {field.name: field for field in dataclasses.fields(cls)}
        for name, value in raw.items():
            if name not in fields:
                raise ConfigError(f"The configuration has an unknown field {name!r}.")
            default = fields[name].default
            if isinstance(default, tuple):
                kind = int if name == "rtp_ports" else str
                if not isinstance(value, list) or not all(type(item) is kind for item in value):
                    raise ConfigError(f"{name} must be a list of {'numbers' if kind is int else 'strings'}.")
                values[name] = tuple(value)
            elif type(value) is not type(default):
                raise ConfigError(f"{name} must be a {type(default).__name__}.")
            else:
                values[name] = value
        return cls(**values)

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=1)
