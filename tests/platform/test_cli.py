"""The command line: mostly in this process, where a process is what matters as one."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from django.conf import settings

from hearthline.calls.models import Trunk
from hearthline.cli import main
from hearthline.configuration import ROOT, Configuration
from hearthline.people.models import AuditEntry
from hearthline.supervisor.exchange import free_port, with_media_port


def hearthline(*words: str, stdin: str = "") -> Result:
    """The command in this process, on the test's database."""
    return CliRunner().invoke(main, list(words), input=stdin)


def process(data: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """The command as a process of its own, on a data folder of its own."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("HEARTHLINE_")}
    return subprocess.run(
        [sys.executable, "-m", "hearthline", "--data", str(data), *words],
        cwd=ROOT,
        env={**clean, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


@pytest.fixture
def own_data(sqlite_file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings.HEARTHLINE, "data", tmp_path)


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The built-in provider with digest; its port."""
    folder = tmp_path_factory.mktemp("provider")
    config = folder / "robots.json"
    data = {
        "accounts": {"line": "right"},
        "caller_ids": ["+74950000001"],
        "contacts": {"+79160000001": "agrees", "+79160000002": "busy"},
        "sounds": str(folder),
        "seed": 2,
    }
    config.write_text(json.dumps(data))
    with subprocess.Popen(
        [sys.executable, "-m", "hearthline.switch.robots", "--config", str(config), "--until-stdin-closes"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as running:
        assert running.stdin
        assert running.stdout
        yield int(json.loads(running.stdout.readline())["port"])
        running.stdin.close()
        running.wait(timeout=20)


@pytest.mark.usefixtures("own_data")
def test_an_invitation_is_a_link() -> None:
    done = hearthline("invite", "operator", "--uses", "3")
    assert done.exit_code == 0, done.output
    assert re.fullmatch(r"http://127\.0\.0\.1:8000/\S{43,}/?\n", done.output)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("invite", "operator", "--days", "400"), "1 to 90 days"),
        (("invite", "customer", "--organisation", "Nobody"), "There is no customer named Nobody"),
        (("trunk", "test", "none"), "There is no trunk named none"),
        (("trunk", "add", "t", "--host", "h", "--number-format", "00"), "Put {e164} once"),
        (("trunk", "add", "t", "--username", "u"), "Missing option '--host'"),
        (("trunk", "change", "none", "--priority", "1"), "There is no trunk named none"),
        (("up", "--first-shift-only"), "--first-shift-only goes with --demo"),
    ],
)
@pytest.mark.usefixtures("own_data")
def test_a_refusal_is_a_sentence(words: tuple[str, ...], sentence: str) -> None:
    done = hearthline(*words)
    assert done.exit_code != 0
    assert sentence in done.output
    assert "Traceback" not in done.output


@pytest.mark.usefixtures("own_data")
def test_the_first_admin() -> None:
    words = ("createadmin", "--email", "Root@example.org", "--name", "Root")
    weak = hearthline(*words, stdin="12345\n12345\n")
    assert weak.exit_code == 1
    assert "too short" in weak.output
    strong = hearthline(*words, stdin="a-long-enough-word\na-long-enough-word\n")
    assert strong.exit_code == 0, strong.output
    twice = hearthline(*words, stdin="a-long-enough-word\na-long-enough-word\n")
    assert "already an account" in twice.output


@pytest.mark.usefixtures("own_data")
def test_the_books_are_proved() -> None:
    done = hearthline("ledger", "check")
    assert done.exit_code == 0, done.output
    assert "sound" in done.output


@pytest.mark.usefixtures("own_data")
def test_prices_come_from_a_file_all_or_none(tmp_path: Path) -> None:
    good = tmp_path / "prices.csv"
    good.write_text("prefix;per_minute;connection;description\n7;1,20;0;Russia\n79;1,60;0;mobile\n")
    assert "2 destinations" in hearthline("tariff", "load", str(good)).output
    bad = tmp_path / "bad.csv"
    bad.write_text("prefix;per_minute\n7;cheap\n")
    done = hearthline("tariff", "load", str(bad))
    assert done.exit_code == 1
    assert "Row 2" in done.output


@pytest.mark.sip
@pytest.mark.usefixtures("own_data")
def test_a_trunk_is_added_tried_and_called_through(provider: int) -> None:
    added = ("trunk", "add", "robots", "--host", "127.0.0.1", "--port", str(provider), "--username", "line")
    done = hearthline(*added, "--caller-id", "+74950000001", "--password-stdin", stdin="right\n")
    assert done.exit_code == 0, done.output
    assert f"127.0.0.1:{provider}" in hearthline("trunk", "list").output
    tried = hearthline("trunk", "test", "robots")
    assert tried.exit_code == 0, tried.output
    called = hearthline("doctor", "--call", "+7 916 000-00-01", "--trunk", "robots")
    assert "Answered." in called.output
    heard = re.search(r"Audio: (\d+) packets in, .* ([\d.]+) s of voice heard", called.output)
    assert heard, called.output
    assert int(heard[1]) > 200
    assert float(heard[2]) > 0.5
    assert "9160000001" not in called.output
    busy = hearthline("doctor", "--call", "+7 916 000-00-02")
    assert "cause 17 (busy)" in busy.output
    assert busy.exit_code == 1


@pytest.mark.sip
@pytest.mark.usefixtures("own_data")
def test_a_call_with_a_wrong_password_tells_what_the_provider_said(provider: int) -> None:
    added = ("trunk", "add", "locked", "--host", "127.0.0.1", "--port", str(provider), "--username", "line")
    hearthline(*added, "--caller-id", "+74950000001", "--password-stdin", stdin="wrong\n")
    called = hearthline("doctor", "--call", "+7 916 000-00-01")
    assert called.exit_code == 1
    assert "the provider does not take this user name and password), SIP 407" in called.output


def test_the_doctor_names_each_remedy(tmp_path: Path) -> None:
    unmigrated = process(tmp_path, "doctor")
    assert unmigrated.returncode == 1
    assert "hearthline migrate" in unmigrated.stdout
    assert process(tmp_path, "migrate").returncode == 0
    done = process(tmp_path, "doctor", HEARTHLINE_PUBLIC_URL="http://calls.example.org")
    assert done.returncode == 1
    for remedy in ("hearthline createadmin", "hearthline trunk add", "hearthline tariff load", "is not https"):
        assert remedy in done.stdout
    assert "Traceback" not in done.stderr


def test_a_port_in_use_is_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = process(tmp_path, "up", "--port", str(port))
    assert done.returncode == 1
    assert f"127.0.0.1:{port} cannot be used" in done.stderr
    assert f"--port {port + 1}" in done.stderr


def test_a_port_for_voices_in_use_is_a_sentence_and_a_demonstration_takes_another(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        done = process(tmp_path, "up", "--port", str(free_port()), HEARTHLINE_MEDIA_PORT=str(port))
        configuration = Configuration(data=tmp_path, media_port=port)
        other = with_media_port(configuration, demonstration=True).media_port
    assert done.returncode == 1
    assert f"UDP port {port} on 127.0.0.1" in done.stderr
    assert "HEARTHLINE_MEDIA_PORT" in done.stderr
    assert other != port
    assert with_media_port(configuration, demonstration=True) == configuration, "it is free again"


def test_a_demonstration_stays_on_this_machine(tmp_path: Path) -> None:
    done = process(tmp_path, "up", "--demo", "--host", "0.0.0.0")
    assert done.returncode == 1
    assert "served on this machine only" in done.stderr
    assert not (tmp_path / "hearthline.sqlite3").exists()


@pytest.mark.usefixtures("own_data")
def test_a_trunk_is_added_from_a_preset_and_changed() -> None:
    done = hearthline(
        "trunk", "add", "tel", "--preset", "telphin", "--username", "0000*101", "--password-stdin", stdin="w\n"
    )
    assert done.exit_code == 0, done.output
    assert "extension" in done.output
    trunk = Trunk.objects.get()
    assert (trunk.host, trunk.port, trunk.register, trunk.number_format) == (
        "sipproxy.telphin.ru",
        5068,
        True,
        "{e164}",
    )
    assert (trunk.username, trunk.password) == ("0000*101", "w")

    done = hearthline("trunk", "change", "tel", "--prefixes", "+7 44", "--calls-per-second", "2", "--not-in-use")
    assert done.exit_code == 0, done.output
    trunk.refresh_from_db()
    assert (trunk.prefixes, trunk.max_calls_per_s, trunk.active, trunk.password) == ("44 7", 2, False, "w")
    assert AuditEntry.objects.filter(tag="cli:trunk:changed").count() == 2

    refused = hearthline("trunk", "change", "tel", "--prefixes", "x")
    assert "x is no prefix" in refused.output
    trunk.refresh_from_db()
    assert trunk.prefixes == "44 7"
    assert re.search(r"tel\s+sipproxy.telphin.ru:5068\s+udp\s+44 7\s+-\s+off", hearthline("trunk", "list").output)
