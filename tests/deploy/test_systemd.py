"""The units, judged by systemd's own tools (which need no running systemd)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from hearthline.cli import main
from tests.e2e.exchange import ROOT

UNITS = sorted((ROOT / "deploy" / "systemd").glob("hearthline*"))
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
MOST_EXPOSED = 25  # of 100, as `systemd-analyze security` counts; a service without any protection has 96

pytestmark = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="systemd-analyze is not on this machine (Debian: systemd)"
)


def run(*words: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        list(words), capture_output=True, text=True, timeout=150, check=False, env={**os.environ, **env}
    )


@pytest.fixture
def installed(tmp_path: Path) -> list[Path]:
    """Copies whose programs exist on this machine."""
    python = shutil.which("true")
    copies = []
    for unit in UNITS:
        text = re.sub(r"/opt/hearthline/\.venv/bin/hearthline\b", str(python), unit.read_text())
        text = text.replace("Documentation=file:///opt/hearthline/", f"Documentation=file://{ROOT}/")
        if unit.suffix in {".service", ".target", ".timer"}:
            copies.append(tmp_path / unit.name)
            copies[-1].write_text(text)
    return copies


def test_systemd_takes_them(installed: list[Path]) -> None:
    assert len(installed) >= 8
    done = run("systemd-analyze", "verify", *installed)
    said = [
        line for line in done.stderr.splitlines() if "hearthline" in line
    ]  # of ours, not of the machine's own units
    assert said == []
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: str(unit.stem))
def test_each_service_may_do_little(unit: Path) -> None:
    done = run("systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSED}", "--no-pager", unit)
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr
    assert "rror" not in done.stderr


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: str(unit.stem))
def test_each_service_runs_a_command_that_there_is(unit: Path) -> None:
    words = re.findall(r"^ExecStart=.*?bin/hearthline (\S+)", unit.read_text(), re.M)
    assert words
    assert set(words) <= set(main.commands)


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("systemd-sysusers"), reason="needs root and systemd-sysusers")
def test_user_and_folders_are_made_for_the_service_alone(tmp_path: Path) -> None:
    folder = ROOT / "deploy" / "systemd"
    (tmp_path / "etc").mkdir()
    made = run("systemd-sysusers", f"--root={tmp_path}", folder / "hearthline.sysusers")
    assert made.returncode == 0, made.stderr
    assert "hearthline" in (tmp_path / "etc" / "passwd").read_text()
    laid = run("systemd-tmpfiles", "--create", f"--root={tmp_path}", folder / "hearthline.tmpfiles")
    assert laid.returncode == 0, laid.stderr
    assert (tmp_path / "var/lib/hearthline").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "etc/hearthline/secrets").stat().st_mode & 0o777 == 0o750
