"""A process that cannot do its work says which part fails, and stays up for what it still can do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests import postgresql
from tests.e2e.exchange import ROOT, free_port, wait_for


def asked(port: int, path: str = "/readyz") -> tuple[int, str] | None:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read().decode()
    except OSError:
        return None


@pytest.mark.postgres
def test_without_a_node_and_then_without_its_database(tmp_path: Path) -> None:
    try:
        running = postgresql.running(migrated=True)
        server = running.__enter__()
    except postgresql.PostgresMissingError as missing:
        pytest.skip(str(missing))
    stopped = False
    port = free_port()
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("HEARTHLINE_")},
        "HEARTHLINE_DATA": str(tmp_path),
        "HEARTHLINE_DATABASE_URL": f"postgresql://hearthline@127.0.0.1:{server.port}/empty",
        "HEARTHLINE_LISTEN_PORT": str(port),
    }
    command = [sys.executable, "-m", "hearthline"]
    process = subprocess.Popen([*command, "web"], cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    try:
        status, text = wait_for(lambda: asked(port), "the web process", timeout_s=60)
        parts = json.loads(text)["parts"]
        assert status == 503
        assert parts == {"database": "ok", "bus": "ok", "callcontrol": "no node has told of itself"}

        running.__exit__(None, None, None)
        stopped = True
        answer = asked(port)
        assert answer is not None
        status, text = answer
        assert status == 503
        assert "fails (OperationalError)" in json.loads(text)["parts"]["database"]
        assert json.loads(text)["parts"]["bus"] == "ok"
        assert asked(port, "/healthz") == (200, '{"ok": true, "callcontrol": "none"}')
        told = asked(port, "/metrics")
        assert told is not None
        assert "hearthline_exchange_read 0.0" in told[1]
    finally:
        process.terminate()
        process.wait(20)
        if not stopped:
            running.__exit__(None, None, None)
