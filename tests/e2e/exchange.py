"""A whole exchange in processes of its own, as an administrator starts it: `hearthline up` on a temporary data folder."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from tests.clerk import Clerk
from tests.migrated import data_folder

ROOT = Path(__file__).resolve().parents[2]
START_S = 120.0
T = TypeVar("T")


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    with closing(socket.socket(socket.AF_INET, kind)) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(look: Callable[[], T | None], what: str, *, timeout_s: float = 20.0, every_s: float = 0.1) -> T:
    """What `look` finds, as soon as it finds something true. Fails with `what` after `timeout_s`."""
    end = time.monotonic() + timeout_s
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout_s:.0f} s for {what}")
        time.sleep(every_s)


class Exchange:
    """Start, look into, hurt and stop one exchange."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("HEARTHLINE_", "DJANGO_"))},
            "HEARTHLINE_DATA": str(folder),
            "HEARTHLINE_LISTEN_PORT": str(self.port),
            "HEARTHLINE_PUBLIC_URL": self.url,
            "HEARTHLINE_MEDIA_PORT": str(free_port(socket.SOCK_DGRAM)),
            "PYTHONUNBUFFERED": "1",
            **{f"HEARTHLINE_{name.upper()}": value for name, value in settings.items()},
        }
        self.log: list[str] = []
        self._process: subprocess.Popen[str] | None = None
        self._clerk: Clerk | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "hearthline", "up"],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._keep_log, args=(self._process,), daemon=True).start()
        wait_for(self.answers, f"the exchange to answer; it said:\n{self.said()}", timeout_s=START_S)

    def stop(self) -> None:
        if self._clerk is not None:
            self._clerk.stop()
            self._clerk = None
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(5)
            raise AssertionError(f"the exchange did not stop; it said:\n{self.said()}") from None

    def answers(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise AssertionError(f"the exchange ended by itself:\n{self.said()}")
        try:
            with urllib.request.urlopen(self.url + "/healthz", timeout=2) as reply:
                return bool(reply.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def said(self) -> str:
        return "\n".join(self.log[-60:])

    def child(self, *words: str) -> int:
        """The process id of the child whose command line has all these words."""
        assert self._process is not None
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[1]
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except (OSError, IndexError):
                continue  # it ended while we looked
            if parent == str(self._process.pid) and all(word in command for word in words):
                return int(entry.name)
        raise AssertionError(f"no child of the exchange runs {' '.join(words)}")

    def run(self, *arguments: str) -> str:
        """The output of a `hearthline` command on this exchange."""
        return self._ask(arguments=arguments)

    def seed(self, module: str = "tests.e2e.seed", **wanted: Any) -> dict[str, Any]:
        """Make people, a customer, a trunk, a campaign: see `seed.py`."""
        code = f"import json\nfrom {module} import seed\nprint(json.dumps(seed({wanted!r})))"
        found: dict[str, Any] = json.loads(self._ask(code=code).splitlines()[-1])
        return found

    def manage(self, code: str) -> None:
        """Run Python inside the exchange's own database."""
        self._ask(code=code)

    def _ask(self, **wanted: object) -> str:
        if self._clerk is None:
            self._clerk = Clerk(self.environment)
        return self._clerk.ask(**wanted)

    def add_contact(self, phone: str, name: str) -> None:
        self.manage(
            "from hearthline.campaigns.models import Campaign; from hearthline.campaigns.contacts import add_contact; "
            f"add_contact(campaign=Campaign.objects.get(kind='real'), phone={phone!r}, name={name!r})"
        )

    def rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        with closing(sqlite3.connect(f"file:{self.folder}/hearthline.sqlite3?mode=ro", uri=True, timeout=10)) as db:
            db.row_factory = sqlite3.Row
            return db.execute(query, values).fetchall()

    def row(self, query: str, *values: object) -> sqlite3.Row:
        (row,) = self.rows(query, *values)
        return row

    def books_balance(self) -> bool:
        return self.run("ledger", "check").rstrip().endswith(": sound")

    def _keep_log(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.log.append(line.rstrip())
            del self.log[:-2000]


@contextmanager
def running(folder: Path, **settings: str) -> Iterator[Exchange]:
    exchange = Exchange(data_folder(folder), **settings)
    exchange.start()
    try:
        yield exchange
    finally:
        exchange.stop()
