"""Which children make up an exchange on one machine, and what must hold before they are started."""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
import sys
from pathlib import Path
from typing import IO

from hearthline.configuration import ROOT, Configuration
from hearthline.lib.addresses import is_loopback
from hearthline.supervisor.child import Child
from hearthline.supervisor.health import answers_http, engine_answers
from hearthline.switch.embedded.config import ConfigError, EngineConfig


class CannotRunError(Exception):
    """Why the exchange cannot start here, with what to do about it."""


def exchange_children(configuration: Configuration) -> list[Child]:
    """The engine, the web process with call control, the worker, the robots; in the order of their start. FreeSWITCH is nobody's child
    here: it is started by the system, and its calls outlive a restart of the exchange."""
    env = {"PYTHONPATH": str(ROOT), "HEARTHLINE_DATA": str(configuration.data), "HEARTHLINE_CALLCONTROL": "in_web"}
    env |= {"HEARTHLINE_LOG_FORMAT": configuration.log_format, "HEARTHLINE_LOG_LEVEL": configuration.log_level}
    robots_port = configuration.robots_port or free_port()
    env["HEARTHLINE_ROBOTS_PORT"] = str(robots_port)
    engine_socket = configuration.engine_socket
    host, port = configuration.listen_host, configuration.listen_port

    async def web_answers() -> bool:
        return await answers_http(host, port)

    async def engine_is_well() -> bool:
        return await engine_answers(engine_socket)

    async def robots_listen() -> bool:
        _, writer = await asyncio.open_connection("127.0.0.1", robots_port)
        writer.close()
        return True

    python = [sys.executable, "-m"]
    engine: list[Child] = []
    if configuration.switch == "embedded":
        engine.append(Child("engine", _engine_command(configuration), env, engine_is_well))
    return [
        *engine,
        Child("web", [*python, "hearthline", "web", "--host", host, "--port", str(port)], env, web_answers),
        Child("worker", [*python, "hearthline", "worker"], env),
        Child("practice", [*python, "hearthline", "robots"], env, robots_listen, ready_within_s=60.0),
    ]


def free_port() -> int:
    """Free for UDP and TCP on 127.0.0.1 at this moment. Raises CannotRunError."""
    for _ in range(50):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            udp.bind(("127.0.0.1", 0))
            port: int = udp.getsockname()[1]
            try:
                tcp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise CannotRunError("There is no free port on 127.0.0.1.")


def _engine_command(configuration: Configuration) -> list[str]:
    settings = str(write_engine_settings(configuration))
    socket_path = str(configuration.engine_socket)
    return [sys.executable, "-m", "hearthline.switch.embedded", "--socket", socket_path, "--config", settings]


def become_engine(configuration: Configuration) -> None:
    """Turn this process into the embedded engine. Raises CannotRunError for settings that it refuses."""
    configuration.run_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    command = _engine_command(configuration)
    os.environ["PYTHONPATH"] = str(ROOT)
    os.execv(command[0], command)  # noqa: S606 (our own interpreter, our own arguments)


def write_engine_settings(configuration: Configuration) -> Path:
    """What the embedded engine is told: a JSON file of its own, since it knows nothing of Django's settings.

    Raises CannotRunError for settings that it refuses.
    """
    try:
        config = _engine_config(configuration)
    except ConfigError as error:
        raise CannotRunError(f"The settings of the switch cannot be used: {error}") from None
    path = configuration.run_folder / "engine.json"
    path.write_text(config.to_json())
    return path


def _engine_config(configuration: Configuration) -> EngineConfig:
    return EngineConfig(
        media_bind=tuple(configuration.media_bind),
        media_advertise=tuple(configuration.media_advertise),
        media_port=configuration.media_port,
        browser_codecs=tuple(configuration.browser_codecs),
        sip_bind=configuration.sip_bind,
        sip_advertise=configuration.sip_advertise,
        sip_port=configuration.sip_port,
        rtp_ports=configuration.rtp_ports,
        orphan_limit_s=_orphan_limit_s(configuration),
    )


def _orphan_limit_s(configuration: Configuration) -> int:
    """Where there are other nodes, an engine ends its calls before one of those takes them over; alone, calls wait longer for
    their call control."""
    if not configuration.redis_url:
        return EngineConfig().orphan_limit_s
    return max(2, configuration.node_lost_after_s * 2 // 3)


def check_folder(configuration: Configuration) -> IO[str]:
    """Make the run folder and lock it for this process. Raises CannotRunError when another `up` has it."""
    folder = configuration.run_folder
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    lock = (folder / "up.lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        raise CannotRunError(
            f"An exchange already runs on this data folder (process {lock.read().strip() or 'unknown'}): {configuration.data}\n"
            "End that one first, or give this one a folder of its own: hearthline --data FOLDER up"
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def check_port(configuration: Configuration) -> None:
    """Raises CannotRunError when the pages' address cannot be had."""
    host, port = configuration.listen_host, configuration.listen_port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CannotRunError(
                f"The address {host}:{port} cannot be used: {error.strerror}.\n"
                f"Is another exchange running there? Choose another port: hearthline up --port {port + 1}"
                f" (or: make run ARGS='--port {port + 1}')"
            ) from None


def with_media_port(configuration: Configuration, *, demonstration: bool) -> Configuration:
    """The configuration with a UDP port for browsers' voices that can be had. A demonstration takes another one where its own is taken;
    elsewhere a firewall may count on it. Raises CannotRunError."""
    if configuration.switch != "embedded":
        return configuration
    for host in configuration.media_bind:
        if (trouble := _udp_trouble(host, configuration.media_port)) is None:
            continue
        if demonstration:
            return configuration.model_copy(update={"media_port": free_port()})
        raise CannotRunError(
            f"UDP port {configuration.media_port} on {host}, for the browsers' voices, cannot be used: {trouble}.\n"
            "Is another exchange running here? Give this one a port of its own: HEARTHLINE_MEDIA_PORT, and open it in the firewall."
        )
    return configuration


def _udp_trouble(host: str, port: int) -> str | None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.strerror
    return None


def check_demonstration(configuration: Configuration) -> None:
    """Anyone who reaches a demonstration can enter as anybody. Raises CannotRunError unless it stays on this machine."""
    if not is_loopback(configuration.listen_host):
        raise CannotRunError(
            f"The demonstration lets everyone in as anybody, so it is served on this machine only; {configuration.listen_host} "
            "can be reached from elsewhere.\nUse 127.0.0.1, or start a real exchange: hearthline up"
        )
