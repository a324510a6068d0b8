"""What the engine's client is told: where FreeSWITCH is, and how patient to be."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from hearthline.switch.embedded.codecs import OPUS, PCMA, PCMU


@dataclass(frozen=True, slots=True)
class FreeswitchConfig:
    """`meter_folder` must be reachable by FreeSWITCH under the same path, as must recordings and sounds."""

    meter_folder: Path
    event_password: str = field(repr=False)
    lines_key: str = field(repr=False)
    event_host: str = "127.0.0.1"
    event_port: int = 8021
    lines_host: str = "127.0.0.1"
    lines_port: int = 5066
    sip_bind: str = "127.0.0.1"  # where FreeSWITCH's SIP port is; trunks are tried from there too
    sip_port: int = 5060
    tls: bool = False  # whether FreeSWITCH speaks TLS to trunks, and whether it verifies their certificates
    tls_verify: bool = True
    gateways_folder: Path | None = None  # where registering trunks are written; None: none can register
    phones_folder: Path | None = None  # where telephones' accounts are written; None: none can register
    incoming_folder: Path | None = None  # where watched numbers are written; None: none can be watched
    phones_port: int = 5060  # where they register
    phones_realm: str = "hearthline"
    guest: bool = False  # beside the call control that is at work: sees only its own legs, which that one does not see
    browser_codecs: tuple[str, ...] = (PCMU, PCMA, OPUS)
    connect_timeout_s: float = 30
    stalled_after_ms: int = 2000
    stats_interval_s: float = 5
    meter_buffer_ms: int = 500  # how much of a leg's audio comes at once to be measured
    longest_call_s: int = 4 * 3600  # of a call that names no longest duration
    orphan_limit_s: int = 900  # a phone call goes on for at most so long without call control
    overloaded_late_percent: int = 50  # no further legs while more of FreeSWITCH's packets than this are late
