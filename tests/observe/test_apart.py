"""Call control as a process of its own tells of its node on an address of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

from tests.e2e.exchange import ROOT, free_port, wait_for
from tests.migrated import data_folder


def test_a_node_that_stands_apart(tmp_path: Path) -> None:
    port = free_port()
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("HEARTHLINE_")},
        "HEARTHLINE_DATA": str(data_folder(tmp_path)),
        "HEARTHLINE_MEDIA_PORT": "0",
        "HEARTHLINE_METRICS_LISTEN": f"127.0.0.1:{port}",
        "HEARTHLINE_LOG_FORMAT": "json",
    }
    command = [sys.executable, "-m", "hearthline"]
    processes = [
        subprocess.Popen([*command, part], cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
        for part in ("engine", "callcontrol")
    ]

    def asked(path: str) -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as reply:
                return str(reply.read().decode())
        except OSError:
            return ""

    try:
        wait_for(lambda: asked("/readyz"), "the node to be ready", timeout_s=60)
        assert json.loads(asked("/readyz"))["parts"]["callcontrol"] == "ok"
        told = asked("/metrics")
        assert "hearthline_switch_up 1.0" in told
        assert 'hearthline_calls{phase="talking"} 0.0' in told
        assert 'hearthline_exchange_node_legs{node="local"} 0.0' in told
    finally:
        for process in processes:
            process.terminate()
            _, said = process.communicate(timeout=30)
            assert all("event" in json.loads(line) for line in said.splitlines())
