"""The main job without a browser: `hearthline up --demo --first-shift-only` on a data folder and ports of its own."""

from __future__ import annotations

import os
import re
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from hearthline.configuration import ROOT
from hearthline.quality.recordings.opus_file import read_opus
from hearthline.quality.recordings.samples import read_wav


def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.slow
@pytest.mark.sip
@pytest.mark.timeout(300)
def test_robots_work_a_shift_and_the_books_are_right(tmp_path: Path) -> None:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("HEARTHLINE_", "DJANGO_"))}
    env = {**clean, "HEARTHLINE_MEDIA_PORT": str(free_port(socket.SOCK_DGRAM))}
    command = [sys.executable, "-m", "hearthline", "--data", str(tmp_path), "up", "--demo", "--first-shift-only"]
    done = subprocess.run(
        [*command, "--port", str(free_port(socket.SOCK_STREAM))],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    told = done.stdout
    assert done.returncode == 0, told + done.stderr
    assert "TROUBLE" not in told
    assert re.search(r"^Robot \w+ .*\+7 9•• •••-••-\d\d .* → Robot Pavel ", told, re.M), told
    assert re.search(r"^[6-9] calls|^1\d calls", told, re.M), told
    assert "ledger check: " in told
    assert "RUB 0: sound" in told
    assert not re.search(r"\+7\d{10}", told), "a phone number was printed"
    with sqlite3.connect(tmp_path / "hearthline.sqlite3") as database:
        paid = database.execute(
            "SELECT count(*), sum(charged_minor), sum(earned_minor) FROM calls_attempt WHERE payable"
        )
        count, charged, earned = paid.fetchone()
        recordings = [row[0] for row in database.execute("SELECT path FROM calls_recording WHERE duration_ms > 8000")]
    database.close()
    assert count >= 2
    assert earned * 10 == charged * 8  # the exchange keeps a fifth
    assert recordings
    for path in recordings:
        with (tmp_path / "recordings" / path).open("rb") as file:  # some are packed by now, some not yet
            pieces = list(read_opus(file) if path.endswith(".opus") else read_wav(file))
        loudest = [max(max(abs(sample) for sample in piece[side]) for piece in pieces) for side in (0, 1)]
        assert min(loudest) > 2000, f"one side of {path} is silent: {loudest}"
