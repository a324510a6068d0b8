"""Writing FreeSWITCH's configuration from our template: one file, one certificate, the hold music.

The template stands in `deploy/freeswitch`; what it says and why is in the README beside it.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import re
import secrets
import shutil
import ssl
import wave
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from hearthline.switch.embedded.pcm import RATE
from hearthline.switch.embedded.sounds import hold_music

TEMPLATE = Path(__file__).resolve().parents[3] / "deploy" / "freeswitch" / "freeswitch.xml.in"
PHONES_TEMPLATE = TEMPLATE.with_name("phones.xml.in")

_KEY = re.compile(r"[A-Za-z0-9_-]{16,128}")
_HOST = re.compile(r"[A-Za-z0-9._:-]{1,255}|auto-nat|stun:[A-Za-z0-9.:-]{1,200}")
_REALM = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PLACES = ("/usr/bin/freeswitch", "/usr/local/freeswitch/bin/freeswitch", "/opt/freeswitch/bin/freeswitch")
_AUTHORITIES = (  # Debian and Arch, Fedora, Alpine and openSUSE
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
)
_LEVELS = {"debug": 7, "info": 6, "notice": 5, "warning": 4, "err": 3}


class RenderError(Exception):
    """A value that cannot stand in the configuration; the sentence names it."""


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """One FreeSWITCH node. Addresses are literal; ports are TCP except `rtp_ports`."""

    event_password: str
    lines_key: str  # what call control proves itself with when it hands in a browser's leg
    control_host: str = "127.0.0.1"  # where the event socket and the lines' port listen, and who may use them
    event_port: int = 8021
    lines_port: int = 5066
    media_bind: str = "127.0.0.1"
    media_advertise: str = ""  # what browsers are told; empty: the bound address
    sip_bind: str = "127.0.0.1"
    sip_advertise: str = ""
    sip_port: int = 5060
    tls_port: int = 0  # 0: no TLS to trunks
    tls_verify: bool = True  # trunks' certificates
    phones_port: int = 0  # where people's SIP phones register; 0: none may
    phones_realm: str = "hearthline"
    rtp_ports: tuple[int, int] = (30000, 31999)
    max_sessions: int = 1000
    sessions_per_second: int = 50
    consent_s: int = 15  # a browser of which nothing comes for so long is gone (RFC 7675)
    connect_s: int = 30  # from the offer to the first audio
    log_to_file: bool = True  # else to the standard output
    log_level: str = "err"  # "warning" repeats itself with each check of each browser; "info" and below tell numbers
    trace_sip: bool = False  # whole SIP messages in the log: for tests

    def __post_init__(self) -> None:
        for name in ("event_password", "lines_key"):
            if not _KEY.fullmatch(getattr(self, name)):
                raise RenderError(f"{name} must have 16 to 128 letters, digits, - or _.")
        try:
            if ipaddress.ip_address(self.control_host).version != 4:
                raise RenderError("control_host must be an IPv4 address.")
        except ValueError:
            raise RenderError("control_host must be a literal IPv4 address.") from None
        for name in ("media_bind", "media_advertise", "sip_bind", "sip_advertise"):
            value = getattr(self, name)
            if value and not _HOST.fullmatch(value):
                raise RenderError(f"{name} is no address.")
        if not _REALM.fullmatch(self.phones_realm):
            raise RenderError("phones_realm may have letters, digits, dots, - and _ only.")
        ports = (self.event_port, self.lines_port, self.sip_port, self.phones_port, self.tls_port)
        if len({port for port in ports if port}) != len([port for port in ports if port]):
            raise RenderError("Event socket, lines, trunks, TLS and telephones need a port each.")
        if not 1024 <= self.rtp_ports[0] < self.rtp_ports[1] <= 65535:
            raise RenderError("rtp_ports must be two ports from 1024 on, the lower first.")
        if self.log_level not in _LEVELS:
            raise RenderError(f"log_level must be one of {', '.join(_LEVELS)}.")


def render(config: NodeConfig, folder: Path) -> Path:
    """Write everything below `folder`, which FreeSWITCH is then started with (see `arguments`); returns the
    configuration's folder. Only the owner can read it: it holds passwords. An existing certificate is kept."""
    folder = folder.resolve()
    if re.search(r"[^A-Za-z0-9._/+-]", str(folder)):
        raise RenderError("The folder's path may have letters, digits and . _ / + - only.")
    for name in ("conf", "certificates", "gateways", "phones", "incoming", "log", "run", "db", "sounds"):
        (folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    music = folder / "sounds" / "hold_music.wav"
    _write_music(music)
    certificate = folder / "certificates" / "dtls-srtp.pem"
    if not certificate.exists():
        _write_private(certificate, make_certificate())
    if config.tls_port:
        _write_tls(certificate.parent, certificate.read_text(), verify=config.tls_verify)
    phones = PHONES_TEMPLATE.read_text() if config.phones_port else ""
    text = TEMPLATE.read_text().replace("@PHONES_PROFILE@\n", phones)
    values = _values(config, folder, music)
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    _write_private(folder / "conf" / "freeswitch.xml", text)
    return folder / "conf"


def find_program() -> str | None:
    """FreeSWITCH's program: what HEARTHLINE_FREESWITCH names, or from the PATH, or where it usually is. None: not here."""
    named = os.environ.get("HEARTHLINE_FREESWITCH") or shutil.which("freeswitch")
    return next((place for place in ([named] if named else _PLACES) if os.access(place, os.X_OK)), None)


def arguments(folder: Path) -> list[str]:
    """The arguments that FreeSWITCH is started with."""
    folder = folder.resolve()
    places = {
        "conf": "conf", "log": "log", "run": "run", "db": "db", "certs": "certificates", "cache": "run", "temp": "run",
        "storage": "run", "recordings": "run", "sounds": "sounds", "scripts": "run", "grammar": "run", "htdocs": "run",
    }  # fmt: skip
    return [
        "-nf",
        "-nonat",
        "-nonatmap",
        *(word for name, place in places.items() for word in (f"-{name}", str(folder / place))),
    ]


def _values(config: NodeConfig, folder: Path, music: Path) -> dict[str, str]:
    levels = list(_LEVELS)[list(_LEVELS).index(config.log_level) :]
    trace = '            <param name="sip-trace" value="yes"/>' if config.trace_sip else ""
    plain = {
        "MUSIC": str(music),
        "LOGGER": "logfile" if config.log_to_file else "console",
        "LOG_LEVELS": ",".join([*levels, "crit", "alert"]),
        "LOG_LEVEL": str(_LEVELS[config.log_level]),
        "LOG_FILE": str(folder / "log" / "freeswitch.log"),
        "MAX_SESSIONS": str(config.max_sessions),
        "SESSIONS_PER_SECOND": str(config.sessions_per_second),
        "RTP_FIRST": str(config.rtp_ports[0]),
        "RTP_LAST": str(config.rtp_ports[1]),
        "CONTROL_HOST": config.control_host,
        "EVENT_PORT": str(config.event_port),
        "EVENT_PASSWORD": config.event_password,
        "LINES_PORT": str(config.lines_port),
        "LINES_KEY": config.lines_key,
        "MEDIA_BIND": config.media_bind,
        "MEDIA_ADVERTISE": config.media_advertise or config.media_bind,
        "GATEWAYS": str(folder / "gateways"),
        "PHONES": str(folder / "phones"),
        "INCOMING": str(folder / "incoming"),
        "PHONES_PORT": str(config.phones_port),
        "PHONES_REALM": config.phones_realm,
        "SIP_BIND": config.sip_bind,
        "SIP_ADVERTISE": config.sip_advertise or config.sip_bind,
        "SIP_PORT": str(config.sip_port),
        "TLS": "true" if config.tls_port else "false",
        "TLS_PORT": str(config.tls_port or 5061),
        "TLS_VERIFY": "subjects_out" if config.tls_verify else "none",
        "CERTIFICATES": str(folder / "certificates"),
        "CONSENT_MS": str(1000 * config.consent_s),
        "CONNECT_S": str(config.connect_s + 5),  # call control is quicker; this is for when it is dead
    }
    return {**{name: quoteattr(value)[1:-1] for name, value in plain.items()}, "TRACE": trace}


def _write_private(path: Path, text: str) -> None:
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    part.replace(path)


def _write_tls(folder: Path, own: str, *, verify: bool) -> None:
    """What FreeSWITCH shows to providers, and whose signatures it believes: it does not look for the machine's by itself."""
    _write_private(folder / "agent.pem", own)
    authorities = folder / "cafile.pem"
    authorities.unlink(missing_ok=True)
    if verify:
        _write_private(authorities, machine_authorities().read_text())


def machine_authorities() -> Path:
    """The certificates that this machine trusts, as one file: SSL_CERT_FILE, or where distributions keep them. RenderError."""
    named = os.environ.get("SSL_CERT_FILE")
    usual = ssl.get_default_verify_paths().cafile
    for place in [named] if named else [usual, *_AUTHORITIES]:
        if place and os.access(place, os.R_OK):
            return Path(place)
    raise RenderError(
        "This machine has no file of trusted certificates, which TLS to trunks is checked by: "
        "install ca-certificates, or name one in SSL_CERT_FILE."
    )


def _write_music(path: Path) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(hold_music())


def make_certificate() -> str:
    """A key and a self-signed certificate as PEM, for DTLS with browsers (they check its fingerprint, nothing else).
    FreeSWITCH throws away whatever has fewer than 4096 bits. Left alone it makes one with the serial number 0, which
    RFC 5280 §4.1.2.2 forbids and some libraries refuse. Takes some seconds."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=4096)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, secrets.token_hex(8))])
    today = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return (certificate.public_bytes(encoding) + private).decode()
