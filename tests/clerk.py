"""An administrator who has the exchange's command line open: see `clerk_process.py`."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


class Clerk:
    """Carries out commands of `hearthline`, and Python inside the exchange, without a process for each."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._turn = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.clerk_process"], cwd=ROOT,
            env={**environment, "DJANGO_SETTINGS_MODULE": "hearthline.settings"}, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def ask(self, status: int = 0, **wanted: object) -> str:
        """What it printed. `arguments`: of a command; or `code`: Python. It must end with `status`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._turn:
            self._process.stdin.write(json.dumps(wanted) + "\n")
            self._process.stdin.flush()
            done = json.loads(self._process.stdout.readline())
        assert done["status"] == status, done["output"]
        return str(done["output"])

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()
