"""The machine: addresses, ports, clock, disk, the running parts."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from hearthline.configuration import ROOT, Configuration
from hearthline.doctor.finding import Finding, State
from hearthline.lib.addresses import is_loopback

RECORDING_BYTES_PER_HOUR = 16_000 * 2 * 3600  # stereo, 16 bits, 8 kHz
LITTLE_DISK_HOURS = 50
_CLOCK_NOT_SYNCHRONISED = 5  # TIME_ERROR of adjtimex(2)


def look_at_machine(configuration: Configuration) -> Iterator[Finding]:
    yield from _pages(configuration)
    yield from _media(configuration)
    yield _sip(configuration)
    yield from _phones(configuration)
    yield clock_finding()
    yield _disk(configuration)
    yield _built()
    yield from parts(configuration)


def _pages(configuration: Configuration) -> Iterator[Finding]:
    url = urlsplit(configuration.public_url)
    host = url.hostname or ""
    if url.scheme == "https":
        yield Finding(
            "address", State.GOOD, f"Pages are at {configuration.public_url}; browsers will give the microphone."
        )
    elif is_loopback(host):
        yield Finding(
            "address",
            State.NOTE,
            f"Pages are at {configuration.public_url}: usable on this machine only.",
            "For operators elsewhere set HEARTHLINE_PUBLIC_URL=https://your.name and put a TLS proxy in front "
            "(docs/operations.md); browsers give a microphone to https pages only.",
        )
    else:
        yield Finding(
            "address",
            State.MISSING,
            f"{configuration.public_url} is not https: no browser will give it the microphone.",
            "Put a TLS proxy in front and set HEARTHLINE_PUBLIC_URL=https://your.name (docs/operations.md).",
        )
    if (
        host
        and not is_loopback(host)
        and host not in configuration.allowed_hosts
        and "*" not in configuration.allowed_hosts
    ):
        yield Finding(
            "address",
            State.MISSING,
            f"{host} is not among HEARTHLINE_ALLOWED_HOSTS: every page will be refused.",
            f'Set HEARTHLINE_ALLOWED_HOSTS=["{host}"]',
        )


def _media(configuration: Configuration) -> Iterator[Finding]:
    told = configuration.media_advertise or configuration.media_bind
    port = configuration.media_port
    own = configuration.switch == "embedded"
    ports = f"UDP port {port}" if own else "UDP ports {}-{}".format(*configuration.rtp_ports)
    if all(is_loopback(address) for address in told):
        yield Finding(
            "browser audio",
            State.NOTE if is_loopback(urlsplit(configuration.public_url).hostname or "") else State.MISSING,
            f"Browsers are told {', '.join(told)}: only those on this machine will hear anything.",
            f"Set HEARTHLINE_MEDIA_BIND to an address of this machine and, behind NAT, HEARTHLINE_MEDIA_ADVERTISE to the one "
            f"that operators reach; let {ports} through the firewall.",
        )
    else:
        yield Finding(
            "browser audio",
            State.GOOD,
            f"Browsers send audio to {', '.join(told)}, {ports}; the firewall must let that in.",
        )
    for address in configuration.media_bind if own else ():
        if reason := _why_not_bound(address, port, socket.SOCK_DGRAM):
            yield Finding(
                "browser audio",
                State.NOTE if parts_running(configuration) else State.MISSING,
                f"UDP {address}:{port} is taken or not this machine's ({reason}).",
                "" if parts_running(configuration) else "Free it, or set HEARTHLINE_MEDIA_PORT to another.",
            )


def _sip(configuration: Configuration) -> Finding:
    address = configuration.sip_advertise or configuration.sip_bind
    low, high = configuration.rtp_ports
    if is_loopback(address):
        return Finding(
            "telephone side",
            State.NOTE,
            f"SIP and telephone audio use {address}: a provider on this machine only.",
            "For a real provider set HEARTHLINE_SIP_BIND to this machine's address and, behind NAT, HEARTHLINE_SIP_ADVERTISE "
            f"to the public one; let UDP ports {low}-{high} through the firewall.",
        )
    return Finding(
        "telephone side",
        State.GOOD,
        f"SIP and audio use {address}, UDP ports {low}-{high}; the firewall must let them in.",
    )


def _phones(configuration: Configuration) -> Iterator[Finding]:
    """Where people's SIP phones register."""
    if not configuration.phones_register:
        return
    own = configuration.switch == "embedded"
    port = configuration.sip_port if own else configuration.freeswitch_phones_port
    if own and not port:
        yield Finding(
            "SIP phones",
            State.MISSING,
            f"They are told to register at {configuration.phones_server}, and the SIP port is another at each start.",
            "Set HEARTHLINE_SIP_PORT to the port that they are told.",
        )
    elif not own and configuration.freeswitch_phones is None:
        yield Finding(
            "SIP phones",
            State.MISSING,
            "FreeSWITCH is not given their accounts: none can register.",
            "Set HEARTHLINE_FREESWITCH_PHONES to the folder `phones` beside FreeSWITCH's configuration.",
        )
    else:
        yield Finding(
            "SIP phones",
            State.GOOD,
            f"They register at {configuration.phones_server}: port {port} of {configuration.sip_bind} here, UDP and TCP.",
        )


def clock_finding() -> Finding:
    """Whether the kernel's clock is kept right by something (adjtimex(2)); times of calls are evidence."""
    if sys.platform != "linux":
        return Finding(
            "clock",
            State.UNCHECKED,
            "Only Linux can be asked whether the clock is kept right.",
            "Use a time service (NTP).",
        )
    buffer = ctypes.create_string_buffer(512)  # struct timex, modes = 0: read only
    state = ctypes.CDLL(None, use_errno=True).adjtimex(buffer)
    if state < 0:
        return Finding(
            "clock",
            State.UNCHECKED,
            "The kernel does not say whether the clock is kept right.",
            "Use a time service (NTP).",
        )
    if state == _CLOCK_NOT_SYNCHRONISED:
        return Finding(
            "clock",
            State.NOTE,
            "The clock is not kept right by a time service as far as this kernel knows.",
            "Run chrony or systemd-timesyncd on the host: calling hours and the times of calls depend on it.",
        )
    return Finding("clock", State.GOOD, "The clock is kept right by a time service.")


def _disk(configuration: Configuration) -> Finding:
    free = shutil.disk_usage(configuration.data).free
    hours = free // RECORDING_BYTES_PER_HOUR
    sentence = f"{free / 1e9:.0f} GB free: about {hours:,} hours of recorded conversation."
    if hours < LITTLE_DISK_HOURS:
        return Finding(
            "disk",
            State.NOTE,
            sentence,
            f"Make room on the disk of {configuration.data}, or put the data folder elsewhere.",
        )
    return Finding("disk", State.GOOD, sentence)


def _built() -> Finding:
    if (ROOT / "hearthline" / "static" / "build" / "app.js").exists():
        return Finding("front end", State.GOOD, "Built.")
    return Finding(
        "front end",
        State.MISSING,
        "The pages' scripts and styles were not built.",
        "Run: make run, or npm run build in frontend/",
    )


def parts_running(configuration: Configuration) -> dict[str, int]:
    """Name → process id of the children of a running `hearthline up`; empty when none runs."""
    try:
        state = json.loads((configuration.run_folder / "up.json").read_text())
    except (OSError, ValueError):
        return {}
    if not _alive(int(state["pid"])):
        return {}
    return {name: int(child["pid"]) for name, child in state["children"].items()}


def parts(configuration: Configuration) -> Iterator[Finding]:
    running = parts_running(configuration)
    if not running:
        yield Finding("exchange", State.NOTE, "It is not running on this data folder.", "Start it: hearthline up")
        return
    for name in ("engine", "web", "worker") if configuration.switch == "embedded" else ("web", "worker"):
        if name in running and _alive(running[name]):
            yield Finding(name, State.GOOD, f"Runs as process {running[name]}.")
        else:
            yield Finding(
                name,
                State.MISSING,
                "Is not running.",
                "It is started again by itself; if not, see what `hearthline up` prints.",
            )


def _why_not_bound(address: str, port: int, kind: socket.SocketKind) -> str:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, kind) as probe:
        try:
            probe.bind((address, port))
        except OSError as error:
            return error.strerror or str(error)
    return ""


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return Path(f"/proc/{pid}").exists() or sys.platform != "linux"
