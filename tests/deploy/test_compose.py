"""The compose file and what it mounts: judged by its own rules here, and by the programs themselves where they are."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from hearthline.cli import main
from hearthline.configuration import Configuration
from hearthline.switch.freeswitch.rendering import arguments
from tests.e2e.exchange import ROOT, free_port, wait_for

DEPLOY = ROOT / "deploy"


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return found


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """What make-secrets.sh makes, in a copy of the folder."""
    shutil.copy(DEPLOY / "make-secrets.sh", tmp_path)
    subprocess.run([tmp_path / "make-secrets.sh"], check=True, timeout=30)
    return tmp_path / "secrets"


def test_every_secret_is_made_declared_and_used(project: dict[str, Any], secrets: Path) -> None:
    declared = {name: Path(value["file"]).name for name, value in project["secrets"].items()}
    used = {name for service in project["services"].values() for name in service.get("secrets", ())}
    assert used == set(declared)
    assert set(declared.values()) == {path.name for path in secrets.iterdir()}
    assert secrets.stat().st_mode & 0o077 == 0
    before = {path.name: path.read_text() for path in secrets.iterdir()}
    subprocess.run([secrets.parent / "make-secrets.sh"], check=True, timeout=30)
    assert {path.name: path.read_text() for path in secrets.iterdir()} == before  # made once


def test_the_exchange_takes_its_secrets_from_the_files(secrets: Path, tmp_path: Path) -> None:
    found = Configuration(_secrets_dir=secrets, _env_file=None, data=tmp_path)  # type: ignore[call-arg]
    assert found.secret_key == (secrets / "hearthline_secret_key").read_text()
    assert found.database_url.startswith("postgresql://hearthline:")


def test_no_secret_stands_in_the_file_and_little_is_open(project: dict[str, Any]) -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    assert not re.search(r"(?i)(?:password|secret|key): [\"']?[A-Za-z0-9+/]{8,}", text)
    for name, service in project["services"].items():
        assert "no-new-privileges:true" in service["security_opt"], name
        assert service["logging"]["options"]["max-size"], name
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), name
        if "restart" not in service or service["restart"] != "no":
            assert service["restart"] == "unless-stopped", name


def test_every_setting_is_one(project: dict[str, Any]) -> None:
    known = set(Configuration.model_fields)
    for service in ("web", "callcontrol", "worker", "robots"):
        environment = project["services"][service]["environment"]
        assert {name.removeprefix("HEARTHLINE_").lower() for name in environment} <= known


def test_the_robots_run_and_are_found_by_those_who_ask_for_them(project: dict[str, Any]) -> None:
    services = project["services"]
    assert services["robots"]["command"][0] in main.commands
    assert services["robots"]["network_mode"] == "host"  # their port is on the loopback that call control sees
    ports = {services[name]["environment"]["HEARTHLINE_ROBOTS_PORT"] for name in ("web", "callcontrol", "robots")}
    assert len(ports) == 1
    (port,) = ports
    default = re.fullmatch(r"\$\{HEARTHLINE_ROBOTS_PORT:-(\d+)\}", port)
    assert default
    assert f"HEARTHLINE_ROBOTS_PORT={default[1]}" in (DEPLOY / "env.example").read_text()
    assert "profiles" not in services["robots"]
    assert "ports" not in services["robots"]


def test_freeswitch_is_started_as_its_configuration_wants(project: dict[str, Any]) -> None:
    command = project["services"]["freeswitch"]["command"]
    assert command == arguments(Path("/var/lib/hearthline/freeswitch"))


def test_the_image_has_what_the_command_line_needs() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    for source in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.M):
        for name in source.split():
            assert (ROOT / name).exists(), name
    assert "--require-hashes" in text
    assert re.search(r"^USER 10001", text, re.M)


@pytest.mark.skipif(
    subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode != 0
    if shutil.which("docker")
    else True,
    reason="docker's compose plugin is not here",
)
@pytest.mark.parametrize("profiles", ["embedded,turn", "freeswitch,turn"])
def test_compose_takes_it(secrets: Path, profiles: str) -> None:
    for name in ("compose.yaml", "env.example"):
        shutil.copy(DEPLOY / name, secrets.parent)
    command = ["docker", "compose", "--env-file", "env.example", "config", "--quiet"]
    environment = {**os.environ, "COMPOSE_PROFILES": profiles}
    done = subprocess.run(
        command, cwd=secrets.parent, env=environment, capture_output=True, text=True, timeout=150, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not shutil.which("caddy"), reason="caddy is not here (Debian: caddy)")
@pytest.mark.parametrize("tls", ["", "tls internal"])
def test_caddy_takes_its_file(tmp_path: Path, tls: str) -> None:
    environment = {
        **os.environ, "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path),
        "HEARTHLINE_HOST": "calls.example.org", "HEARTHLINE_TLS": tls, "HEARTHLINE_WEB": "10.0.0.1:8000 10.0.0.2:8000",
    }  # fmt: skip
    done = subprocess.run(
        ["caddy", "validate", "--adapter", "caddyfile", "--config", DEPLOY / "Caddyfile"],
        env=environment, capture_output=True, text=True, timeout=150, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not shutil.which("redis-server"), reason="redis-server is not here (Debian: redis-server)")
def test_redis_takes_its_configuration_and_wants_the_password(secrets: Path, tmp_path: Path) -> None:
    port = free_port()
    text = (
        (secrets / "redis.conf")
        .read_text()
        .replace("dir /data", f"dir {tmp_path}")
        .replace("bind * -::*", "bind 127.0.0.1")
    )
    (tmp_path / "redis.conf").write_text(text)
    process = subprocess.Popen(
        ["redis-server", tmp_path / "redis.conf", "--port", str(port)], stdout=subprocess.DEVNULL, cwd=tmp_path
    )
    try:
        wait_for(lambda: _answers(port, b"PING\r\n"), "redis")
        assert _answers(port, b"PING\r\n").startswith(b"-NOAUTH")
        password = (secrets / "redis_password").read_bytes()
        assert _answers(port, b"AUTH " + password + b"\r\n") == b"+OK\r\n"
    finally:
        process.terminate()
        process.wait(20)


def _answers(port: int, words: bytes) -> bytes:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(words)
            return connection.recv(200)
    except OSError:
        return b""


def test_the_relays_container_starts_with_the_secret_in_a_file(
    project: dict[str, Any], secrets: Path, tmp_path: Path
) -> None:
    program = os.environ.get("HEARTHLINE_TURNSERVER") or shutil.which("turnserver")
    if not program:
        pytest.skip("coturn is not here (Debian: coturn; or name its turnserver in HEARTHLINE_TURNSERVER)")
    (script,) = project["services"]["coturn"]["command"]
    script = script.replace("$$", "$").replace("/tmp/", f"{tmp_path}/").replace("/run/secrets", str(secrets))
    script = script.replace("/etc/coturn/exchange.conf", str(DEPLOY / "coturn" / "turnserver.conf"))
    port = free_port()
    script = script.replace("exec turnserver", f"exec {program} --listening-port={port}")
    environment = {**os.environ, "REALM": "r", "BIND_ADDRESS": "127.0.0.1", "PUBLIC_ADDRESS": "127.0.0.1"}
    process = subprocess.Popen(["/bin/sh", "-euc", script], env=environment, stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: process.poll() is not None or _listens(port), "coturn to listen")
        assert process.poll() is None
        command = Path(f"/proc/{process.pid}/cmdline").read_text()
        assert (secrets / "turn_secret").read_text() not in command
        assert (tmp_path / "turnserver.conf").stat().st_mode & 0o077 == 0
    finally:
        process.terminate()
        process.wait(20)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
